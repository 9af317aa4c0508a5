//! The upload batch, version 1: gzip of newline-delimited JSON, a header line, then one event a
//! line ([`crate::feedback::RecordedEvent`]). Both sides use these types.
//!
//! `POST {collector}/v1/batches`, `content-type: application/x-ndjson`,
//! `content-encoding: gzip`. The answer to a durable batch is 200 with an [`Acknowledgement`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signed::is_signed_by;
use crate::base::limits::EXAM_NAMES_MAX;
use crate::exam::ExamReport;

/// Version of the batch format that this library writes.
pub const BATCH_SCHEMA: u32 = 1;

/// First line of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// [`BATCH_SCHEMA`].
    pub schema: u32,
    /// Identity of the batch, the same in every retry.
    pub batch_id: Uuid,
    /// The app.
    pub app: String,
    /// Pseudonym of the installation: random, tied to nothing else.
    pub installation: Uuid,
    /// Sequence number of the first event.
    pub first_sequence: u64,
    /// Sequence number of the last event.
    pub last_sequence: u64,
    /// Number of event lines.
    pub events: u32,
    /// The experiment of the active release, when one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<String>,
    /// How the last release with checks stood its exam on this device. Boxed: most have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exam: Option<Box<ExamSummary>>,
    /// Device clock when the batch was made, Unix milliseconds.
    pub sent_at_ms: i64,
    /// Version of this library.
    pub library: String,
    /// Events under this pseudonym that the device dropped before they were sent.
    pub dropped: u64,
    /// Sequence numbers of such events, first and last of each range, up to `last_sequence`: those
    /// that no acknowledged batch has named yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped_ranges: Vec<(u64, u64)>,
}

/// What a device tells of an exam.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamSummary {
    /// The release, as `name@version`; another than the active one when it was refused.
    pub release: String,
    /// Checks passed.
    pub passed: u32,
    /// Checks failed.
    pub failed: u32,
    /// The first of those, by id, at most [`EXAM_NAMES_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_ids: Vec<String>,
    /// Demands that the device could not measure.
    pub not_measured: u32,
    /// How long it took, milliseconds.
    pub millis: u64,
}

impl From<&ExamReport> for ExamSummary {
    fn from(report: &ExamReport) -> Self {
        let ids = report.failed.iter().take(EXAM_NAMES_MAX).map(|failure| failure.id.clone());
        Self {
            release: report.release.clone(),
            passed: report.passed,
            failed: report.failed.len() as u32,
            failed_ids: ids.collect(),
            not_measured: report.not_measured.len() as u32,
            millis: report.millis,
        }
    }
}

/// The collector's answer once everything it accepted is durable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The batch that it is about.
    pub batch_id: Uuid,
    /// Events stored now or earlier.
    pub accepted: u32,
    /// Of those, events that had been stored before.
    pub repeated: u32,
    /// Events that do not fit the schema; sending them again changes nothing.
    #[serde(default)]
    pub rejected: Vec<RejectedEvent>,
    /// Ed25519 signature (RFC 8032) of [`Acknowledgement::signed_text`], 128 hexadecimal digits; of
    /// a collector that has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Acknowledgement {
    /// What a collector signs: four lines that name the batch and what became of its events.
    #[must_use]
    pub fn signed_text(&self) -> String {
        let rejected: Vec<String> =
            self.rejected.iter().map(|rejected| rejected.index.to_string()).collect();
        format!(
            "noctule acknowledgement 1\n{}\n{} {}\n{}\n",
            self.batch_id,
            self.accepted,
            self.repeated,
            rejected.join(" ")
        )
    }

    /// Whether one of `keys` signed it. Points of small order and signatures that are not the
    /// canonical ones are refused (`verify_strict`).
    #[must_use]
    pub fn is_signed_by(&self, keys: &[[u8; 32]]) -> bool {
        is_signed_by(keys, &self.signed_text(), self.signature.as_deref())
    }
}

/// An event that the collector refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// Its line among the event lines, from 0.
    pub index: u32,
    /// Why.
    pub reason: String,
}
