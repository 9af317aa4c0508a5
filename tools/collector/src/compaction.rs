//! A closed journal segment becomes Parquet.
//!
//! The files of segment 7 are `app=…/day=…/part-000000000007.parquet`: their names follow from the
//! segment, so that a compaction that a crash has cut short is simply done again and replaces what
//! it had published. The segment is removed only when all of its files are in place, and when
//! everything of the installations that it asks to forget is gone. So each event is in the output
//! exactly once, and of the forgotten none, whatever the moment of the crash.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc as channel;

use noctule_core::base::Day;

use crate::disk;
use crate::error::{Error, Result};
use crate::forgetting::{self, Forgotten};
use crate::index::Index;
use crate::journal::{self, Contents, StoredEvent, StoredRejection};
use crate::merging::{self, Merging, number_of_part};
use crate::metrics::add;
use crate::partitions;
use crate::rejections;
use crate::routes::now_ms;
use crate::rows::{Table, read_keys};
use crate::shared::Shared;
use crate::swapping;
use crate::table;

/// Folder of the lines that did not fit the schema.
pub(crate) const REJECTED: &str = "_rejected";

/// Answers a flush once everything before it is Parquet.
pub(crate) type FlushReply = channel::Sender<Result<()>>;

/// A closed segment, or none, and who waits until all segments so far are Parquet.
pub(crate) struct Closed {
    pub(crate) segment: Option<(u64, PathBuf, u64)>,
    pub(crate) reply: Option<FlushReply>,
}

/// Makes Parquet of closed segments, oldest first, until the journal thread has ended. What is left
/// of the time goes into merging days that are over.
pub(crate) fn run(
    compaction: &mut Compaction,
    merging: &Merging,
    inbox: &channel::Receiver<Closed>,
    shared: &Shared,
) {
    let mut pending: VecDeque<(u64, PathBuf, u64)> = VecDeque::new();
    let mut next = None;
    while let Some(Closed { segment, reply }) = next.take().or_else(|| inbox.recv().ok()) {
        pending.extend(segment);
        let result = compact_all(compaction, &mut pending, shared);
        let may_merge = result.is_ok() && reply.is_none();
        if let Some(reply) = reply {
            let _ = reply.send(result);
        }
        if may_merge {
            let stop = || {
                next = inbox.try_recv().ok();
                next.is_some()
            };
            let merged = merging::run(&compaction.output, merging, now_ms(), stop, |done| {
                add(&shared.metrics.merged_files, done.sources);
                add(&shared.metrics.merges, done.files);
            });
            shared.set_merging_failure(merged.err().map(|error| format!("merging: {error}")));
        }
    }
}

/// Makes Parquet of all closed segments; the first that fails stays, and those behind it.
fn compact_all(
    compaction: &mut Compaction,
    pending: &mut VecDeque<(u64, PathBuf, u64)>,
    shared: &Shared,
) -> Result<()> {
    while let Some((number, path, bytes)) = pending.front() {
        match compaction.compact(*number, path, None) {
            Ok(compacted) => {
                compacted.count(shared);
                shared.backlog.fetch_sub(*bytes, Ordering::Relaxed);
                pending.pop_front();
                shared.set_compaction_failure(None);
            }
            // The segment is tried again at the next flush, and after a restart.
            Err(error) => {
                shared.set_compaction_failure(Some(format!("compaction: {error}")));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// What a compaction has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Compacted {
    /// Files published for the rows of the segment.
    pub(crate) parts: u64,
    /// Files rewritten or removed because they held something of a forgotten installation.
    pub(crate) rewritten: u64,
}

impl Compacted {
    pub(crate) fn count(self, shared: &Shared) {
        add(&shared.metrics.parts, self.parts);
        add(&shared.metrics.rewritten_files, self.rewritten);
    }
}

/// Makes Parquet of segments, one after the other.
#[derive(Debug)]
pub(crate) struct Compaction {
    output: PathBuf,
    forgotten: Forgotten,
}

impl Compaction {
    /// Makes Parquet of a segment and removes it.
    ///
    /// With an index, events that it knows are left out and the others are added to it.
    pub(crate) fn compact(
        &mut self,
        number: u64,
        segment: &Path,
        mut index: Option<&mut Index>,
    ) -> Result<Compacted> {
        let mut contents = journal::read(segment)?;
        let rewritten = self.forget(&contents, index.as_deref_mut())?;
        contents.leave_out(&self.forgotten);
        if let Some(index) = index {
            let new = |event: &StoredEvent<'_>| (event.installation, event.event.sequence);
            contents.events.retain(|stored| {
                let (installation, sequence) = new(stored);
                index.insert(&stored.app, installation, sequence)
            });
        }
        let mut parts = publish_events(&self.output, number, &contents.events)?;
        parts += publish_rejections(&self.output, number, &contents.rejections)?;
        if !contents.damaged.is_empty() {
            set_aside(segment, &contents)?;
        }
        disk::remove(segment)?;
        disk::sync_folder(&disk::parent(segment))?;
        Ok(Compacted { parts, rewritten })
    }

    /// Does what the deletions of a segment ask for. Gives the number of files it rewrote.
    fn forget(&mut self, contents: &Contents, index: Option<&mut Index>) -> Result<u64> {
        if contents.deletions.is_empty() {
            return Ok(0);
        }
        let leaving = forgetting::leaving(&contents.deletions);
        swapping::clear(&self.output)?;
        // First of all: from now on no restart stores them again.
        self.forgotten.insert_all(&leaving);
        self.forgotten.save(&self.output)?;
        let rewritten = forgetting::rewrite(&self.output, &leaving)?;
        if let Some(index) = index {
            for (app, installations) in &leaving {
                installations.iter().for_each(|installation| index.remove(app, *installation));
            }
        }
        Ok(rewritten)
    }
}

/// Keeps the lines of a segment that cannot be read beside it.
fn set_aside(segment: &Path, contents: &Contents) -> Result<()> {
    disk::publish(&segment.with_extension("ndjson.damaged"), |mut file, path| {
        let mut text = contents.damaged.join(&b'\n');
        text.push(b'\n');
        file.write_all(&text).map_err(Error::file(path, "write"))?;
        Ok(file)
    })
}

/// The rows of each app and day.
pub(crate) fn by_partition<R>(
    rows: &[R],
    place: impl Fn(&R) -> (&str, i64),
) -> BTreeMap<(&str, Day), Vec<&R>> {
    let mut partitions: BTreeMap<(&str, Day), Vec<&R>> = BTreeMap::new();
    for row in rows {
        let (app, at_ms) = place(row);
        partitions.entry((app, Day::at(at_ms, 0))).or_default().push(row);
    }
    partitions
}

fn publish_events(output: &Path, number: u64, rows: &[StoredEvent<'_>]) -> Result<u64> {
    let mut partitions = by_partition(rows, |row| (&row.app, row.event.at_ms));
    for ((app, day), rows) in &mut partitions {
        // Neighbours that are alike compress well, and a reader meets an installation's events
        // in the order in which they happened.
        rows.sort_by_key(|row| (row.installation, row.event.sequence));
        publish(output, (app, *day), number, |file, path| table::write(file, path, app, rows))?;
    }
    Ok(partitions.len() as u64)
}

fn publish_rejections(output: &Path, number: u64, rows: &[StoredRejection<'_>]) -> Result<u64> {
    let mut partitions = by_partition(rows, |row| (&row.app, row.received_ms));
    let output = output.join(REJECTED);
    for ((app, day), rows) in &mut partitions {
        rows.sort_by_key(|row| (row.installation, row.received_ms, row.batch_id, row.index));
        publish(&output, (app, *day), number, |file, path| {
            rejections::write(file, path, app, rows)
        })?;
    }
    Ok(partitions.len() as u64)
}

fn publish(
    root: &Path,
    (app, day): (&str, Day),
    number: u64,
    write: impl FnOnce(File, &Path) -> Result<File>,
) -> Result<()> {
    let name = format!("part-{number:012}.parquet");
    disk::publish(&partitions::folder(root, app, day).join(name), write)
}

/// What a start finds on the disk.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) forgotten: Forgotten,
    pub(crate) compaction: Compaction,
    /// Number of the next segment.
    pub(crate) next_segment: u64,
    /// What was done while recovering.
    pub(crate) compacted: Compacted,
}

/// Cleans up after a crash, finishes what it cut short, and reads what is stored.
pub(crate) fn recover(output: &Path) -> Result<Recovered> {
    let rejected = output.join(REJECTED);
    swapping::clear(output)?;
    remove_unfinished(output, &rejected)?;
    let mut compaction =
        Compaction { output: output.to_path_buf(), forgotten: Forgotten::load(output)? };
    let segments = journal::segments(&output.join(journal::JOURNAL))?;
    let mut last = segments.last().map_or(0, |(number, _)| *number);
    let mut index = Index::default();
    for (app, path) in partitions::files(output)? {
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let number = number_of_part(&path);
        last = last.max(number.unwrap_or(0));
        // What a segment is about to replace does not count.
        let part = journal::number_of(&path, "part-", ".parquet");
        if part.is_none_or(|number| segments.iter().all(|(segment, _)| *segment != number)) {
            for (installation, sequence) in read_keys(&path, Table::Events)? {
                index.insert(&app, installation, sequence);
            }
        }
    }
    // A segment of nothing but rejected lines leaves no events; its number is taken all the same.
    for (_, path) in partitions::files(&rejected)? {
        last = last.max(number_of_part(&path).unwrap_or(0));
    }
    let mut done = Compacted::default();
    for (number, segment) in &segments {
        let compacted = compaction.compact(*number, segment, Some(&mut index))?;
        done.parts += compacted.parts;
        done.rewritten += compacted.rewritten;
    }
    let forgotten = compaction.forgotten.clone();
    Ok(Recovered { index, forgotten, compaction, next_segment: last + 1, compacted: done })
}

/// Removes files that a crash has left half-written.
fn remove_unfinished(output: &Path, rejected: &Path) -> Result<()> {
    let of = |root: &Path| {
        let files = partitions::files(root)?;
        Ok(files.into_iter().map(|(_, path)| path).collect::<Vec<_>>())
    };
    let folders =
        [journal::JOURNAL, forgetting::FORGOTTEN].map(|name| disk::entries(&output.join(name)));
    let mut paths: Vec<PathBuf> = of(output)?;
    paths.extend(of(rejected)?);
    for folder in folders {
        paths.extend(folder?);
    }
    for path in paths {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            disk::remove(&path)?;
        }
    }
    Ok(())
}
