//! The small files of days that are over become few large ones.
//!
//! A new folder of the day is made beside the output, with the merged files and links to the files
//! that stay as they are. Then the two folders change places in one step, and the old one is
//! removed. So the output holds each row exactly once at any moment, whatever is killed when:
//! what a crash leaves outside of the output is removed at the next start.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use noctule_core::base::Day;

use crate::compaction::REJECTED;
use crate::disk;
use crate::error::{Error, Result};
use crate::journal;
use crate::partitions;
use crate::rewriting;
use crate::rows::{Source, Table, guarded};
use crate::swapping;

/// How the names of merged files begin.
pub(crate) const MERGED: &str = "merged-";

/// Rows of a merged file: sorting them takes some 200 MB.
const ROWS_MAX: u64 = 4 << 20;

/// Files that are merged at a time: all of them are open at once, and a crash costs no more work.
pub(crate) const SOURCES_MAX: usize = 128;

/// Small files that come after a day was merged are gathered until there are so many.
const LATE_FILES: usize = 8;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Which days are merged, and how large a file may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merging {
    /// How long after its end, in UTC, a day is merged.
    pub after: Duration,
    /// Bytes that merged files should have. Files of at least half of that are left as they are.
    pub target_bytes: u64,
}

impl Default for Merging {
    /// Two days later, when most of what phones had kept has come; 128 MiB.
    fn default() -> Self {
        Self { after: Duration::from_secs(48 * 3_600), target_bytes: 128 << 20 }
    }
}

impl Merging {
    /// Whether a day is over for long enough at `now_ms`.
    pub(crate) fn is_over(&self, day: Day, now_ms: i64) -> bool {
        let after = i64::try_from(self.after.as_millis()).unwrap_or(i64::MAX);
        let end = day.0.saturating_add(1).saturating_mul(DAY_MS);
        end.saturating_add(after) <= now_ms
    }

    /// Whether files of these sizes are worth merging. Of files that came after the day was merged
    /// it waits for several: each merging writes the whole day again.
    pub(crate) fn is_worth(&self, sizes: &[u64], is_merged: bool) -> bool {
        let small = sizes.iter().filter(|bytes| self.is_small(**bytes)).count();
        small >= if is_merged { LATE_FILES } else { 2 }
    }

    pub(crate) fn is_small(&self, bytes: u64) -> bool {
        bytes < self.target_bytes / 2
    }

    /// Which of the small files become one: runs of neighbours that stay within the bounds.
    pub(crate) fn runs<T>(&self, files: Vec<(T, FileSize)>) -> Vec<Vec<T>> {
        let (mut runs, mut size) = (Vec::<Vec<T>>::new(), FileSize::default());
        for (file, next) in files {
            let joined = FileSize { bytes: size.bytes + next.bytes, rows: size.rows + next.rows };
            match runs.last_mut() {
                Some(run) if joined.bytes <= self.target_bytes && joined.rows <= ROWS_MAX => {
                    run.push(file);
                    size = joined;
                }
                _ => {
                    runs.push(vec![file]);
                    size = next;
                }
            }
        }
        runs
    }
}

/// How large a file is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FileSize {
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// What was merged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Small files that are gone.
    pub(crate) sources: u64,
    /// Files that were made of them.
    pub(crate) files: u64,
}

/// Merges what is to be merged, until `stop` says that something else waits. Calls `merged` with
/// what became of each day.
///
/// A day that cannot be merged keeps no other from it; the last error is given.
pub(crate) fn run(
    output: &Path,
    merging: &Merging,
    now_ms: i64,
    mut stop: impl FnMut() -> bool,
    mut merged: impl FnMut(Merged),
) -> Result<()> {
    let mut result = Ok(());
    for (root, table) in
        [(output.to_path_buf(), Table::Events), (output.join(REJECTED), Table::Rejections)]
    {
        for (app, folder) in partitions::apps(&root)? {
            for (day, folder) in partitions::days(&folder)? {
                let day = partitions::parse_day(&day);
                if !day.is_some_and(|day| merging.is_over(day, now_ms)) {
                    continue;
                }
                loop {
                    if stop() {
                        return result;
                    }
                    match merge_day(output, &folder, table, &app, merging) {
                        Ok(Some(done)) => merged(done),
                        Ok(None) => break,
                        Err(error) => {
                            result = Err(error);
                            break;
                        }
                    }
                }
            }
        }
    }
    result
}

/// What a day's folder holds.
struct Files {
    small: Vec<(PathBuf, FileSize)>,
    others: Vec<PathBuf>,
}

/// Looks at a day; none when there is nothing to merge, or something in it that is no file.
fn look_at(folder: &Path, merging: &Merging) -> Result<Option<Files>> {
    let (mut small, mut others) = (Vec::new(), Vec::new());
    let (mut sizes, mut is_merged) = (Vec::new(), false);
    for path in disk::entries(folder)? {
        let metadata = fs::symlink_metadata(&path).map_err(Error::file(&path, "look at"))?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let bytes = metadata.len();
        // Files of other names are not the collector's.
        if number_of_part(&path).is_some() && merging.is_small(bytes) {
            sizes.push(bytes);
            small.push((path, FileSize { bytes, rows: 0 }));
            continue;
        }
        others.push(path);
    }
    for path in small.iter().map(|(path, _)| path).chain(&others) {
        is_merged |= name_of(path).starts_with(MERGED);
    }
    if !merging.is_worth(&sizes, is_merged) {
        return Ok(None);
    }
    // In the order in which they came, whatever merged files are called.
    small.sort_by_key(|(path, _)| (number_of_part(path), path.clone()));
    let rest = small.split_off(small.len().min(SOURCES_MAX));
    others.extend(rest.into_iter().map(|(path, _)| path));
    for (path, size) in &mut small {
        size.rows = guarded(path, || Ok(Source::open(path)?.rows() as u64))?;
    }
    Ok(Some(Files { small, others }))
}

pub(crate) fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The number of the segment whose rows a file holds, or of the last of them.
pub(crate) fn number_of_part(path: &Path) -> Option<u64> {
    journal::number_of(path, "part-", ".parquet")
        .or_else(|| journal::number_of(path, MERGED, ".parquet"))
}

fn merge_day(
    output: &Path,
    folder: &Path,
    table: Table,
    app: &str,
    merging: &Merging,
) -> Result<Option<Merged>> {
    let Some(files) = look_at(folder, merging)? else { return Ok(None) };
    let runs = merging.runs(files.small);
    if runs.iter().all(|run| run.len() < 2) {
        return Ok(None);
    }
    let new = swapping::begin(output)?;
    let mut done = Merged::default();
    for run in runs {
        if let [file] = run.as_slice() {
            swapping::link(file, &new)?;
            continue;
        }
        // The number of the last: files that come later have higher ones.
        let last = run.iter().filter_map(|path| number_of_part(path)).max().unwrap_or(0);
        let target = new.join(format!("{MERGED}{last:012}.parquet"));
        if target.exists() {
            let reason = "two files of its folder have the same number";
            return Err(Error::Damaged { path: folder.to_path_buf(), reason });
        }
        disk::publish(&target, |file, path| {
            rewriting::copy(&run, table, app, |_| true, (file, path)).map(|(file, _)| file)
        })?;
        done.sources += run.len() as u64;
        done.files += 1;
    }
    for path in &files.others {
        swapping::link(path, &new)?;
    }
    disk::sync_folder(&new)?;
    swapping::swap(output, folder)?;
    Ok(Some(done))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rows::read_keys;
    use crate::table::tests::write_file;

    const NOW_MS: i64 = 10 * DAY_MS;

    /// Parts of a day with so many rows each, numbered from 1.
    pub(crate) fn day(output: &Path, day: Day, rows: &[u64]) -> PathBuf {
        let folder = partitions::folder(output, "town", day);
        fs::create_dir_all(&folder).unwrap();
        let mut first = 1;
        for (number, rows) in (1..).zip(rows) {
            let path = folder.join(format!("part-{number:012}.parquet"));
            let keys: Vec<_> = (first..first + rows).map(|sequence| (7, sequence)).collect();
            write_file(&path, &keys);
            first += rows;
        }
        folder
    }

    pub(crate) fn sequences(folder: &Path) -> Vec<u64> {
        let files = disk::entries(folder).unwrap();
        let keys = files.iter().flat_map(|path| read_keys(path, Table::Events).unwrap());
        let mut sequences: Vec<u64> = keys.map(|(_, sequence)| sequence).collect();
        sequences.sort_unstable();
        sequences
    }

    pub(crate) fn names(folder: &Path) -> Vec<String> {
        disk::entries(folder).unwrap().iter().map(|path| name_of(path).to_owned()).collect()
    }

    fn merge(output: &Path, merging: &Merging) -> Merged {
        let mut all = Merged::default();
        run(
            output,
            merging,
            NOW_MS,
            || false,
            |done| {
                all.sources += done.sources;
                all.files += done.files;
            },
        )
        .unwrap();
        all
    }

    #[test]
    fn a_day_that_is_over_becomes_one_file_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let old = day(folder.path(), Day(7), &[3, 1, 2]);
        // Its last millisecond was less than two days ago.
        let fresh = day(folder.path(), Day(8), &[3, 1]);
        let alone = day(folder.path(), Day(1), &[2]);
        let done = merge(folder.path(), &Merging::default());
        assert_eq!(done, Merged { sources: 3, files: 1 });
        assert_eq!(names(&old), ["merged-000000000003.parquet"]);
        assert_eq!(sequences(&old), [1, 2, 3, 4, 5, 6]);
        assert_eq!((names(&fresh).len(), names(&alone).len()), (2, 1));
        assert!(!folder.path().join("_merging").exists());
        assert_eq!(merge(folder.path(), &Merging::default()), Merged::default());
    }

    #[test]
    fn late_files_are_gathered_before_a_day_is_merged_again() {
        let folder = tempfile::tempdir().unwrap();
        let old = day(folder.path(), Day(1), &[1, 1]);
        merge(folder.path(), &Merging::default());
        for late in 3..=LATE_FILES as u64 + 1 {
            assert_eq!(merge(folder.path(), &Merging::default()), Merged::default());
            write_file(&old.join(format!("part-{late:012}.parquet")), &[(7, late)]);
        }
        assert_eq!(merge(folder.path(), &Merging::default()).files, 1);
        assert_eq!(sequences(&old), (1..=LATE_FILES as u64 + 1).collect::<Vec<_>>());
    }

    #[test]
    fn files_stay_within_the_target_and_what_is_large_or_foreign_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let old = day(folder.path(), Day(1), &[5, 5, 5, 5, 5, 2_000]);
        fs::write(old.join("note.txt"), "mine").unwrap();
        let small = fs::metadata(old.join("part-000000000001.parquet")).unwrap().len();
        let large = fs::metadata(old.join("part-000000000006.parquet")).unwrap().len();
        let merging = Merging { target_bytes: small * 5 / 2, ..Merging::default() };
        assert!(large > merging.target_bytes);
        let done = merge(folder.path(), &merging);
        assert_eq!(done, Merged { sources: 4, files: 2 });
        assert_eq!(
            names(&old),
            [
                "merged-000000000002.parquet",
                "merged-000000000004.parquet",
                "note.txt",
                "part-000000000005.parquet",
                "part-000000000006.parquet",
            ]
        );
        fs::remove_file(old.join("note.txt")).unwrap();
        assert_eq!(sequences(&old), (1..=2_025).collect::<Vec<_>>());
    }

    #[test]
    fn a_day_of_very_many_files_never_has_all_of_them_open() {
        let folder = tempfile::tempdir().unwrap();
        let old = day(folder.path(), Day(1), &[1; 2 * SOURCES_MAX + 3]);
        let mut passes = Vec::new();
        run(folder.path(), &Merging::default(), NOW_MS, || false, |done| passes.push(done))
            .unwrap();
        assert!(passes.iter().all(|done| done.sources <= SOURCES_MAX as u64), "{passes:?}");
        assert!(passes.len() > 1 && names(&old).len() < LATE_FILES, "{:?}", names(&old));
        assert_eq!(sequences(&old), (1..=2 * SOURCES_MAX as u64 + 3).collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_file_keeps_its_day_as_it_is_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let bad = day(folder.path(), Day(1), &[2, 1]);
        let good = day(folder.path(), Day(2), &[2, 1]);
        let part = bad.join("part-000000000002.parquet");
        fs::write(&part, "no parquet").unwrap();
        let error = run(folder.path(), &Merging::default(), NOW_MS, || false, |_| {}).unwrap_err();
        assert!(error.to_string().contains("part-000000000002"), "{error}");
        assert_eq!((names(&bad).len(), names(&good).len()), (2, 1));
    }
}
