//! What is wrong with a profile, in sentences that a support engineer can act on.

mod findings;
mod nights;

use std::collections::BTreeMap;
use std::path::Path;

use super::{NightJournal, Noctule, Releases, Status};
use crate::base::Result;
use crate::release::{check_installed, installed_path};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// Somebody has to do something.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is about (`nights`, `release`).
    pub about: &'static str,
    /// What was found, a sentence without user data.
    pub text: String,
    /// What to do about it.
    pub advice: Option<&'static str>,
}

/// Bytes on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The database with its log.
    pub database: u64,
    /// The installed releases, and what was fetched of one on its way.
    pub releases: u64,
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What was looked at, the worst first.
    pub findings: Vec<Finding>,
    /// Bytes on disk.
    pub sizes: Sizes,
}

impl Diagnosis {
    /// The worst level of all findings.
    #[must_use]
    pub fn level(&self) -> Level {
        self.findings.first().map_or(Level::Fine, |worst| worst.level)
    }
}

/// All that the findings are made from.
#[derive(Debug, Clone)]
struct Facts {
    now_ms: i64,
    offset_minutes: i32,
    journal: NightJournal,
    status: Status,
    releases: Releases,
    /// Slates of the plan.
    planned: u32,
    /// Slates on the shelf that are not stale and were made at night.
    fresh: u32,
    /// Rules and exposures that slates do not meet, and in how many slates.
    unmet: BTreeMap<String, usize>,
    /// What SQLite found wrong.
    database: Vec<String>,
    /// What is wrong with the files of the active release.
    release_damage: Option<String>,
    sizes: Sizes,
}

impl Noctule {
    /// Looks at everything: journal, slates, releases with every byte of them, database, feedback.
    /// Changes nothing. May take seconds.
    ///
    /// ```
    /// use noctule_core::consent::DataConsent;
    /// use noctule_core::{Config, Level, Noctule};
    /// let directory = tempfile::tempdir()?;
    /// let config = Config::new(directory.path().join("profile"), "town", DataConsent::Full);
    /// let noctule = Noctule::open(config)?;
    /// let diagnosis = noctule.doctor()?;
    /// assert!(diagnosis.findings.iter().any(|finding| finding.about == "release"));
    /// assert_eq!(diagnosis.level(), Level::Problem, "there is no release");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::base::Error::Closed`]; [`crate::base::Error::Storage`] and
    /// [`crate::base::Error::Damaged`] when the database cannot be read at all.
    pub fn doctor(&self) -> Result<Diagnosis> {
        let now_ms = self.config.clock.now_ms();
        let database = self.store.check()?;
        let releases = self.releases()?;
        let release_damage = releases.active.as_ref().and_then(|active| {
            let directory = installed_path(&self.releases_dir(), &active.release);
            check_installed(&directory, &active.manifest_sha256).err()
        });
        let shelf = self.shelf.snapshot();
        let slates = shelf.slates.values().map(|published| published.slate());
        let fresh = slates.filter(|slate| slate.made_at_night && now_ms < slate.stale_after_ms);
        let mut unmet = BTreeMap::new();
        for published in shelf.slates.values() {
            for of_slate in &published.slate().unmet {
                *unmet.entry(of_slate.rule.clone()).or_insert(0) += 1;
            }
        }
        let facts = Facts {
            now_ms,
            unmet,
            offset_minutes: self.config.clock.offset_minutes(),
            journal: self.journal()?,
            status: self.status()?,
            planned: self.planned(),
            fresh: fresh.count() as u32,
            database,
            release_damage: release_damage.map(|error| error.to_string()),
            releases,
            sizes: sizes(&self.config.directory),
        };
        Ok(Diagnosis { findings: findings::of(&facts), sizes: facts.sizes })
    }
}

/// Bytes below the profile directory; what cannot be read counts nothing.
fn sizes(directory: &Path) -> Sizes {
    let releases = bytes_below(&directory.join("releases"), 4);
    Sizes { database: bytes_below(directory, 1), releases }
}

/// Bytes of the files in `directory` and, `depth` levels deep, of those below it.
fn bytes_below(directory: &Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let bytes = entries.filter_map(Result::ok).map(|entry| match entry.metadata() {
        Ok(found) if found.is_file() => found.len(),
        Ok(found) if found.is_dir() && depth > 1 => bytes_below(&entry.path(), depth - 1),
        _ => 0,
    });
    bytes.sum()
}
