//! The exam: a release does what its own checks ask for, or it does not become active.
//!
//! The same code sits the exam where a release is packed and on every device before activation. It
//! makes real slates from the release, without exploration and at a fixed moment, so that both come
//! to the same verdict; only the limits of time and memory depend on the machine.

mod judge;
mod measure;
mod profile;
mod report;
pub mod rows;

#[cfg(test)]
mod tests;

use std::time::Instant;

pub use profile::profile_of;
pub use report::{ExamReport, Failure, NotMeasured};

use crate::base::budget::Spending;
use crate::base::{Budget, CancelToken, Error, Result};
use crate::night::LoadedRelease;
use crate::release::{Checks, Plan};
use judge::Examiner;

/// Under which circumstances an exam is sat.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// How many times as long as its check allows a slate may take: 1 where the release is packed,
    /// [`Plan::latency_factor`] on a device.
    pub latency_factor: f64,
    /// Stops between two checks.
    pub cancel: CancelToken,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { latency_factor: 1.0, cancel: CancelToken::new() }
    }
}

/// Puts every check to the release, in their order; none keeps another from being judged.
///
/// `plan` is that of the slates. Work is bounded by the number of checks and their histories: each
/// makes at most three slates.
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::InvalidInput`] when the plan has no surface. Whatever else goes
/// wrong with a check is why that check failed.
pub fn sit(
    loaded: &LoadedRelease,
    plan: &Plan,
    checks: &Checks,
    conditions: &Conditions,
) -> Result<ExamReport> {
    let began = Instant::now();
    let spending = Spending::begin(Budget::unlimited(), &conditions.cancel);
    let examiner = Examiner::new(loaded, plan, conditions.latency_factor);
    let mut report = ExamReport::of(&loaded.release.manifest().release);
    for check in checks.all() {
        if spending.stop_reason().is_some() {
            return Err(Error::Cancelled);
        }
        report.note(check, examiner.judge(check));
    }
    report.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}
