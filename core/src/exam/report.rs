//! How an exam went.

use super::judge::Verdict;
use crate::base::Refusal;
use crate::base::limits::CHECK_REASON_BYTES_MAX;
use crate::release::{Check, Level, ReleaseName};

/// How a release stood its exam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamReport {
    /// The release, as `name@version`.
    pub release: String,
    /// Checks passed.
    pub passed: u32,
    /// Checks failed, in their order.
    pub failed: Vec<Failure>,
    /// Demands that this machine could not measure; their checks count as passed if nothing else
    /// of them failed.
    pub not_measured: Vec<NotMeasured>,
    /// How long it took, milliseconds.
    pub millis: u64,
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The check.
    pub id: String,
    /// Its level.
    pub level: Level,
    /// What was asked and what was found, at most 400 bytes.
    pub reason: String,
}

/// A demand that could not be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotMeasured {
    /// The check.
    pub id: String,
    /// What could not be measured.
    pub what: String,
}

impl ExamReport {
    pub(super) fn of(release: &ReleaseName) -> Self {
        let (failed, not_measured) = (Vec::new(), Vec::new());
        Self { release: release.to_string(), passed: 0, failed, not_measured, millis: 0 }
    }

    pub(super) fn note(&mut self, check: &Check, verdict: Verdict) {
        let id = || check.id.clone();
        let what = verdict.not_measured.into_iter();
        self.not_measured.extend(what.map(|what| NotMeasured { id: id(), what: what.into() }));
        match verdict.failure {
            None => self.passed += 1,
            Some(reason) => {
                let reason = shortened(reason);
                self.failed.push(Failure { id: id(), level: check.level(), reason });
            }
        }
    }

    /// Whether no check failed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// Number of checks.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.passed.saturating_add(self.failed.len() as u32)
    }

    /// Why a release is refused after this exam; none when it passed.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let Failure { id, reason, .. } = self.failed.first()?;
        let first = format!("{id}: {reason}");
        Some(Refusal::ExamFailed { failed: self.failed.len() as u32, total: self.total(), first })
    }
}

/// At most [`CHECK_REASON_BYTES_MAX`] bytes of whole characters.
fn shortened(mut reason: String) -> String {
    if reason.len() > CHECK_REASON_BYTES_MAX {
        let mut end = CHECK_REASON_BYTES_MAX;
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
    }
    reason
}
