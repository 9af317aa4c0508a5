//! Where the journal thread puts its lines.

use std::path::PathBuf;
use std::sync::{Arc, mpsc as channel};

use crate::compaction::{Closed, FlushReply};
use crate::journal::{AppendError, Segment};
use crate::metrics::add;
use crate::shared::Shared;

/// A journal that lines are appended to.
pub(crate) trait Sink: Send {
    /// Makes lines durable; whether they are.
    fn append(&mut self, lines: &[u8]) -> bool;

    /// Closes the segment, when one is open: what was appended so far becomes Parquet.
    fn close(&mut self, reply: Option<FlushReply>);
}

/// Bytes of a segment: what a compaction holds in memory is a small multiple of it.
pub(crate) const SEGMENT_BYTES: u64 = 32 << 20;

/// The journal of an output folder.
pub(crate) struct FolderSink {
    folder: PathBuf,
    segment: Option<(u64, Segment)>,
    next_segment: u64,
    /// What the journal holds is not known any more: nothing is acknowledged until a restart has
    /// read it.
    broken: bool,
    closed: channel::Sender<Closed>,
    shared: Arc<Shared>,
}

impl FolderSink {
    pub(crate) fn new(
        folder: PathBuf,
        next_segment: u64,
        closed: channel::Sender<Closed>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { folder, segment: None, next_segment, broken: false, closed, shared }
    }

    fn open(&mut self) -> Option<(u64, Segment)> {
        if let Some(open) = self.segment.take() {
            return Some(open);
        }
        let number = self.next_segment;
        // Also after an error: the name may be taken by a file whose folder entry was not written
        // through.
        self.next_segment += 1;
        match Segment::create(&self.folder, number) {
            Ok(segment) => Some((number, segment)),
            Err(error) => {
                self.shared.set_journal_failure(Some(error.to_string()));
                None
            }
        }
    }
}

impl Sink for FolderSink {
    fn append(&mut self, lines: &[u8]) -> bool {
        if self.broken {
            return false;
        }
        let Some((number, mut segment)) = self.open() else { return false };
        let appended = segment.append(lines);
        let is_full = segment.length >= SEGMENT_BYTES;
        self.segment = Some((number, segment));
        match appended {
            Ok(()) => {
                add(&self.shared.metrics.journal_bytes, lines.len() as u64);
                add(&self.shared.backlog, lines.len() as u64);
                self.shared.set_journal_failure(None);
                if is_full {
                    self.close(None);
                }
                true
            }
            Err(AppendError::Undone(error)) => {
                self.shared.set_journal_failure(Some(format!("journal: {error}")));
                self.close(None);
                false
            }
            Err(AppendError::Unknown(error)) => {
                self.broken = true;
                self.shared.set_broken();
                let state = "journal: in an unknown state, restart the collector";
                self.shared.set_journal_failure(Some(format!("{state}: {error}")));
                false
            }
        }
    }

    fn close(&mut self, reply: Option<FlushReply>) {
        // Of a broken journal, only a restart knows what may become Parquet.
        let open = if self.broken { None } else { self.segment.take() };
        let segment = open.map(|(number, segment)| (number, segment.path, segment.length));
        // The receiver lives as long as this sender; should its thread have died, the reply is
        // dropped with the message, and who waits for it is told so.
        let _ = self.closed.send(Closed { segment, reply });
    }
}
