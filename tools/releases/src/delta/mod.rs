//! Deltas: one file holds what changed between two releases.
//!
//! The format stands in `core/docs/formats/delta.md`, the device's side in
//! [`noctule_core::release::delta`]. Files that are the same move nothing; of the others, what
//! stands at the same place is found by comparing, what moved by an index of 32-byte blocks of the
//! older file ([`blocks`]). Memory is bounded whatever the releases weigh: 256 MiB for the index,
//! 32 MiB of the older file, 1 MiB of the newer.

mod blocks;
mod matching;
mod pages;
mod window;
mod writing;

use std::path::Path;

use noctule_core::base::Error as CoreError;
use noctule_core::base::Refusal;
use noctule_core::release::{FileEntry, MANIFEST_FILE, Manifest, sha256_hex, sha256_of_file};

use crate::{Error, Result};
use writing::Writing;

/// A delta that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeDelta {
    /// SHA-256 of the older manifest, lower-case hex.
    pub from: String,
    /// SHA-256 of the newer manifest, lower-case hex.
    pub to: String,
    /// Bytes of the delta.
    pub bytes: u64,
    /// Bytes of all files of the newer release, which move without a delta.
    pub full_bytes: u64,
    /// The files of the newer release.
    pub files: Vec<MadeFile>,
}

/// What a delta says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeFile {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub full_bytes: u64,
    /// Bytes of the delta that make it; 0 when it is the same as an older one.
    pub bytes: u64,
    /// Bytes of it that are in the delta before compression; the others are copied.
    pub added_bytes: u64,
}

/// Writes to `out` what changed from the release in `old` to the one in `new`.
///
/// Every file is compared with what its manifest says, and the delta is followed as a device would
/// follow it before it appears. Signatures are not looked at: a delta needs none, and the releases
/// have theirs. The same releases give the same bytes.
///
/// # Errors
/// [`Error::Exists`] when `out` is there; [`Error::Core`] when a manifest or file is not as it
/// should be; [`Error::File`]. Nothing is left behind.
pub fn make_delta(old: &Path, new: &Path, out: &Path) -> Result<MadeDelta> {
    if out.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: out.to_path_buf() });
    }
    let (from, older) = manifest(old)?;
    let (to, newer) = manifest(new)?;
    let mut writing = Writing::begin(old, &older, out)?;
    for (name, entry) in &newer.files {
        check(new, name, entry)?;
        let same = older.files.iter().find(|(_, old)| is_same(old, entry));
        match same {
            Some((source, _)) => writing.same(name, entry, source)?,
            None => writing.changed(name, entry, &new.join(name))?,
        }
    }
    writing.finish(from, to, out)
}

fn manifest(directory: &Path) -> Result<(String, Manifest)> {
    let path = directory.join(MANIFEST_FILE);
    let bytes = std::fs::read(&path).map_err(Error::file(&path, "reading"))?;
    Ok((sha256_hex(&bytes), Manifest::parse(&bytes)?))
}

fn is_same(one: &FileEntry, other: &FileEntry) -> bool {
    one.length == other.length && one.sha256 == other.sha256
}

/// Checks that a file is the one that its manifest binds.
fn check(directory: &Path, name: &str, entry: &FileEntry) -> Result<()> {
    let path = directory.join(name);
    let found = std::fs::metadata(&path).map_err(Error::file(&path, "reading"))?.len();
    let expected = entry.length;
    if found != expected {
        return Err(CoreError::refused(name, Refusal::WrongLength { expected, found }).into());
    }
    let (found, expected) = (sha256_of_file(&path)?, entry.sha256.clone());
    if found != expected {
        return Err(CoreError::refused(name, Refusal::WrongHash { expected, found }).into());
    }
    Ok(())
}
