//! The pull queue: what to send next, and what an answer means.
//!
//! A batch is named and bounded on disk before it is handed out, so that a retry after a crash is
//! the same batch. It is removed only when a 200 names it: every other answer keeps the data.

use std::io::Write;

use bincode::{Decode, Encode};
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use uuid::Uuid;

use super::wire::{Acknowledgement, BATCH_SCHEMA, BatchHeader, ExamSummary};
use super::withheld::rows as withheld;
use crate::base::limits::BATCH_EVENTS_MAX;
use crate::base::{Error, Pause, Result, SeededRandom, Transfer, TransferOutcome, UploadRequest};
use crate::exam::rows as exam;
use crate::feedback::{RecordedEvent, rows as events};
use crate::store::{blob, meta, pseudonyms};

const FORMAT: u8 = 1;
const STATE: &str = "upload";

/// Who sends.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The app.
    pub app: String,
    /// Pseudonym of the installation. Events from before it was taken go out under the one that
    /// they were recorded under.
    pub installation: Uuid,
    /// The experiment of the active release.
    pub experiment: Option<String>,
}

/// What is known between two calls.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode, Serialize)]
pub struct QueueState {
    /// Events up to here have been acknowledged.
    pub acknowledged_through: u64,
    /// The batch under way: its id, first and last sequence number.
    batch: Option<([u8; 16], u64, u64)>,
    pause: Pause,
    /// Events of the next batch, at most.
    events_max: Option<u32>,
    /// Events the collector has refused one by one (it keeps them apart).
    pub rejected: u64,
}

impl QueueState {
    /// Key of the state among the values of which there is one.
    pub const KEY: &str = STATE;

    /// The state of such bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        blob::decode("the upload queue", FORMAT, bytes)
    }

    /// Reads the state. One that is damaged begins anew: events that are still here are sent again,
    /// and the collector drops what it has.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn load(connection: &Connection) -> Result<Self> {
        match meta::get(connection, STATE)? {
            Some(bytes) => Ok(Self::decode(&bytes).unwrap_or_default()),
            None => Ok(Self::default()),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        meta::put(transaction, STATE, &blob::encode("the upload queue", FORMAT, self)?)
    }

    /// Sequence number of the last event that was acknowledged or is never sent.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Damaged`].
    pub fn sent_through(&self, connection: &Connection) -> Result<u64> {
        Ok(self.acknowledged_through.max(withheld::through(connection)?))
    }

    /// Sends nothing of what is there now, neither now nor later.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
    pub fn withhold_all(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        let last = events::last_sequence(transaction)?;
        withheld::withhold_through(transaction, self.acknowledged_through, last)?;
        self.batch = None;
        self.save(transaction)
    }

    /// Withholds the event `sequence`, which is removed; a batch that has it is made anew under
    /// another name, without it.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`], [`Error::Damaged`].
    pub fn withhold(&mut self, transaction: &Transaction<'_>, sequence: u64) -> Result<()> {
        if sequence <= self.sent_through(transaction)? {
            return Ok(());
        }
        withheld::withhold(transaction, sequence, sequence)?;
        if self.batch.is_some_and(|(_, first, last)| (first..=last).contains(&sequence)) {
            self.batch = None;
            self.save(transaction)?;
        }
        Ok(())
    }

    /// What to do at `now_ms`. A new batch is written to the state before it is handed out.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::Damaged`].
    pub fn next(
        &mut self,
        transaction: &Transaction<'_>,
        sender: &Sender,
        now_ms: i64,
    ) -> Result<Transfer> {
        let sent_through = self.sent_through(transaction)?;
        if events::last_sequence(transaction)? <= sent_through {
            return Ok(Transfer::Done);
        }
        if let Some(until_ms) = self.pause.until(now_ms) {
            return Ok(Transfer::Wait { until_ms });
        }
        let mut batch = self.events(transaction, sent_through)?;
        let Some(first) = batch.first().map(|event| event.sequence) else {
            return Ok(Transfer::Done);
        };
        let scope = Scope::of(transaction, sender, first)?;
        // No batch has events of two pseudonyms.
        batch.retain(|event| event.sequence <= scope.end);
        let last = batch.last().map_or(first, |event| event.sequence);
        let id = match self.batch {
            Some((id, ..)) => Uuid::from_bytes(id),
            None => Uuid::now_v7(),
        };
        if self.batch.is_none() {
            self.batch = Some((id.into_bytes(), first, last));
            self.save(transaction)?;
        }
        if let Some(pseudonym) = &scope.pseudonym {
            pseudonyms::note_handed_out(transaction, pseudonym)?;
        }
        let mut ranges = withheld::ranges(transaction, scope.base, last)?;
        ranges.iter_mut().for_each(|(first, last)| {
            (*first, *last) = (*first - scope.base, *last - scope.base);
        });
        batch.iter_mut().for_each(|event| event.sequence -= scope.base);
        let header = BatchHeader {
            schema: BATCH_SCHEMA,
            batch_id: id,
            app: sender.app.clone(),
            installation: scope.installation,
            first_sequence: first - scope.base,
            last_sequence: last - scope.base,
            events: batch.len() as u32,
            experiment: sender.experiment.clone(),
            exam: exam::load(transaction)?.map(|exam| Box::new(ExamSummary::from(&exam))),
            sent_at_ms: now_ms,
            library: env!("CARGO_PKG_VERSION").to_owned(),
            dropped: scope.pseudonym.map_or(0, |pseudonym| pseudonym.dropped),
            dropped_ranges: ranges,
        };
        Ok(Transfer::Upload(UploadRequest {
            id: id.to_string(),
            path: "/v1/batches",
            headers: vec![("content-type", "application/x-ndjson"), ("content-encoding", "gzip")],
            body: body(&header, &batch)
                .map_err(|error| Error::damaged("an upload batch", error.to_string()))?,
        }))
    }

    /// The events of the batch under way; those that come next when there is none, or nothing of it
    /// is here any more.
    fn events(
        &mut self,
        transaction: &Transaction<'_>,
        sent_through: u64,
    ) -> Result<Vec<RecordedEvent>> {
        let read = |after, limit, through| {
            let mut batch = Vec::new();
            events::each_after(transaction, after, limit, |event| {
                batch.extend((event.sequence <= through).then_some(event));
                Ok(())
            })?;
            Ok::<_, Error>(batch)
        };
        if let Some((_, first, last)) = self.batch {
            let batch = read(first - 1, (last - first + 1) as usize, last)?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            self.batch = None;
        }
        let limit = self.events_max.map_or(BATCH_EVENTS_MAX, |max| max as usize);
        read(sent_through, limit, u64::MAX)
    }

    /// Takes note of how transfer `id` ended at `now_ms`; true when a batch was acknowledged.
    ///
    /// An outcome of another transfer than the one under way changes nothing.
    ///
    /// # Errors
    /// [`Error::Storage`], [`Error::StorageFull`].
    pub fn finished(
        &mut self,
        transaction: &Transaction<'_>,
        id: &str,
        outcome: &TransferOutcome,
        now_ms: i64,
        random: &mut SeededRandom,
    ) -> Result<bool> {
        let Some((batch, first, last)) = self.batch else { return Ok(false) };
        if Uuid::from_bytes(batch).to_string() != id {
            return Ok(false);
        }
        let sent = events::count_between(transaction, first, last)?;
        let acknowledged = acknowledgement(outcome).filter(|acknowledged| {
            // Every event of the batch is accounted for, or the answer is about something else.
            let told = u64::from(acknowledged.accepted) + acknowledged.rejected.len() as u64;
            acknowledged.batch_id.to_string() == id && told == sent
        });
        if let Some(acknowledged) = acknowledged {
            self.acknowledged_through = last;
            self.rejected += acknowledged.rejected.len() as u64;
            self.batch = None;
            self.pause.over();
            withheld::remove_through(transaction, last)?;
            self.save(transaction)?;
            return Ok(true);
        }
        self.pause.failed(now_ms, outcome.retry_after_s(), random);
        if outcome.status() == Some(413) && last > first {
            // Too large: the same events again, in halves, under new names.
            self.events_max = Some(((last - first).div_ceil(2)).max(1) as u32);
            self.batch = None;
        }
        self.save(transaction)?;
        Ok(false)
    }
}

/// Under which pseudonym the events of a batch go out.
struct Scope {
    installation: Uuid,
    /// Their sequence numbers on the wire are less by this.
    base: u64,
    /// Sequence number of the last event that may be among them.
    end: u64,
    /// None in a store without an identity.
    pseudonym: Option<pseudonyms::Pseudonym>,
}

impl Scope {
    fn of(connection: &Connection, sender: &Sender, first: u64) -> Result<Self> {
        let installation = sender.installation;
        let Some((pseudonym, end)) = pseudonyms::of_event(connection, first)? else {
            return Ok(Self { installation, base: 0, end: u64::MAX, pseudonym: None });
        };
        let installation = pseudonym.installation;
        let end = end.unwrap_or(u64::MAX);
        Ok(Self { installation, base: pseudonym.base, end, pseudonym: Some(pseudonym) })
    }
}

fn acknowledgement(outcome: &TransferOutcome) -> Option<Acknowledgement> {
    match outcome {
        TransferOutcome::Answer { status: 200, body, .. } => serde_json::from_slice(body).ok(),
        _ => None,
    }
}

fn body(header: &BatchHeader, batch: &[RecordedEvent]) -> std::io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut gzip, header)?;
    gzip.write_all(b"\n")?;
    for event in batch {
        serde_json::to_writer(&mut gzip, event)?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
