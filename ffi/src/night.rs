//! What a night may spend and what it did.

use std::time::Duration;

use noctule_core::{base, night};

/// What one slice of the night may spend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, uniffi::Record)]
pub struct Budget {
    /// Wall-clock milliseconds from the begin of the call; none means no limit.
    #[uniffi(default = None)]
    pub wall_ms: Option<u64>,
    /// Milliseconds of processor time of this process from the begin of the call; none means no
    /// limit. Counted on Linux and Android only.
    #[uniffi(default = None)]
    pub cpu_ms: Option<u64>,
    /// Bytes of memory that the night may take beyond what the process holds; none means no limit.
    /// Counted on Linux and Android only.
    #[uniffi(default = None)]
    pub memory_bytes: Option<u64>,
    /// Threads that may compute, at least 1; one when absent.
    #[uniffi(default = None)]
    pub threads: Option<u32>,
    /// Part of `wall_ms` that is kept for closing; a tenth, at most two seconds, when absent.
    #[uniffi(default = None)]
    pub reserve_ms: Option<u64>,
}

impl From<Budget> for base::Budget {
    fn from(budget: Budget) -> Self {
        Self {
            wall: budget.wall_ms.map(Duration::from_millis),
            cpu: budget.cpu_ms.map(Duration::from_millis),
            memory: budget.memory_bytes,
            threads: budget.threads,
            reserve: budget.reserve_ms.map(Duration::from_millis),
        }
    }
}

impl From<base::Budget> for Budget {
    fn from(budget: base::Budget) -> Self {
        let millis = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Self {
            wall_ms: budget.wall.map(millis),
            cpu_ms: budget.cpu.map(millis),
            memory_bytes: budget.memory,
            threads: budget.threads,
            reserve_ms: budget.reserve.map(millis),
        }
    }
}

/// Why a night stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum StopReason {
    /// The cancel token.
    Cancelled,
    /// The wall-clock budget.
    OutOfTime,
    /// The processor-time budget.
    OutOfCpu,
    /// The memory budget.
    OutOfMemory,
}

impl From<base::StopReason> for StopReason {
    fn from(reason: base::StopReason) -> Self {
        match reason {
            base::StopReason::Cancelled => Self::Cancelled,
            base::StopReason::OutOfTime => Self::OutOfTime,
            base::StopReason::OutOfCpu => Self::OutOfCpu,
            base::StopReason::OutOfMemory => Self::OutOfMemory,
        }
    }
}

/// How a night ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum NightOutcome {
    /// Every slate of the plan is made from the newest inputs.
    Finished,
    /// The budget ran out or somebody cancelled; the next night goes on with what is left.
    Stopped {
        /// Why.
        reason: StopReason,
    },
    /// There is no release: nothing to make slates from.
    NoRelease,
}

impl From<night::NightOutcome> for NightOutcome {
    fn from(outcome: night::NightOutcome) -> Self {
        match outcome {
            night::NightOutcome::Finished => Self::Finished,
            night::NightOutcome::Stopped(reason) => Self::Stopped { reason: reason.into() },
            night::NightOutcome::NoRelease => Self::NoRelease,
        }
    }
}

/// What a night did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NightReport {
    /// How it ended.
    pub outcome: NightOutcome,
    /// Slates published.
    pub published: u32,
    /// Slates kept, since nothing they depend on has changed.
    pub kept: u32,
    /// Slates left for the next night.
    pub remaining: u32,
    /// Feedback events learned from.
    pub learned_events: u64,
    /// What the progress listener threw, if it did; it was not called after that.
    pub listener_failure: Option<String>,
}

impl NightReport {
    pub(crate) fn new(report: night::NightReport, listener_failure: Option<String>) -> Self {
        let night::NightReport { outcome, published, kept, remaining, learned_events } = report;
        let outcome = outcome.into();
        Self { outcome, published, kept, remaining, learned_events, listener_failure }
    }
}
