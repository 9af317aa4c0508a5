//! What the schedule knows of the nights before.

use super::GoodHours;
use crate::night::{NightOutcome, NightRun, RunOutcome};

/// How a past night ended, as far as the schedule cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastOutcome {
    /// Everything was made or kept.
    Finished,
    /// It stopped early, and had made something.
    Partly,
    /// It failed, was cut, or stopped before it had made anything.
    Nothing,
}

/// One past night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastRun {
    /// When it began, Unix milliseconds.
    pub began_ms: i64,
    /// When it ended, or began when it was cut, Unix milliseconds.
    pub ended_ms: i64,
    /// How.
    pub outcome: PastOutcome,
}

impl PastRun {
    /// What the schedule needs of a run in the journal; none for a note, or a night without a
    /// release.
    #[must_use]
    pub fn of(run: &NightRun) -> Option<Self> {
        let made = if run.published > 0 { PastOutcome::Partly } else { PastOutcome::Nothing };
        let outcome = match run.outcome {
            RunOutcome::Noted(_) | RunOutcome::Ended(NightOutcome::NoRelease) => return None,
            RunOutcome::Ended(NightOutcome::Finished) => PastOutcome::Finished,
            RunOutcome::Ended(NightOutcome::Stopped(_)) | RunOutcome::Cut => made,
            RunOutcome::Failed(_) => PastOutcome::Nothing,
        };
        let ended_ms = run.ended_ms.unwrap_or(run.began_ms);
        Some(Self { began_ms: run.began_ms, ended_ms, outcome })
    }
}

/// The nights before, and what was observed of the device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Past nights, the newest first by the order in which they ran, not by their times.
    pub runs: Vec<PastRun>,
    /// Whether a release is installed.
    pub has_release: bool,
    /// Whether a release is installed for which no night has been made: its slates are stand-ins,
    /// or those of another.
    pub new_release: bool,
    /// At which hours the device was seen charging and unused.
    pub good_hours: GoodHours,
}
