//! Writing and reading run folders.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{MeasuredModel, RUN_FORMAT, RunRecord};
use crate::datasets::Interactions;
use crate::evaluation::Metric;
use crate::{Error, Result};

const RECORD: &str = "run.json";
const PAGE: &str = "run.html";

/// Bytes of `run.json`: a few hundred settings and curves of a thousand epochs take 100 kB.
const RECORD_BYTES_MAX: u64 = 64 << 20;

/// Bytes of one line of `users-<model>.jsonl`.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// The measures of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    /// The user's name.
    pub user: String,
    /// Number of known events.
    pub history: usize,
    /// Rank of the best target, from 1; none where it was not ranked.
    pub rank: Option<usize>,
    /// The measures that are defined.
    pub metrics: BTreeMap<Metric, f64>,
}

/// Writes a run into `folder`: complete or not at all. A run that is there is replaced once the new
/// one is complete; anything else that is there is left alone.
///
/// # Errors
/// [`Error::File`], and [`Error::Setting`] when `folder` exists and is no run.
pub fn write_run(
    record: &RunRecord,
    users: &[MeasuredModel],
    data: &Interactions,
    folder: &Path,
) -> Result<()> {
    // Without a separator at its end, so that what stands beside it does.
    let folder = &folder.components().collect::<PathBuf>();
    let there = folder.symlink_metadata().is_ok();
    if there && !folder.join(RECORD).is_file() {
        let is_empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            let reason = format!("{} exists and is no run", folder.display());
            return Err(Error::setting("run", reason));
        }
    }
    let partial = beside(folder, "partial");
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(Error::file(parent, "making the directory"))?;
    }
    remove(&partial)?;
    let written = write_files(record, users, data, &partial);
    let published = written.and_then(|()| publish(&partial, folder, there));
    if published.is_err() {
        // The first error is told; what is left has a name that says what it is.
        let _ = fs::remove_dir_all(&partial);
    }
    published
}

fn publish(partial: &Path, folder: &Path, there: bool) -> Result<()> {
    let old = beside(folder, "replaced");
    if there {
        remove(&old)?;
        fs::rename(folder, &old).map_err(Error::file(folder, "moving the old run away"))?;
    }
    if let Err(error) = fs::rename(partial, folder) {
        if there {
            // The old run goes back; where that fails too, it keeps the name that says what it is.
            let _ = fs::rename(&old, folder);
        }
        return Err(Error::file(folder, "putting in place")(error));
    }
    remove(&old)
}

fn write_files(
    record: &RunRecord,
    users: &[MeasuredModel],
    data: &Interactions,
    folder: &Path,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::file(folder, "making the directory"))?;
    for model in users {
        write_users(model, data, &folder.join(users_file(&model.report.name)))?;
    }
    let page = crate::page::run_page(record);
    write_whole(&folder.join(PAGE), page.as_bytes())?;
    let path = folder.join(RECORD);
    let mut json = serde_json::to_vec_pretty(record).map_err(std::io::Error::from);
    if let Ok(json) = &mut json {
        json.push(b'\n');
    }
    write_whole(&path, &json.map_err(Error::file(&path, "encoding"))?)
}

/// Writes `bytes` to the disk, not only to the cache of the system.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::file(path, "creating"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::file(path, "writing"))
}

fn write_users(model: &MeasuredModel, data: &Interactions, path: &Path) -> Result<()> {
    let file = File::create(path).map_err(Error::file(path, "creating"))?;
    let mut writer = BufWriter::new(file);
    for (result, measures) in &model.users {
        let named = Metric::ALL.into_iter().zip(measures);
        let row = UserRow {
            user: data.users[result.user as usize].clone(),
            history: result.history,
            rank: result.ranks.first().copied().filter(|rank| *rank != usize::MAX),
            metrics: named.filter_map(|(metric, value)| Some((metric, (*value)?))).collect(),
        };
        let written = serde_json::to_writer(&mut writer, &row).map_err(std::io::Error::from);
        written.and_then(|()| writer.write_all(b"\n")).map_err(Error::file(path, "writing"))?;
    }
    let written = writer.flush().and_then(|()| writer.get_ref().sync_all());
    written.map_err(Error::file(path, "writing"))
}

/// `folder` with an ending behind its name.
fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    PathBuf::from(name)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(folder, "removing")(error))
        }
        _ => Ok(()),
    }
}

/// Name of the file of a model's users.
fn users_file(model: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    format!("users-{}.jsonl", model.chars().map(plain).collect::<String>())
}

/// Reads the record of the run in `folder`.
///
/// # Errors
/// [`Error::File`], [`Error::TooLarge`], and [`Error::Field`] for what is no record, or one of a
/// newer format.
pub fn read_run(folder: &Path) -> Result<RunRecord> {
    let path = folder.join(RECORD);
    let file = File::open(&path).map_err(Error::file(&path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(RECORD_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(&path, "reading"))?;
    if bytes.len() as u64 > RECORD_BYTES_MAX {
        let (what, found, limit) = ("length in bytes", bytes.len() as u64, RECORD_BYTES_MAX);
        return Err(Error::TooLarge { path, what, found, limit });
    }
    let record: RunRecord = serde_json::from_slice(&bytes)
        .map_err(|error| Error::field(&path, error.line() as u64, "run", error.to_string()))?;
    if record.format > RUN_FORMAT {
        let reason = format!("{} is newer than {RUN_FORMAT}", record.format);
        return Err(Error::field(&path, 0, "format", reason));
    }
    Ok(record)
}

/// Reads the measures of each user by `model` of the run in `folder`.
///
/// # Errors
/// [`Error::File`], [`Error::TooLarge`], and [`Error::Field`] with the line of what is no such row.
pub fn read_users(folder: &Path, model: &str) -> Result<Vec<UserRow>> {
    let path = folder.join(users_file(model));
    let file = File::open(&path).map_err(Error::file(&path, "opening"))?;
    let (mut reader, mut rows, mut bytes) = (BufReader::new(file), Vec::new(), Vec::new());
    for line in 1.. {
        bytes.clear();
        let bounded = reader.by_ref().take(LINE_BYTES_MAX + 1);
        let read = { bounded }.read_until(b'\n', &mut bytes);
        if read.map_err(Error::file(&path, "reading"))? == 0 {
            break;
        }
        if bytes.len() as u64 > LINE_BYTES_MAX {
            let (what, limit) = ("length of a line", LINE_BYTES_MAX);
            return Err(Error::TooLarge { path, what, found: limit + 1, limit });
        }
        let row = serde_json::from_slice(&bytes)
            .map_err(|error| Error::field(&path, line, "row", error.to_string()))?;
        rows.push(row);
    }
    Ok(rows)
}
