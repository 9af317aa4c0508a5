//! What the journal of nights tells.

use super::schedule::NotYetReason;
use super::{NightOutcome, NightReport};
use crate::base::{Day, Error, StopReason};

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// It ended by itself: everything made, stopped, or nothing to work on.
    Ended(NightOutcome),
    /// It failed with this error; what it had published stays.
    Failed(String),
    /// It runs still, or its process was ended in the middle of it.
    Cut,
    /// No run: something that happened beside one.
    Noted(String),
}

/// One run of the night.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightRun {
    /// Its number, growing.
    pub id: i64,
    /// When it began by the device's clock, Unix milliseconds.
    pub began_ms: i64,
    /// When it ended; none for one that was cut.
    pub ended_ms: Option<i64>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Slates that it published: counted with each, so right for one that was cut, too.
    pub published: u32,
    /// Slates that it kept.
    pub kept: u32,
    /// Slates that it left for the next.
    pub remaining: u32,
    /// Processor time that it took in milliseconds, where the system tells.
    pub cpu_ms: u64,
    /// Time that it took in milliseconds.
    pub wall_ms: u64,
    /// The reason that the platform gave for stopping it.
    pub stop_told: Option<String>,
    /// The conditions of the device when the schedule let it run, in words.
    pub conditions: Option<String>,
}

/// How often the schedule said "not yet" on one day for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// The local day.
    pub day: Day,
    /// Why.
    pub reason: NotYetReason,
    /// How often.
    pub count: u32,
}

impl RunOutcome {
    /// How a night that gave `ended` ended.
    #[must_use]
    pub fn of(ended: Result<&NightReport, &Error>) -> Self {
        match ended {
            Ok(report) => Self::Ended(report.outcome),
            Err(error) => Self::Failed(error.to_string()),
        }
    }

    /// A word for the outcome, as it is stored, and the text that goes with it.
    #[must_use]
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Ended(NightOutcome::Finished) => ("finished", None),
            Self::Ended(NightOutcome::NoRelease) => ("no release", None),
            Self::Ended(NightOutcome::Stopped(reason)) => (word_of(*reason), None),
            Self::Failed(error) => ("failed", Some(error)),
            Self::Cut => ("cut", None),
            Self::Noted(what) => ("note", Some(what)),
        }
    }
}

/// The outcome of a word; one that this library does not know is a note.
pub(super) fn of_words(word: Option<&str>, text: Option<String>) -> RunOutcome {
    let stopped = |reason| RunOutcome::Ended(NightOutcome::Stopped(reason));
    match word {
        None | Some("cut") => RunOutcome::Cut,
        Some("finished") => RunOutcome::Ended(NightOutcome::Finished),
        Some("no release") => RunOutcome::Ended(NightOutcome::NoRelease),
        Some("cancelled") => stopped(StopReason::Cancelled),
        Some("out of time") => stopped(StopReason::OutOfTime),
        Some("out of cpu") => stopped(StopReason::OutOfCpu),
        Some("out of memory") => stopped(StopReason::OutOfMemory),
        Some("failed") => RunOutcome::Failed(text.unwrap_or_default()),
        Some(other) => RunOutcome::Noted(text.unwrap_or_else(|| other.to_owned())),
    }
}

fn word_of(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Cancelled => "cancelled",
        StopReason::OutOfTime => "out of time",
        StopReason::OutOfCpu => "out of cpu",
        StopReason::OutOfMemory => "out of memory",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_comes_back_from_its_words() {
        let reasons = [
            StopReason::Cancelled,
            StopReason::OutOfTime,
            StopReason::OutOfCpu,
            StopReason::OutOfMemory,
        ];
        let stopped = reasons.map(|reason| RunOutcome::Ended(NightOutcome::Stopped(reason)));
        let more = [
            RunOutcome::Ended(NightOutcome::Finished),
            RunOutcome::Ended(NightOutcome::NoRelease),
            RunOutcome::Failed("model: not finite".into()),
            RunOutcome::Noted("went back".into()),
            RunOutcome::Cut,
        ];
        for outcome in stopped.into_iter().chain(more) {
            let (word, text) = outcome.words();
            assert_eq!(of_words(Some(word), text.map(str::to_owned)), outcome);
        }
        assert_eq!(of_words(None, None), RunOutcome::Cut);
    }
}
