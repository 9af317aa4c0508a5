//! A closed journal segment becomes Parquet.
//!
//! The files of segment 7 are `app=…/day=…/part-000000000007.parquet`: their names follow from the
//! segment, so that a compaction that a crash has cut short is simply done again and replaces what
//! it had published. The segment is removed only when all of its files are in place. So each event
//! is in the output exactly once, whatever the moment of the crash.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc as channel;

use noctule_core::base::Day;

use crate::disk;
use crate::error::{Error, Result};
use crate::index::Index;
use crate::journal::{self, Contents, StoredEvent, StoredRejection};
use crate::metrics::add;
use crate::shared::Shared;
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

/// Makes Parquet of closed segments, oldest first, until the journal thread has ended.
pub(crate) fn run(output: &Path, inbox: &channel::Receiver<Closed>, shared: &Shared) {
    let mut pending: VecDeque<(u64, PathBuf, u64)> = VecDeque::new();
    while let Ok(Closed { segment, reply }) = inbox.recv() {
        pending.extend(segment);
        let mut result = Ok(());
        while let Some((number, path, bytes)) = pending.front() {
            match compact(output, *number, path, None) {
                Ok(parts) => {
                    add(&shared.metrics.parts, parts);
                    shared.backlog.fetch_sub(*bytes, Ordering::Relaxed);
                    pending.pop_front();
                    shared.set_compaction_failure(None);
                }
                // The segment stays and is tried again at the next flush, and after a restart.
                Err(error) => {
                    shared.set_compaction_failure(Some(format!("compaction: {error}")));
                    result = Err(error);
                    break;
                }
            }
        }
        if let Some(reply) = reply {
            let _ = reply.send(result);
        }
    }
}

/// Makes Parquet of a segment and removes it. Gives the number of files published.
///
/// With an index, events that it knows are left out and the others are added to it.
pub(crate) fn compact(
    output: &Path,
    number: u64,
    segment: &Path,
    index: Option<&mut Index>,
) -> Result<u64> {
    let mut contents = journal::read(segment)?;
    if let Some(index) = index {
        contents
            .events
            .retain(|stored| index.insert(&stored.app, stored.installation, stored.event.sequence));
    }
    let mut parts = publish_events(output, number, &contents)?;
    parts += publish_rejections(output, number, &contents.rejections)?;
    if contents.damaged {
        let kept = segment.with_extension("ndjson.damaged");
        fs::rename(segment, &kept).map_err(Error::file(&kept, "set aside the damaged segment"))?;
    } else {
        disk::remove(segment)?;
    }
    if let Some(folder) = segment.parent() {
        disk::sync_folder(folder)?;
    }
    Ok(parts)
}

fn publish_events(output: &Path, number: u64, contents: &Contents) -> Result<u64> {
    let mut partitions: BTreeMap<(&str, Day), Vec<&StoredEvent<'_>>> = BTreeMap::new();
    for stored in &contents.events {
        let day = Day::at(stored.event.at_ms, 0);
        partitions.entry((&stored.app, day)).or_default().push(stored);
    }
    for ((app, day), rows) in &mut partitions {
        // Neighbours that are alike compress well, and a reader meets an installation's events
        // in the order in which they happened.
        rows.sort_by_key(|row| (row.installation, row.event.sequence));
        let name = format!("part-{number:012}.parquet");
        let path = output.join(format!("app={app}")).join(format!("day={day}")).join(name);
        disk::publish(&path, |file, path| table::write(file, path, app, rows))?;
    }
    Ok(partitions.len() as u64)
}

fn publish_rejections(output: &Path, number: u64, lines: &[StoredRejection<'_>]) -> Result<u64> {
    let mut partitions: BTreeMap<(&str, Day), Vec<&StoredRejection<'_>>> = BTreeMap::new();
    for line in lines {
        let day = Day::at(line.received_ms, 0);
        partitions.entry((&line.app, day)).or_default().push(line);
    }
    for ((app, day), lines) in &partitions {
        let folder = output.join(REJECTED).join(format!("app={app}"));
        let path = folder.join(format!("day={day}")).join(format!("part-{number:012}.ndjson"));
        disk::publish(&path, |mut file, path| {
            let mut text = Vec::new();
            for line in lines {
                serde_json::to_writer(&mut text, line)
                    .map_err(|error| Error::file(path, "encode")(error.into()))?;
                text.push(b'\n');
            }
            file.write_all(&text).map_err(Error::file(path, "write"))?;
            Ok(file)
        })?;
    }
    Ok(partitions.len() as u64)
}

/// What a start finds on the disk.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) index: Index,
    /// Number of the next segment.
    pub(crate) next_segment: u64,
    /// Files published while recovering.
    pub(crate) parts: u64,
}

/// Cleans up after a crash, finishes what it cut short, and reads what is stored.
pub(crate) fn recover(output: &Path) -> Result<Recovered> {
    let segments = journal::segments(&output.join(journal::JOURNAL))?;
    let mut last = segments.last().map_or(0, |(number, _)| *number);
    let mut index = Index::default();
    for (app, path) in files_of_partitions(output)? {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            disk::remove(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            let number = journal::number_of(&path, "part-", ".parquet");
            last = last.max(number.unwrap_or(0));
            // What a segment is about to replace does not count.
            if number.is_none_or(|number| segments.iter().all(|(segment, _)| *segment != number)) {
                table::read_identities(&path, |installation, sequence| {
                    index.insert(&app, installation, sequence);
                })?;
            }
        }
    }
    // A segment of nothing but rejected lines leaves no Parquet; its number is taken all the same.
    for (_, path) in files_of_partitions(&output.join(REJECTED))? {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            disk::remove(&path)?;
        }
        last = last.max(journal::number_of(&path, "part-", ".ndjson").unwrap_or(0));
    }
    let mut parts = 0;
    for (number, segment) in &segments {
        parts += compact(output, *number, segment, Some(&mut index))?;
    }
    Ok(Recovered { index, next_segment: last + 1, parts })
}

/// Every file two levels down, `app=…/day=…/…`, with its app.
fn files_of_partitions(output: &Path) -> Result<Vec<(String, PathBuf)>> {
    let value =
        |path: &Path, key: &str| Some(path.file_name()?.to_str()?.strip_prefix(key)?.to_owned());
    let mut files = Vec::new();
    for folder in disk::entries(output)? {
        let Some(app) = value(&folder, "app=") else { continue };
        for day in disk::entries(&folder)?.iter().filter(|path| value(path, "day=").is_some()) {
            files.extend(disk::entries(day)?.into_iter().map(|path| (app.clone(), path)));
        }
    }
    Ok(files)
}
