//! Files as sources and sinks of a delta.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::digest::{hex, sha256_of_file};
use super::super::verify::{check_digest, plain_length};
use super::{DeltaEntry, Sink, Source};
use crate::base::{Error, Result};

/// Bytes that are collected before they are written.
const WRITE_BYTES: usize = 128 * 1024;

/// A file of the installed release.
pub(super) struct OldFile {
    path: PathBuf,
    file: File,
    length: u64,
    at: u64,
}

impl OldFile {
    /// Opens `name` in `directory`, which must be a plain file.
    pub(super) fn open(directory: &Path, name: &str) -> Result<Self> {
        let length = plain_length(directory, name)?;
        let path = directory.join(name);
        let file = File::open(&path).map_err(Error::file(&path, "opening"))?;
        Ok(Self { path, file, length, at: 0 })
    }
}

impl Source for OldFile {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<()> {
        if offset != self.at {
            let moved = self.file.seek(SeekFrom::Start(offset));
            moved.map_err(Error::file(&self.path, "reading"))?;
        }
        self.file.read_exact(into).map_err(Error::file(&self.path, "reading"))?;
        self.at = offset + into.len() as u64;
        Ok(())
    }
}

/// A file that is being made under a name of its own and gets its name when it is whole.
pub(super) struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    hasher: Sha256,
}

impl NewFile {
    pub(super) fn create(directory: &Path, name: &str) -> Result<Self> {
        // No name of a release begins with a dot, so this one is nobody's.
        let part = directory.join(format!(".{name}.part"));
        remove(&part)?;
        let created = OpenOptions::new().write(true).create_new(true).open(&part);
        let file = created.map_err(Error::file(&part, "making"))?;
        let file = BufWriter::with_capacity(WRITE_BYTES, file);
        Ok(Self { path: directory.join(name), part, file, hasher: Sha256::new() })
    }

    /// Checks the digest of all that was written, flushes it to the disk and gives it its name.
    pub(super) fn finish(self, entry: &DeltaEntry) -> Result<()> {
        let Self { path, part, file, hasher } = self;
        if let Err(error) = check_digest(&entry.name, &entry.sha256, hex(hasher)) {
            // Of no use to the next attempt; if it cannot be removed, that one does.
            drop(file);
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let synced = file.and_then(|file| file.sync_all());
        synced.map_err(Error::file(&part, "flushing"))?;
        std::fs::rename(&part, &path).map_err(Error::file(&path, "renaming"))
    }
}

impl Sink for NewFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(Error::file(&self.part, "writing"))
    }
}

/// Whether the file of `entry` is in `directory` already, whole.
pub(super) fn is_finished(directory: &Path, entry: &DeltaEntry) -> Result<bool> {
    let length = plain_length(directory, &entry.name);
    if length.ok() != Some(entry.length) {
        return Ok(false);
    }
    Ok(sha256_of_file(&directory.join(&entry.name))? == entry.sha256)
}

/// Removes the file at `path` if there is one.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file(path, "removing")(error))
        }
        _ => Ok(()),
    }
}
