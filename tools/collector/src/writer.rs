//! The one thread that writes the journal, and the one that makes Parquet of it.
//!
//! All requests that wait at the same moment share one write-through (group commit). An event
//! counts as stored from then on, never before: a request that brings it again meanwhile is
//! answered after the same write-through.

use std::path::Path;
use std::sync::{Arc, mpsc as channel};
use std::thread::JoinHandle;

use noctule_core::upload::Acknowledgement;
use noctule_core::upload::deletions::DeletionRequest;
use tokio::sync::mpsc;

use crate::batch::Batch;
use crate::compaction::{self, FlushReply, Recovered};
use crate::error::{Error, Result};
use crate::group::{Group, Known, Reply};
use crate::index::Index;
use crate::journal::JOURNAL;
use crate::merging::Merging;
use crate::shared::Shared;
use crate::sink::{FolderSink, SEGMENT_BYTES, Sink};
use crate::store::Store;

/// Requests that share one write-through.
const GROUP_REQUESTS: usize = 256;

/// Work for the journal thread.
pub(crate) enum Command {
    Store { batch: Box<Batch>, received_ms: i64, reply: Reply<Acknowledgement> },
    Forget { deletion: DeletionRequest, received_ms: i64, reply: Reply<()> },
    Flush { reply: Option<FlushReply> },
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
    recovered: Recovered,
    merging: Merging,
    shared: &Arc<Shared>,
) -> Result<(mpsc::UnboundedSender<Command>, Threads)> {
    let (closed, closed_inbox) = channel::channel();
    let (mut compaction, of_compaction) = (recovered.compaction, Arc::clone(shared));
    let compaction = std::thread::Builder::new()
        .name("noctule-compaction".into())
        .spawn(move || compaction::run(&mut compaction, &merging, &closed_inbox, &of_compaction))
        .map_err(Error::Threads)?;
    let next = recovered.next_segment;
    let sink = FolderSink::new(output.join(JOURNAL), next, closed, Arc::clone(shared));
    let known = Known { index: recovered.index, forgotten: recovered.forgotten };
    let writer = Writer { sink: Box::new(sink), known, shared: Arc::clone(shared) };
    start_journal(writer, compaction)
}

/// Starts both threads on an object store.
pub(crate) fn start_on(
    store: Store,
    shared: &Arc<Shared>,
) -> Result<(mpsc::UnboundedSender<Command>, Threads)> {
    let Store { sink, compaction, closed, forgotten } = store;
    let compaction = std::thread::Builder::new()
        .name("noctule-compaction".into())
        .spawn(move || compaction.run(&closed))
        .map_err(Error::Threads)?;
    let known = Known { index: Index::default(), forgotten };
    let writer = Writer { sink: Box::new(sink), known, shared: Arc::clone(shared) };
    start_journal(writer, compaction)
}

fn start_journal(
    mut writer: Writer,
    compaction: JoinHandle<()>,
) -> Result<(mpsc::UnboundedSender<Command>, Threads)> {
    // Unbounded, and yet bounded: `Limits::requests` says how many batches may be under way.
    let (commands, inbox) = mpsc::unbounded_channel();
    let journal = std::thread::Builder::new()
        .name("noctule-journal".into())
        .spawn(move || writer.run(inbox))
        .map_err(Error::Threads)?;
    Ok((commands, Threads { journal, compaction }))
}

struct Writer {
    sink: Box<dyn Sink>,
    known: Known,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        while let Some(first) = inbox.blocking_recv() {
            if let Some(forgotten) = self.shared.hear_forgotten() {
                self.known.forgotten.join(forgotten);
            }
            let mut group = Group::default();
            let mut next = Some(first);
            while let Some(command) = next.take() {
                match command {
                    Command::Store { batch, received_ms, reply } => {
                        group.add_batch(&self.known, *batch, received_ms, reply);
                    }
                    Command::Forget { deletion, received_ms, reply } => {
                        group.add_deletion(&self.known, &deletion, received_ms, reply);
                    }
                    Command::Flush { reply } => {
                        self.commit(std::mem::take(&mut group));
                        self.sink.close(reply);
                        continue;
                    }
                    Command::Stop => {
                        self.commit(group);
                        return;
                    }
                }
                let full =
                    group.len() >= GROUP_REQUESTS || group.lines.len() as u64 >= SEGMENT_BYTES;
                next = if full { None } else { inbox.try_recv().ok() };
            }
            self.commit(group);
        }
    }

    /// Writes a group through and answers everyone in it.
    fn commit(&mut self, group: Group) {
        if group.len() == 0 {
            return;
        }
        let stored = group.lines.is_empty() || self.sink.append(&group.lines);
        group.finish(stored, &mut self.known, &self.shared);
    }
}
