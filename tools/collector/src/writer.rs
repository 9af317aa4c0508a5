//! The one thread that writes the journal, and the one that makes Parquet of it.
//!
//! All requests that wait at the same moment share one write-through (group commit). An event
//! counts as stored from then on, never before: a request that brings it again meanwhile is
//! answered after the same write-through.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc as channel};
use std::thread::JoinHandle;

use noctule_core::upload::Acknowledgement;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::batch::Batch;
use crate::compaction::{self, Closed, FlushReply};
use crate::error::{Error, Result};
use crate::index::Index;
use crate::journal::{AppendError, JOURNAL, Line, Segment, StoredEvent, StoredRejection};
use crate::metrics::add;
use crate::shared::Shared;

/// Bytes of a segment: what a compaction holds in memory is a small multiple of it.
const SEGMENT_BYTES: u64 = 32 << 20;

/// Batches that share one write-through.
const GROUP_BATCHES: usize = 256;

/// The batch was not stored; the device may try again later.
#[derive(Debug)]
pub(crate) struct NotStored;

/// Work for the journal thread.
pub(crate) enum Command {
    Store {
        batch: Batch,
        received_ms: i64,
        reply: oneshot::Sender<Result<Acknowledgement, NotStored>>,
    },
    Flush {
        reply: Option<FlushReply>,
    },
    Stop,
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Threads {
    journal: JoinHandle<()>,
    compaction: JoinHandle<()>,
}

impl Threads {
    /// Waits until both have ended.
    pub(crate) fn join(self) -> Result<()> {
        let journal = self.journal.join();
        let compaction = self.compaction.join();
        if journal.is_ok() && compaction.is_ok() { Ok(()) } else { Err(Error::Stopped) }
    }
}

/// Starts both threads on a recovered output folder.
pub(crate) fn start(
    output: &Path,
    index: Index,
    next_segment: u64,
    shared: &Arc<Shared>,
) -> Result<(mpsc::UnboundedSender<Command>, Threads)> {
    // Unbounded, and yet bounded: `Limits::requests` says how many batches may be under way.
    let (commands, inbox) = mpsc::unbounded_channel();
    let (closed, closed_inbox) = channel::channel();
    let (root, of_compaction) = (output.to_path_buf(), Arc::clone(shared));
    let compaction = std::thread::Builder::new()
        .name("noctule-compaction".into())
        .spawn(move || compaction::run(&root, &closed_inbox, &of_compaction))
        .map_err(Error::Threads)?;
    let mut writer = Writer {
        folder: output.join(JOURNAL),
        index,
        segment: None,
        next_segment,
        broken: false,
        closed,
        shared: Arc::clone(shared),
    };
    let journal = std::thread::Builder::new()
        .name("noctule-journal".into())
        .spawn(move || writer.run(inbox))
        .map_err(Error::Threads)?;
    Ok((commands, Threads { journal, compaction }))
}

struct Writer {
    folder: PathBuf,
    index: Index,
    segment: Option<(u64, Segment)>,
    next_segment: u64,
    /// What the journal holds is not known any more: nothing is acknowledged until a restart has
    /// read it.
    broken: bool,
    closed: channel::Sender<Closed>,
    shared: Arc<Shared>,
}

/// A batch that waits for the write-through.
struct Waiting {
    answer: Acknowledgement,
    stored: u64,
    reply: oneshot::Sender<Result<Acknowledgement, NotStored>>,
}

/// What one write-through covers.
#[derive(Default)]
struct Group {
    lines: Vec<u8>,
    new: HashSet<(String, Uuid, u64)>,
    waiting: Vec<Waiting>,
}

impl Writer {
    fn run(&mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Store { batch, received_ms, reply } => {
                        self.add(&mut group, batch, received_ms, reply);
                        let full = group.waiting.len() >= GROUP_BATCHES
                            || group.lines.len() as u64 >= SEGMENT_BYTES;
                        next = if full { None } else { inbox.try_recv().ok() };
                    }
                    Command::Flush { reply } => {
                        self.commit(std::mem::take(&mut group));
                        self.close_segment(reply);
                    }
                    Command::Stop => {
                        self.commit(group);
                        return;
                    }
                }
            }
            self.commit(group);
        }
    }

    /// Adds the lines of a batch to a group.
    fn add(
        &self,
        group: &mut Group,
        batch: Batch,
        received_ms: i64,
        reply: oneshot::Sender<Result<Acknowledgement, NotStored>>,
    ) {
        let header = &batch.header;
        let mut repeated = 0;
        let mut encoded = Vec::new();
        let mut new = Vec::new();
        let mut fits = true;
        // Once a batch, with its first new event: the report is the device's, not the event's.
        let mut exam = header.exam.as_ref().and_then(|exam| serde_json::to_string(exam).ok());
        for event in &batch.events {
            let key = (header.app.clone(), header.installation, event.sequence);
            if self.index.contains(&key.0, key.1, key.2) || group.new.contains(&key) {
                repeated += 1;
                continue;
            }
            fits &= push_line(
                &mut encoded,
                &Line::Event(StoredEvent {
                    app: Cow::Borrowed(&header.app),
                    installation: header.installation,
                    batch_id: header.batch_id,
                    experiment: header.experiment.as_deref().map(Cow::Borrowed),
                    exam: exam.take().map(Cow::Owned),
                    received_ms,
                    event: Cow::Borrowed(event),
                }),
            );
            new.push(key);
        }
        for rejection in &batch.rejected {
            fits &= push_line(
                &mut encoded,
                &Line::Rejected(StoredRejection {
                    app: Cow::Borrowed(&header.app),
                    installation: header.installation,
                    batch_id: header.batch_id,
                    received_ms,
                    index: rejection.answer.index,
                    reason: Cow::Borrowed(&rejection.answer.reason),
                    line: Cow::Borrowed(&rejection.line),
                }),
            );
        }
        if !fits {
            let _ = reply.send(Err(NotStored));
            return;
        }
        let stored = new.len() as u64;
        group.lines.extend_from_slice(&encoded);
        group.new.extend(new);
        let answer = Acknowledgement {
            batch_id: header.batch_id,
            // A batch has at most `Limits::events` lines, whose number came as a u32.
            accepted: batch.events.len() as u32,
            repeated,
            rejected: batch.rejected.into_iter().map(|rejection| rejection.answer).collect(),
        };
        group.waiting.push(Waiting { answer, stored, reply });
    }

    /// Writes a group through and answers everyone in it.
    fn commit(&mut self, group: Group) {
        if group.waiting.is_empty() {
            return;
        }
        let stored = group.lines.is_empty() || self.append(&group.lines);
        if stored {
            for (app, installation, sequence) in &group.new {
                self.index.insert(app, *installation, *sequence);
            }
        }
        let metrics = &self.shared.metrics;
        for waiting in group.waiting {
            if !stored {
                let _ = waiting.reply.send(Err(NotStored));
                continue;
            }
            add(&metrics.batches, 1);
            add(&metrics.stored_events, waiting.stored);
            add(&metrics.repeated_events, waiting.answer.repeated.into());
            add(&metrics.rejected_events, waiting.answer.rejected.len() as u64);
            // A device that has gone away asks again and is told the same.
            let _ = waiting.reply.send(Ok(waiting.answer));
        }
        if self.segment.as_ref().is_some_and(|(_, segment)| segment.length >= SEGMENT_BYTES) {
            self.close_segment(None);
        }
    }

    fn append(&mut self, lines: &[u8]) -> bool {
        if self.broken {
            return false;
        }
        let (number, mut segment) = match self.segment.take() {
            Some(open) => open,
            None => match Segment::create(&self.folder, self.next_segment) {
                Ok(segment) => {
                    self.next_segment += 1;
                    (self.next_segment - 1, segment)
                }
                Err(error) => {
                    // The name may be taken by a file whose folder entry was not written through.
                    self.next_segment += 1;
                    self.shared.set_journal_failure(Some(error.to_string()));
                    return false;
                }
            },
        };
        let appended = segment.append(lines);
        self.segment = Some((number, segment));
        match appended {
            Ok(()) => {
                add(&self.shared.metrics.journal_bytes, lines.len() as u64);
                add(&self.shared.backlog, lines.len() as u64);
                self.shared.set_journal_failure(None);
                true
            }
            Err(AppendError::Undone(error)) => {
                self.shared.set_journal_failure(Some(format!("journal: {error}")));
                self.close_segment(None);
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

    /// Hands the open segment to compaction.
    fn close_segment(&mut self, reply: Option<FlushReply>) {
        // Of a broken journal, only a restart knows what may become Parquet.
        let open = if self.broken { None } else { self.segment.take() };
        let segment = open.map(|(number, segment)| (number, segment.path, segment.length));
        // The receiver lives as long as this sender; should its thread have died, the reply is
        // dropped with the message, and who waits for it is told so.
        let _ = self.closed.send(Closed { segment, reply });
    }
}

/// Appends a line of JSON; whether it could be encoded.
fn push_line(lines: &mut Vec<u8>, line: &Line<'_>) -> bool {
    let encoded = serde_json::to_writer(&mut *lines, line).is_ok();
    lines.push(b'\n');
    encoded
}
