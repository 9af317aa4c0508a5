//! What one write-through covers: the lines of everything that waited at the same moment.

use std::borrow::Cow;
use std::collections::HashSet;

use noctule_core::upload::Acknowledgement;
use noctule_core::upload::deletions::DeletionRequest;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::batch::Batch;
use crate::deletions;
use crate::forgetting::Forgotten;
use crate::index::Index;
use crate::journal::{Line, StoredEvent, StoredRejection};
use crate::metrics::add;
use crate::shared::Shared;

/// It was not stored; the device may try again later.
#[derive(Debug)]
pub(crate) struct NotStored;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, NotStored>>;

/// What is stored and who is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) index: Index,
    pub(crate) forgotten: Forgotten,
}

/// Who waits for the write-through.
enum Waiting {
    Batch { answer: Acknowledgement, stored: u64, reply: Reply<Acknowledgement> },
    Deletion { reply: Reply<()> },
}

/// What one write-through covers.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) lines: Vec<u8>,
    new: HashSet<(String, Uuid, u64)>,
    leaving: HashSet<(String, Uuid)>,
    waiting: Vec<Waiting>,
}

impl Group {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds the lines of a batch.
    pub(crate) fn add_batch(
        &mut self,
        known: &Known,
        batch: Batch,
        received_ms: i64,
        reply: Reply<Acknowledgement>,
    ) {
        let name = (batch.header.app.clone(), batch.header.installation);
        // Whoever has left is answered as if all were known, so that a device that has not heard of
        // it stops sending.
        let has_left = known.forgotten.contains(&name.0, name.1) || self.leaving.contains(&name);
        let encoded = if has_left {
            Some(Encoded::default())
        } else {
            self.encode(known, &batch, received_ms)
        };
        let Some(encoded) = encoded else {
            let _ = reply.send(Err(NotStored));
            return;
        };
        // A batch has at most `Limits::events` lines, whose number came as a u32.
        let accepted = batch.events.len() as u32;
        let stored = encoded.new.len() as u64;
        let answer = Acknowledgement {
            batch_id: batch.header.batch_id,
            accepted,
            repeated: accepted - stored as u32,
            rejected: batch.rejected.into_iter().map(|rejection| rejection.answer).collect(),
            // Signed when it is sent, beside the thread that writes.
            signature: None,
        };
        self.lines.extend_from_slice(&encoded.lines);
        self.new.extend(encoded.new);
        self.waiting.push(Waiting::Batch { answer, stored, reply });
    }

    /// The lines of what is new in a batch; none when one cannot be encoded.
    fn encode(&self, known: &Known, batch: &Batch, received_ms: i64) -> Option<Encoded> {
        let header = &batch.header;
        let mut encoded = Encoded::default();
        // Once a batch, with its first new event: the report is the device's, not the event's.
        let mut dropped = (header.dropped > 0).then_some(header.dropped);
        let mut exam = header.exam.as_ref().and_then(|exam| serde_json::to_string(exam).ok());
        for event in &batch.events {
            let key = (header.app.clone(), header.installation, event.sequence);
            if known.index.contains(&key.0, key.1, key.2) || self.new.contains(&key) {
                continue;
            }
            encoded.push(&Line::Event(Box::new(StoredEvent {
                app: Cow::Borrowed(&header.app),
                installation: header.installation,
                batch_id: header.batch_id,
                experiment: header.experiment.as_deref().map(Cow::Borrowed),
                exam: exam.take().map(Cow::Owned),
                dropped: dropped.take(),
                received_ms,
                event: Cow::Borrowed(event),
            })))?;
            encoded.new.push(key);
        }
        for rejection in &batch.rejected {
            encoded.push(&Line::Rejected(StoredRejection {
                app: Cow::Borrowed(&header.app),
                installation: header.installation,
                batch_id: header.batch_id,
                received_ms,
                index: rejection.answer.index,
                reason: Cow::Borrowed(&rejection.answer.reason),
                line: Cow::Borrowed(rejection.line.as_slice()),
            }))?;
        }
        Some(encoded)
    }

    /// Adds the line of a deletion.
    pub(crate) fn add_deletion(
        &mut self,
        known: &Known,
        deletion: &DeletionRequest,
        received_ms: i64,
        reply: Reply<()>,
    ) {
        let name = (deletion.app.clone(), deletion.installation);
        // Asked again, nothing is left to do.
        if !known.forgotten.contains(&name.0, name.1) && !self.leaving.contains(&name) {
            let mut encoded = Encoded::default();
            if encoded.push(&deletions::line(deletion, received_ms)).is_none() {
                let _ = reply.send(Err(NotStored));
                return;
            }
            self.lines.extend_from_slice(&encoded.lines);
            self.leaving.insert(name);
        }
        self.waiting.push(Waiting::Deletion { reply });
    }

    /// Tells everyone what became of the lines, after `known` has learned it.
    pub(crate) fn finish(self, stored: bool, known: &mut Known, shared: &Shared) {
        if stored {
            for (app, installation, sequence) in &self.new {
                known.index.insert(app, *installation, *sequence);
            }
            for (app, installation) in &self.leaving {
                known.forgotten.insert(app, *installation);
                known.index.remove(app, *installation);
            }
        }
        for waiting in self.waiting {
            waiting.answer(stored, shared);
        }
    }
}

impl Waiting {
    fn answer(self, is_stored: bool, shared: &Shared) {
        let metrics = &shared.metrics;
        // A device that has gone away asks again and is told the same.
        match self {
            Self::Batch { reply, .. } if !is_stored => drop(reply.send(Err(NotStored))),
            Self::Deletion { reply } if !is_stored => drop(reply.send(Err(NotStored))),
            Self::Batch { answer, stored, reply } => {
                add(&metrics.batches, 1);
                add(&metrics.stored_events, stored);
                add(&metrics.repeated_events, answer.repeated.into());
                add(&metrics.rejected_events, answer.rejected.len() as u64);
                let _ = reply.send(Ok(answer));
            }
            Self::Deletion { reply } => {
                add(&metrics.deletions, 1);
                let _ = reply.send(Ok(()));
            }
        }
    }
}

/// Lines of JSON, and which events they bring.
#[derive(Default)]
struct Encoded {
    lines: Vec<u8>,
    new: Vec<(String, Uuid, u64)>,
}

impl Encoded {
    /// Adds a line; none when it cannot be encoded.
    fn push(&mut self, line: &Line<'_>) -> Option<()> {
        serde_json::to_writer(&mut self.lines, line).ok()?;
        self.lines.push(b'\n');
        Some(())
    }
}
