//! A version is built: of the state before it and a claim, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use uuid::Uuid;

use super::JOURNAL;
use super::place::Place;
use super::state::{Claim, FileEntry, State};
use crate::compaction::{REJECTED, by_partition};
use crate::error::{Error, Result};
use crate::forgetting::{self, Leaving};
use crate::index::Index;
use crate::journal::Contents;
use crate::merging::{FileSize, MERGED, Merged, Merging, SOURCES_MAX};
use crate::partitions::parse_day;
use crate::rows::{Table, read_keys};
use crate::{rejections, rewriting, table};

/// Lines that could not be read.
const DAMAGED: &str = "_damaged";

/// Bytes of a journal object or a Parquet file: far more than either is made with.
const OBJECT_BYTES_MAX: u64 = 4 << 30;

/// A version that may be committed.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) next: State,
    pub(super) parts: u64,
    pub(super) rewritten: u64,
    pub(super) merged: Merged,
}

/// What is stored as of a version; none when its files are gone because others have gone on.
pub(super) fn read_index(place: &Place, state: &State) -> Result<Option<Index>> {
    let (scratch, mut index) = (scratch()?, Index::default());
    for path in state.files.keys() {
        let Some((Table::Events, app)) = table_and_app(path) else { continue };
        let Some(file) = fetch(place, path, scratch.path())? else { return Ok(None) };
        for (installation, sequence) in read_keys(&file, Table::Events)? {
            index.insert(app, installation, sequence);
        }
        crate::disk::remove(&file)?;
    }
    Ok(Some(index))
}

/// Builds the version that a claim asks for: its files are in the store afterwards, and `index` is
/// as of that version. None when what it is made of is gone because others have gone on.
pub(super) fn build(
    place: &Place,
    state: &State,
    claim: &Claim,
    index: &mut Index,
) -> Result<Option<Built>> {
    let next = State { version: claim.version, ..state.clone() };
    let built = Built { next, parts: 0, rewritten: 0, merged: Merged::default() };
    let mut builder = Builder { place, claim, built, scratch: scratch()?, made: 0 };
    let is_done = if claim.segments.is_empty() {
        builder.merge(state)?
    } else {
        builder.take_in(state, index)?
    };
    Ok(is_done.map(|()| builder.built))
}

struct Builder<'a> {
    place: &'a Place,
    claim: &'a Claim,
    built: Built,
    scratch: TempDir,
    /// Files that were made of others so far.
    made: u64,
}

impl Builder<'_> {
    /// Takes in the segments of the claim.
    fn take_in(&mut self, state: &State, index: &mut Index) -> Result<Option<()>> {
        let mut contents = Contents::default();
        for (instance, numbers) in &self.claim.segments {
            for number in numbers {
                let path = format!("{JOURNAL}/{instance}/{number:012}.ndjson");
                let Some(segment) = self.place.get(&path, OBJECT_BYTES_MAX)? else {
                    return Ok(None);
                };
                contents.read(&segment);
            }
        }
        let Some(mut forgotten) = state.load_forgotten(self.place)? else { return Ok(None) };
        let leaving = forgetting::leaving(&contents.deletions);
        if !leaving.is_empty() {
            forgotten.insert_all(&leaving);
            self.built.next.save_forgotten(self.place, &forgotten)?;
            if self.forget(state, &leaving, index)?.is_none() {
                return Ok(None);
            }
        }
        contents.leave_out(&forgotten);
        contents.events.retain(|row| index.insert(&row.app, row.installation, row.event.sequence));
        self.publish(&contents)?;
        self.built.next.consume(self.claim);
        Ok(Some(()))
    }

    /// Writes the rows of the segments.
    fn publish(&mut self, contents: &Contents) -> Result<()> {
        let name = format!("part-{:012}.parquet", self.claim.version);
        let events = by_partition(&contents.events, |row| (&row.app, row.event.at_ms));
        for ((app, day), mut rows) in events {
            rows.sort_by_key(|row| (row.installation, row.event.sequence));
            let count = rows.len() as u64;
            self.put(&format!("app={app}/day={day}/{name}"), |file, path| {
                Ok((table::write(file, path, app, &rows)?, count))
            })?;
        }
        let rejected = by_partition(&contents.rejections, |row| (&row.app, row.received_ms));
        for ((app, day), mut rows) in rejected {
            rows.sort_by_key(|row| (row.installation, row.received_ms, row.batch_id, row.index));
            let count = rows.len() as u64;
            self.put(&format!("{REJECTED}/app={app}/day={day}/{name}"), |file, path| {
                Ok((rejections::write(file, path, app, &rows)?, count))
            })?;
        }
        if !contents.damaged.is_empty() {
            let mut text = contents.damaged.join(&b'\n');
            text.push(b'\n');
            let path = format!("{DAMAGED}/{:012}.ndjson", self.claim.version);
            self.place.put_new(&path, text)?;
        }
        Ok(())
    }

    /// Replaces every file that holds something of these installations.
    fn forget(
        &mut self,
        state: &State,
        leaving: &Leaving,
        index: &mut Index,
    ) -> Result<Option<()>> {
        for (app, installations) in leaving {
            installations.iter().for_each(|installation| index.remove(app, *installation));
            for path in state.files.keys() {
                let Some((table, of)) = table_and_app(path) else { continue };
                if of != app {
                    continue;
                }
                let Some(file) = fetch(self.place, path, self.scratch.path())? else {
                    return Ok(None);
                };
                self.forget_in(path, &file, table, app, installations)?;
                crate::disk::remove(&file)?;
            }
        }
        let all: BTreeSet<Uuid> = leaving.values().flatten().copied().collect();
        for found in self.place.list(DAMAGED)? {
            let text = self.place.get(&found.path, OBJECT_BYTES_MAX)?.unwrap_or_default();
            if forgetting::names(&text, &all) {
                self.place.delete(&found.path)?;
            }
        }
        Ok(Some(()))
    }

    fn forget_in(
        &mut self,
        path: &str,
        file: &Path,
        table: Table,
        app: &str,
        gone: &BTreeSet<Uuid>,
    ) -> Result<()> {
        let keys = read_keys(file, table)?;
        let left = keys.iter().filter(|(installation, _)| !gone.contains(installation)).count();
        if left == keys.len() {
            return Ok(());
        }
        self.built.next.files.remove(path);
        self.built.rewritten += 1;
        if left > 0 {
            let keep = |installation| !gone.contains(&installation);
            let sources = [file.to_path_buf()];
            let target = self.name_beside(path, "part-");
            self.put(&target, |file, path| {
                rewriting::copy(&sources, table, app, keep, (file, path))
            })?;
        }
        Ok(())
    }

    /// Merges the files of the first day that is due.
    fn merge(&mut self, state: &State) -> Result<Option<()>> {
        let merging = self.claim.merging();
        let runs = due_for_merging(state, &merging, self.claim.at_ms).unwrap_or_default();
        for run in runs {
            let Some((table, app)) = run.first().and_then(|path| table_and_app(path)) else {
                continue;
            };
            let mut sources: Vec<PathBuf> = Vec::new();
            for path in &run {
                let Some(file) = fetch(self.place, path, self.scratch.path())? else {
                    return Ok(None);
                };
                sources.push(file);
            }
            let target = self.name_beside(&run[0], MERGED);
            self.put(&target, |file, path| {
                rewriting::copy(&sources, table, app, |_| true, (file, path))
            })?;
            for (path, file) in run.iter().zip(&sources) {
                self.built.next.files.remove(path);
                crate::disk::remove(file)?;
            }
            self.built.merged.sources += run.len() as u64;
            self.built.merged.files += 1;
        }
        Ok(Some(()))
    }

    /// A new name in the folder of a file: of this version, and of no other file of it.
    fn name_beside(&mut self, path: &str, begin: &str) -> String {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.made += 1;
        format!("{folder}/{begin}{:012}-{:06}.parquet", self.claim.version, self.made)
    }

    /// Makes a Parquet file, unless it is there, and lists it in the version.
    fn put(
        &mut self,
        path: &str,
        write: impl FnOnce(File, &Path) -> Result<(File, u64)>,
    ) -> Result<()> {
        let local = self.scratch.path().join("new.parquet");
        let file = File::create(&local).map_err(Error::file(&local, "create"))?;
        let (_, rows) = write(file, &local)?;
        let bytes = std::fs::read(&local).map_err(Error::file(&local, "read"))?;
        let entry = FileEntry { bytes: bytes.len() as u64, rows };
        // One that is there was written by an earlier attempt at this version: the same.
        self.place.put_new(path, bytes)?;
        self.built.next.files.insert(path.to_owned(), entry);
        self.built.parts += 1;
        Ok(())
    }
}

/// The runs of small files of the first day that is to be merged.
pub(super) fn due_for_merging(
    state: &State,
    merging: &Merging,
    at_ms: i64,
) -> Option<Vec<Vec<String>>> {
    let mut days: BTreeMap<&str, Vec<(&String, FileEntry)>> = BTreeMap::new();
    for (path, entry) in &state.files {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        days.entry(folder).or_default().push((path, *entry));
    }
    days.into_iter().find_map(|(folder, files)| {
        let day = parse_day(folder.rsplit_once("day=")?.1)?;
        let sizes: Vec<u64> = files.iter().map(|(_, entry)| entry.bytes).collect();
        let is_merged = files.iter().any(|(path, _)| path.contains(MERGED));
        if !merging.is_over(day, at_ms) || !merging.is_worth(&sizes, is_merged) {
            return None;
        }
        let mut small: Vec<(String, FileSize)> = files
            .into_iter()
            .filter(|(_, entry)| merging.is_small(entry.bytes))
            .map(|(path, FileEntry { bytes, rows })| (path.clone(), FileSize { bytes, rows }))
            .collect();
        small.sort_by_key(|(path, _)| (version_of(path), path.clone()));
        small.truncate(SOURCES_MAX);
        let mut runs = merging.runs(small);
        runs.retain(|run| run.len() > 1);
        (!runs.is_empty()).then_some(runs)
    })
}

/// The version in the name of a Parquet file.
pub(super) fn version_of(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?.strip_suffix(".parquet")?;
    let rest = name.strip_prefix("part-").or_else(|| name.strip_prefix(MERGED))?;
    rest.get(..12)?.parse().ok()
}

/// The table and the app of a Parquet file, by its path.
fn table_and_app(path: &str) -> Option<(Table, &str)> {
    let (table, path) = match path.strip_prefix("_rejected/") {
        Some(path) => (Table::Rejections, path),
        None => (Table::Events, path),
    };
    Some((table, path.strip_prefix("app=")?.split('/').next()?))
}

fn scratch() -> Result<TempDir> {
    tempfile::tempdir().map_err(Error::file(&std::env::temp_dir(), "make a folder in"))
}

/// Copies a file of the store here; none when it is gone.
fn fetch(place: &Place, path: &str, scratch: &Path) -> Result<Option<PathBuf>> {
    let Some(bytes) = place.get(path, OBJECT_BYTES_MAX)? else { return Ok(None) };
    let file = scratch.join(path.replace('/', "+"));
    std::fs::write(&file, bytes).map_err(Error::file(&file, "write"))?;
    Ok(Some(file))
}
