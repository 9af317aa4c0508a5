//! The journal in an object store: one object for everything that waited at the same moment.

use std::sync::{Arc, mpsc as channel};

use super::JOURNAL;
use super::place::Place;
use crate::compaction::{Closed, FlushReply};
use crate::metrics::add;
use crate::shared::Shared;
use crate::sink::{SEGMENT_BYTES, Sink};

/// Writes the objects of one instance, numbered from 1.
pub(crate) struct StoreSink {
    place: Place,
    instance: String,
    number: u64,
    /// Bytes since the compaction was last asked for.
    waiting_bytes: u64,
    closed: channel::Sender<Closed>,
    shared: Arc<Shared>,
}

impl StoreSink {
    pub(crate) fn new(
        place: Place,
        instance: &str,
        closed: channel::Sender<Closed>,
        shared: Arc<Shared>,
    ) -> Self {
        let instance = instance.to_owned();
        Self { place, instance, number: 0, waiting_bytes: 0, closed, shared }
    }
}

impl Sink for StoreSink {
    fn append(&mut self, lines: &[u8]) -> bool {
        // Also after a failure a new number: what became of the old one is not known. Should it be
        // there after all, its events are stored, and the devices' next try repeats them.
        self.number += 1;
        let path = format!("{JOURNAL}/{}/{:012}.ndjson", self.instance, self.number);
        // No other writes below this instance: one that is there already is this one, whose
        // acknowledgement got lost.
        if let Err(error) = self.place.put_new(&path, lines.to_vec()) {
            self.shared.set_journal_failure(Some(format!("journal: {error}")));
            return false;
        }
        self.shared.set_journal_failure(None);
        add(&self.shared.metrics.journal_bytes, lines.len() as u64);
        add(&self.shared.backlog, lines.len() as u64);
        self.waiting_bytes += lines.len() as u64;
        if self.waiting_bytes >= SEGMENT_BYTES {
            self.close(None);
        }
        true
    }

    fn close(&mut self, reply: Option<FlushReply>) {
        self.waiting_bytes = 0;
        let _ = self.closed.send(Closed { segment: None, reply });
    }
}
