//! How a profile stands.

use noctule_core::release;

/// Name and version of a release.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ReleaseName {
    /// The line of releases.
    pub name: String,
    /// Grows with every release of the line.
    pub version: u64,
}

impl From<release::ReleaseName> for ReleaseName {
    fn from(release: release::ReleaseName) -> Self {
        Self { name: release.name, version: release.version }
    }
}

/// What makes the slates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Policy {
    /// The release's model.
    Model,
    /// The rule-based baseline: popular in this context, near the user, open.
    Baseline,
}

impl From<release::Policy> for Policy {
    fn from(policy: release::Policy) -> Self {
        match policy {
            release::Policy::Model => Self::Model,
            release::Policy::Baseline => Self::Baseline,
        }
    }
}

/// How a profile stands.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Status {
    /// The active release, as `name@version`.
    pub release: Option<String>,
    /// The arm of the experiment, when one runs.
    pub arm: Option<String>,
    /// What the treatment asks for; a release without a model serves its baseline all the same.
    pub policy: Policy,
    /// Pseudonym of the installation.
    pub installation: String,
    /// Events ever recorded under this pseudonym.
    pub recorded: u64,
    /// Events of those that wait for an acknowledgement.
    pub pending_events: u64,
    /// Events that the collector refused one by one.
    pub rejected: u64,
    /// Slates that can be served.
    pub slates: u32,
    /// Stored values that failed their checksum since this was opened, and what replaced them was
    /// the baseline or a new profile.
    pub damaged: Vec<String>,
}

impl From<noctule_core::Status> for Status {
    fn from(status: noctule_core::Status) -> Self {
        Self {
            release: status.release,
            arm: status.arm,
            policy: status.policy.into(),
            installation: status.installation,
            recorded: status.recorded,
            pending_events: status.pending_events,
            rejected: status.rejected,
            slates: status.slates,
            damaged: status.damaged,
        }
    }
}
