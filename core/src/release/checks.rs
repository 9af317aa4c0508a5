//! `checks.jsonl`: behavioural tests of a model, one JSON object a line.
//!
//! The idea is CheckList (Ribeiro, Wu, Guestrin and Singh, ACL 2020): a model is tested by what it
//! must do, not by an average. The format stands in `core/docs/formats/checks.md`.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::manifest::{CHECKS_FILE, Manifest};
use crate::base::limits::{CHECKS_BYTES_MAX, CHECKS_MAX, LINE_BYTES_MAX};
use crate::base::{ContextId, Error, GeoPoint, ItemId, Refusal, Result, SurfaceId, json};
use line::Line;

/// What kind of demand a check makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What a person who looks at the slate would call right or wrong.
    Sanity,
    /// A change of the history that must change nothing.
    Invariance,
    /// Scores that stay what they were.
    Regression,
    /// Time and memory.
    Budget,
}

impl Level {
    /// Its name in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sanity => "sanity",
            Self::Invariance => "invariance",
            Self::Regression => "regression",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the user of a check did with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Converted.
    Chosen,
    /// Liked.
    Liked,
    /// Clicked.
    Clicked,
    /// Saw it at the first position and went on.
    Passed,
    /// Disliked.
    Disliked,
    /// Asked never to see it.
    Hidden,
}

/// One event of a check's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEvent {
    /// The item.
    pub item: ItemId,
    /// What was done with it.
    pub kind: CheckKind,
    /// What it counts for, above 0 and at most 10; without it what feedback of the kind counts for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f32>,
    /// The context it was given in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextId>,
    /// Days before the moment of the check, 0 to 3,650; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days_ago: Option<f64>,
}

/// Whom a slate is made for, and where.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Situation {
    /// What the user did, in the order of time.
    pub history: Vec<CheckEvent>,
    /// The surface; the plan's first when absent.
    pub surface: Option<SurfaceId>,
    /// The context; the surface's first when absent.
    pub context: Option<ContextId>,
    /// Where the user is.
    pub place: Option<GeoPoint>,
    /// The moment, Unix milliseconds; the manifest's `created_ms` when absent.
    pub at_ms: Option<i64>,
}

/// An item and how far from the top it may stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithinTop {
    /// The item.
    pub item: ItemId,
    /// Slots from the top, 1 to 1,000.
    pub k: usize,
}

/// What a check asks of a release.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// Every one of what is given holds.
    Sanity {
        /// The score of the first is above that of the second.
        prefer: Option<[ItemId; 2]>,
        /// The item is among the first of the slate.
        within_top: Option<WithinTop>,
        /// Each is in the slate.
        must_show: Vec<ItemId>,
        /// None is in the slate.
        must_not_show: Vec<ItemId>,
    },
    /// The slate of another history is the same, as far as given.
    Invariance {
        /// The other history; it may name items that no catalogue has.
        changed_history: Vec<CheckEvent>,
        /// Score of every slot: greatest difference.
        tolerance: Option<f64>,
        /// The first so many slots hold the same items, in any order.
        same_top: Option<usize>,
    },
    /// A score differs from what is given by at most `tolerance + relative * |given|`.
    Regression {
        /// Score by item.
        scores: BTreeMap<ItemId, f64>,
        /// Allowed difference.
        tolerance: f64,
        /// Allowed difference, as a share of the score.
        relative: f64,
    },
    /// Making one slate stays within what is given.
    Budget {
        /// Milliseconds, where a backend packs; a device may take `latency_factor` times as long.
        slate_ms_max: Option<f64>,
        /// Growth of anonymous memory, bytes.
        memory_bytes_max: Option<u64>,
    },
}

/// One behavioural test.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name, unlike that of every other: as an item's.
    pub id: String,
    /// What it is about, for a person.
    pub description: Option<String>,
    /// Whom it is about.
    pub situation: Situation,
    /// What it asks.
    pub demand: Demand,
}

impl Check {
    /// Its level.
    #[must_use]
    pub fn level(&self) -> Level {
        match self.demand {
            Demand::Sanity { .. } => Level::Sanity,
            Demand::Invariance { .. } => Level::Invariance,
            Demand::Regression { .. } => Level::Regression,
            Demand::Budget { .. } => Level::Budget,
        }
    }
}

/// All checks of a release, at most 256, each id once.
///
/// ```
/// use noctule_core::release::Checks;
/// let line = r#"{"id": "no-hidden", "level": "sanity",
///     "history": [{"item": "luna", "kind": "hidden"}], "must_not_show": ["luna"]}"#;
/// let checks = Checks::parse(line.replace('\n', " ").as_bytes())?;
/// assert_eq!(checks.all()[0].id, "no-hidden");
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks(Vec<Check>);

impl Checks {
    /// Reads the file at `path`, which is read to at most 4 MiB.
    ///
    /// # Errors
    /// [`Error::File`]; as [`Self::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        let mut bytes = Vec::new();
        let read = file.take(CHECKS_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(Error::file(path, "reading"))?;
        Self::parse(&bytes)
    }

    /// The checks of the release in `directory`; none when its manifest names no such file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_release(directory: &Path, manifest: &Manifest) -> Result<Option<Self>> {
        let has = manifest.files.contains_key(CHECKS_FILE);
        has.then(|| Self::read(&directory.join(CHECKS_FILE))).transpose()
    }

    /// Reads checks, one JSON object a line.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] for `checks.jsonl`, with the line behind it: more than 4 MiB, more
    /// than 256 lines or none, a line of more than 64 KiB, a field that is unknown, twice there,
    /// missing, out of range or not of the check's level, an id that an earlier line has.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let file = |refusal| Error::refused(CHECKS_FILE, refusal);
        at_most("length in bytes", bytes.len() as u64, CHECKS_BYTES_MAX).map_err(file)?;
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        if text.is_empty() {
            return Err(file(field("document", "holds no check; leave the file out instead")));
        }
        // Counted without keeping what is too much.
        let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
        at_most("number of checks", lines as u64, CHECKS_MAX as u64).map_err(file)?;
        let mut checks = Vec::with_capacity(lines);
        let mut ids = BTreeSet::new();
        for (number, line) in (1_u64..).zip(text.split(|byte| *byte == b'\n')) {
            let refused = |refusal| Error::refused(format!("{CHECKS_FILE}:{number}"), refusal);
            at_most("length of the line", line.len() as u64, LINE_BYTES_MAX as u64)
                .map_err(refused)?;
            let line: Line = json::parse(line).map_err(refused)?;
            let check = line.check().map_err(refused)?;
            if !ids.insert(check.id.clone()) {
                return Err(refused(field("id", format!("{:?} is there twice", check.id))));
            }
            checks.push(check);
        }
        Ok(Self(checks))
    }

    /// Takes checks that were made in memory, by way of their file.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn new(checks: Vec<Check>) -> Result<Self> {
        Self::parse(&Self(checks).to_bytes()?)
    }

    /// The file: one check a line.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a check cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for check in &self.0 {
            serde_json::to_writer(&mut bytes, &Line::of(check))
                .map_err(|error| Error::invalid("checks", error.to_string()))?;
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// The checks in the order of their lines.
    #[must_use]
    pub fn all(&self) -> &[Check] {
        &self.0
    }
}

fn field(field: impl Into<String>, reason: impl Into<String>) -> Refusal {
    Refusal::Field { field: field.into(), reason: reason.into() }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), Refusal> {
    if found > limit {
        return Err(Refusal::TooLarge { what, found, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
