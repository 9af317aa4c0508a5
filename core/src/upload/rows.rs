//! The pull queue: what to send next, and what an answer means.
//!
//! A batch is named and bounded on disk before it is handed out, so that a retry after a crash is
//! the same batch. It is removed only when a 200 names it: every other answer keeps the data. A
//! batch that the collector says will never succeed is set aside, so that it does not hold up the
//! others, and is tried again after an update of the library or a week.

use bincode::{Decode, Encode};
use rusqlite::{Connection, Transaction};
use serde::Serialize;
use uuid::Uuid;

use super::batch::rows::{LIBRARY, Scope, request};
use super::wire::Acknowledgement;
use super::withheld::rows as withheld;
use crate::base::limits::BATCH_EVENTS_MAX;
use crate::base::{Pause, Result, SeededRandom, Transfer, TransferOutcome};
use crate::feedback::rows as events;
use crate::store::{blob, meta};

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
    /// Events up to here have been acknowledged or set aside.
    pub acknowledged_through: u64,
    batch: Option<Batch>,
    pause: Pause,
    /// Events of the next batch, at most.
    events_max: Option<u32>,
    /// Events the collector has refused one by one (it keeps them apart).
    pub rejected: u64,
    set_aside: Vec<SetAside>,
}

/// The batch under way.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
struct Batch {
    id: [u8; 16],
    first: u64,
    last: u64,
    /// Events that it held when it was handed out last: some may have been given up since.
    events: u32,
    /// How often the collector has said that these bytes never succeed.
    refused: u32,
    /// It was set aside before.
    again: bool,
}

/// A batch that the collector refuses as a whole.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
struct SetAside {
    first: u64,
    last: u64,
    /// The version of the library that made it: another may make it better.
    library: String,
    /// When it is tried again all the same, Unix milliseconds.
    again_ms: i64,
}

/// So often a batch is refused before it is set aside: a proxy in between may be at fault.
const REFUSALS_MAX: u32 = 3;

/// Batches that are set aside at once; the next one holds the queue up, so that a collector that
/// refuses everything costs nothing but time.
const SET_ASIDE_MAX: usize = 8;

/// A batch that was set aside is tried again after a week.
const SET_ASIDE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

impl QueueState {
    /// Key of the state among the values of which there is one.
    pub const KEY: &str = STATE;

    /// The state of such bytes.
    ///
    /// # Errors
    /// [`crate::base::Error::Damaged`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        blob::decode("the upload queue", FORMAT, bytes)
    }

    /// Reads the state. One that is damaged begins anew: events that are still here are sent again,
    /// and the collector drops what it has.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`].
    pub fn load(connection: &Connection) -> Result<Self> {
        match meta::get(connection, STATE)? {
            Some(bytes) => Ok(Self::decode(&bytes).unwrap_or_default()),
            None => Ok(Self::default()),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
    pub fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        meta::put(transaction, STATE, &blob::encode("the upload queue", FORMAT, self)?)
    }

    /// First and last sequence number of each batch that was set aside: these events are not
    /// delivered, although later ones are.
    #[must_use]
    pub fn kept(&self) -> Vec<(u64, u64)> {
        self.set_aside.iter().map(|kept| (kept.first, kept.last)).collect()
    }

    /// Sequence number of the last event that was acknowledged, set aside, or is never sent.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
    pub fn sent_through(&self, connection: &Connection) -> Result<u64> {
        Ok(self.acknowledged_through.max(withheld::through(connection)?))
    }

    /// All events up to here are delivered, or never sent.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
    pub fn delivered_through(&self, connection: &Connection) -> Result<u64> {
        let sent = self.sent_through(connection)?;
        let firsts = self.set_aside.iter().map(|kept| kept.first.saturating_sub(1));
        Ok(firsts.min().map_or(sent, |end| end.min(sent)))
    }

    /// Sends nothing of what is there now, neither now nor later.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`],
    /// [`crate::base::Error::Damaged`].
    pub fn withhold_all(&mut self, transaction: &Transaction<'_>) -> Result<()> {
        for (first, last) in self.kept() {
            withheld::withhold(transaction, first, last)?;
        }
        self.set_aside.clear();
        let last = events::last_sequence(transaction)?;
        withheld::withhold_through(transaction, self.acknowledged_through, last)?;
        self.batch = None;
        self.save(transaction)
    }

    /// Withholds the event `sequence`, which is removed; a batch that has it is made anew under
    /// another name, without it.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`],
    /// [`crate::base::Error::Damaged`].
    pub fn withhold(&mut self, transaction: &Transaction<'_>, sequence: u64) -> Result<()> {
        let is_kept = self.kept().iter().any(|(first, last)| (*first..=*last).contains(&sequence));
        if sequence <= self.sent_through(transaction)? && !is_kept {
            return Ok(());
        }
        withheld::withhold(transaction, sequence, sequence)?;
        let holds = |batch: &Batch| (batch.first..=batch.last).contains(&sequence);
        if self.batch.as_ref().is_some_and(holds) {
            self.batch = None;
            self.save(transaction)?;
        }
        Ok(())
    }

    /// What to do at `now_ms`. A new batch is written to the state before it is handed out.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::Damaged`].
    pub fn next(
        &mut self,
        transaction: &Transaction<'_>,
        sender: &Sender,
        now_ms: i64,
    ) -> Result<Transfer> {
        let sent_through = self.sent_through(transaction)?;
        if self.batch.is_none()
            && !self.is_due(now_ms)
            && events::last_sequence(transaction)? <= sent_through
        {
            return Ok(Transfer::Done);
        }
        if let Some(until_ms) = self.pause.until(now_ms) {
            return Ok(Transfer::Wait { until_ms });
        }
        // A batch of which nothing is left is over; there are as many as were set aside, and one.
        for _ in 0..SET_ASIDE_MAX + 2 {
            let range = self.choose(sent_through, now_ms);
            let mut batch = Vec::new();
            events::each_told_in(transaction, range, |event| {
                batch.push(event);
                Ok(())
            })?;
            if let Some(first) = batch.first().map(|event| event.sequence) {
                let scope = Scope::of(transaction, sender, first)?;
                // No batch has events of two pseudonyms.
                batch.retain(|event| event.sequence <= scope.end);
                let last = batch.last().map_or(first, |event| event.sequence);
                let id = self.hand_out(transaction, (first, last), batch.len() as u32, now_ms)?;
                return request(transaction, sender, &scope, id, batch, now_ms);
            }
            match self.batch.take() {
                Some(of_nothing) => self.settle(&of_nothing),
                None if self.is_due(now_ms) => self.settle_due(now_ms),
                None => {
                    self.acknowledged_through = events::last_sequence(transaction)?;
                    self.save(transaction)?;
                    return Ok(Transfer::Done);
                }
            }
            self.save(transaction)?;
        }
        Ok(Transfer::Done)
    }

    /// Which events come next: those of the batch under way, of one that is to be tried again, or
    /// new ones.
    fn choose(&self, sent_through: u64, now_ms: i64) -> events::Range {
        let whole = |first: u64, last| events::Range {
            after: first - 1,
            through: last,
            limit: BATCH_EVENTS_MAX,
        };
        if let Some(batch) = &self.batch {
            return whole(batch.first, batch.last);
        }
        if let Some(due) = self.due(now_ms) {
            return whole(due.first, due.last);
        }
        let limit = self.events_max.map_or(BATCH_EVENTS_MAX, |max| max as usize);
        events::Range { after: sent_through, through: u64::MAX, limit }
    }

    fn due(&self, now_ms: i64) -> Option<&SetAside> {
        let mut set_aside = self.set_aside.iter();
        set_aside.find(|kept| {
            // A clock that ran ahead when it was set aside does not keep it for longer.
            let left_ms = kept.again_ms.saturating_sub(now_ms);
            kept.library != LIBRARY || left_ms <= 0 || left_ms > SET_ASIDE_MS
        })
    }

    fn is_due(&self, now_ms: i64) -> bool {
        self.due(now_ms).is_some()
    }

    /// Writes down what is about to leave, and gives its name.
    fn hand_out(
        &mut self,
        transaction: &Transaction<'_>,
        (first, last): (u64, u64),
        events: u32,
        now_ms: i64,
    ) -> Result<Uuid> {
        let again = self.is_due(now_ms);
        let batch = match self.batch.take() {
            // Its bounds stay, also when events at its ends were given up.
            Some(batch) => Batch { events, ..batch },
            None => {
                let id = Uuid::now_v7().into_bytes();
                // What is tried again keeps the bounds under which it was set aside.
                let due = self.due(now_ms).map(|due| (due.first, due.last));
                let (first, last) = due.unwrap_or((first, last));
                Batch { id, first, last, events, refused: 0, again }
            }
        };
        let id = Uuid::from_bytes(batch.id);
        self.batch = Some(batch);
        self.save(transaction)?;
        Ok(id)
    }

    /// Takes note of how the transfer with this id ended at `now_ms`; true when a batch was
    /// acknowledged. With `keys`, an acknowledgement counts when one of them signed it.
    ///
    /// An outcome of another transfer than the one under way changes nothing.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
    pub fn finished(
        &mut self,
        transaction: &Transaction<'_>,
        (id, outcome): (&str, &TransferOutcome),
        keys: &[[u8; 32]],
        now_ms: i64,
        random: &mut SeededRandom,
    ) -> Result<bool> {
        let Some(mut batch) = self.batch.take() else { return Ok(false) };
        if Uuid::from_bytes(batch.id).to_string() != id {
            self.batch = Some(batch);
            return Ok(false);
        }
        let acknowledged = acknowledgement(outcome).filter(|acknowledged| {
            // Every event of the batch is accounted for, or the answer is about something else.
            let told = u64::from(acknowledged.accepted) + acknowledged.rejected.len() as u64;
            acknowledged.batch_id.to_string() == id
                && told == u64::from(batch.events)
                && (keys.is_empty() || acknowledged.is_signed_by(keys))
        });
        if let Some(acknowledged) = acknowledged {
            self.settle(&batch);
            withheld::remove_through(transaction, batch.last)?;
            self.rejected += acknowledged.rejected.len() as u64;
            self.pause.over();
            self.save(transaction)?;
            return Ok(true);
        }
        self.pause.failed(now_ms, outcome.retry_after_s(), random);
        match outcome.status() {
            Some(413) if batch.events > 1 && !batch.again => {
                // Too large: the same events again, in halves, under new names.
                self.events_max = Some((batch.events / 2).max(1));
            }
            Some(400 | 413 | 415 | 422) => {
                batch.refused += 1;
                if batch.refused < REFUSALS_MAX || !self.set_aside(&batch, now_ms) {
                    self.batch = Some(batch);
                }
            }
            _ => self.batch = Some(batch),
        }
        self.save(transaction)?;
        Ok(false)
    }

    /// The events of `batch` are delivered.
    fn settle(&mut self, batch: &Batch) {
        if batch.again {
            self.set_aside.retain(|kept| kept.first != batch.first);
        } else {
            self.acknowledged_through = self.acknowledged_through.max(batch.last);
        }
    }

    fn settle_due(&mut self, now_ms: i64) {
        let first = self.due(now_ms).map(|due| due.first);
        self.set_aside.retain(|kept| Some(kept.first) != first);
    }

    /// Lets the queue go on without `batch`; false when too much is set aside already.
    fn set_aside(&mut self, batch: &Batch, now_ms: i64) -> bool {
        let again_ms = now_ms.saturating_add(SET_ASIDE_MS);
        let (first, last, library) = (batch.first, batch.last, LIBRARY.to_owned());
        let kept = SetAside { first, last, library, again_ms };
        if batch.again {
            self.set_aside.retain(|known| known.first != first);
        } else if self.set_aside.len() >= SET_ASIDE_MAX {
            return false;
        } else {
            self.acknowledged_through = self.acknowledged_through.max(last);
        }
        self.set_aside.push(kept);
        self.pause.over();
        true
    }
}

fn acknowledgement(outcome: &TransferOutcome) -> Option<Acknowledgement> {
    match outcome {
        TransferOutcome::Answer { status: 200, body, .. } => serde_json::from_slice(body).ok(),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
