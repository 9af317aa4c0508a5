//! The upload batch, version 1: gzip of newline-delimited JSON, a header line, then one event a
//! line ([`crate::feedback::RecordedEvent`]). Both sides use these types.
//!
//! `POST {collector}/v1/batches`, `content-type: application/x-ndjson`,
//! `content-encoding: gzip`. The answer to a durable batch is 200 with an [`Acknowledgement`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
    /// Device clock when the batch was made, Unix milliseconds.
    pub sent_at_ms: i64,
    /// Version of this library.
    pub library: String,
    /// Events that the device dropped before they were sent, since it was installed.
    pub dropped: u64,
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
}

/// An event that the collector refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedEvent {
    /// Its line among the event lines, from 0.
    pub index: u32,
    /// Why.
    pub reason: String,
}
