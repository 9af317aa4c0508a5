//! The journal of nights.

use noctule_core::night;

use crate::{NightOutcome, NotYetReason};

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum RunOutcome {
    /// It ended by itself: everything made, stopped, or nothing to work on.
    Ended {
        /// How.
        outcome: NightOutcome,
    },
    /// It failed; what it had published stays.
    Failed {
        /// The error, for the log.
        reason: String,
    },
    /// It runs still, or its process was ended in the middle of it.
    Cut,
    /// No run: something that happened beside one.
    Noted {
        /// What.
        what: String,
    },
}

impl From<night::RunOutcome> for RunOutcome {
    fn from(outcome: night::RunOutcome) -> Self {
        match outcome {
            night::RunOutcome::Ended(outcome) => Self::Ended { outcome: outcome.into() },
            night::RunOutcome::Failed(reason) => Self::Failed { reason },
            night::RunOutcome::Cut => Self::Cut,
            night::RunOutcome::Noted(what) => Self::Noted { what },
        }
    }
}

/// One run of the night.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NightRun {
    /// When it began by the device's clock, Unix milliseconds.
    pub began_ms: i64,
    /// When it ended; none for one that was cut.
    pub ended_ms: Option<i64>,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Slates that it published.
    pub published: u32,
    /// Slates that it kept.
    pub kept: u32,
    /// Slates that it left for the next.
    pub remaining: u32,
    /// Processor time that it took in milliseconds; 0 where the system does not tell.
    pub cpu_ms: u64,
    /// Time that it took in milliseconds.
    pub wall_ms: u64,
    /// The reason that the platform gave for stopping it.
    pub stop_told: Option<String>,
    /// The conditions of the device when the schedule let it run, in words.
    pub conditions: Option<String>,
}

impl From<night::NightRun> for NightRun {
    fn from(run: night::NightRun) -> Self {
        Self {
            began_ms: run.began_ms,
            ended_ms: run.ended_ms,
            outcome: run.outcome.into(),
            published: run.published,
            kept: run.kept,
            remaining: run.remaining,
            cpu_ms: run.cpu_ms,
            wall_ms: run.wall_ms,
            stop_told: run.stop_told,
            conditions: run.conditions,
        }
    }
}

/// How often `schedule` said "not yet" on one day for one reason; once an hour counts.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Refusals {
    /// The local day, as `YYYY-MM-DD`.
    pub day: String,
    /// Why.
    pub reason: NotYetReason,
    /// How often.
    pub count: u32,
}

impl From<night::Refusals> for Refusals {
    fn from(refusals: night::Refusals) -> Self {
        let night::Refusals { day, reason, count } = refusals;
        Self { day: day.to_string(), reason: reason.into(), count }
    }
}

/// The journal of nights, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NightJournal {
    /// The runs; at most 200.
    pub runs: Vec<NightRun>,
    /// Why none ran.
    pub refusals: Vec<Refusals>,
}

impl From<noctule_core::NightJournal> for NightJournal {
    fn from(journal: noctule_core::NightJournal) -> Self {
        Self {
            runs: journal.runs.into_iter().map(Into::into).collect(),
            refusals: journal.refusals.into_iter().map(Into::into).collect(),
        }
    }
}
