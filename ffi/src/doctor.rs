//! What is wrong with a profile.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FindingLevel {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// Somebody has to do something.
    Problem,
}

impl From<noctule_core::Level> for FindingLevel {
    fn from(level: noctule_core::Level) -> Self {
        match level {
            noctule_core::Level::Fine => Self::Fine,
            noctule_core::Level::Note => Self::Note,
            noctule_core::Level::Problem => Self::Problem,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Finding {
    /// How bad it is.
    pub level: FindingLevel,
    /// What it is about (`nights`, `release`).
    pub about: String,
    /// What was found, a sentence without user data.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Diagnosis {
    /// What was looked at, the worst first.
    pub findings: Vec<Finding>,
    /// Bytes that the database takes.
    pub database_bytes: u64,
    /// Bytes that the releases take.
    pub releases_bytes: u64,
}

impl From<noctule_core::Diagnosis> for Diagnosis {
    fn from(diagnosis: noctule_core::Diagnosis) -> Self {
        let noctule_core::Diagnosis { findings, sizes } = diagnosis;
        let finding = |found: noctule_core::Finding| Finding {
            level: found.level.into(),
            about: found.about.to_owned(),
            text: found.text,
            advice: found.advice.map(str::to_owned),
        };
        Self {
            findings: findings.into_iter().map(finding).collect(),
            database_bytes: sizes.database,
            releases_bytes: sizes.releases,
        }
    }
}
