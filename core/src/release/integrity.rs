//! Whether an installed release is still what was verified.
//!
//! At installation every byte was verified; afterwards a worn flash cell, a failing file system or
//! a hand on a rooted phone may change it. Two checks find that:
//!
//! - opening ([`super::OpenRelease::open`]) is cheap and compares the digest of the manifest, the
//!   lengths and the headers;
//! - [`check_installed`] is complete: it reads every file once and compares every SHA-256. A night
//!   does so before it makes its first slate, and whenever it opens the release.
//!
//! What that covers: the bytes are read through the system's file cache, which is also what a
//! memory map of the same file shows, and what a parsed file was read from. [`Fingerprint`] tells
//! whether the names still lead to the files that are mapped. Not covered is a page that the
//! system drops after the check and reads again differently within the same night, and memory that
//! changes by itself.

use std::path::Path;
use std::time::SystemTime;

use super::digest::{sha256_hex, sha256_of_file_while};
use super::manifest::MANIFEST_FILE;
use super::pass::check_digest;
use super::verify::{check_files, read_small};
use super::{Manifest, ReleaseName};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Error, Refusal, Result};

/// Reads every file of the release in `directory`, whose manifest has the SHA-256
/// `manifest_sha256`, and compares lengths and hashes. Reads each file once, in bounded memory.
///
/// # Errors
/// [`Error::ReleaseRefused`] for the first file that is not what was installed;
/// [`Error::DirectoryMissing`]; [`Error::File`] when it cannot be read.
pub fn check_installed(directory: &Path, manifest_sha256: &str) -> Result<()> {
    check_installed_while(directory, manifest_sha256, &|| Ok(()))
}

/// The same, asking `go_on` before each piece of a file.
///
/// # Errors
/// As [`check_installed`], and those of `go_on`.
pub fn check_installed_while(
    directory: &Path,
    manifest_sha256: &str,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let manifest = read_manifest(directory, manifest_sha256)?;
    check_files(directory, &manifest)?;
    for (file, entry) in &manifest.files {
        let found = sha256_of_file_while(&directory.join(file), go_on)?;
        check_digest(file, &entry.sha256, found)?;
    }
    Ok(())
}

/// The manifest in `directory`, when it is the one of this digest.
pub(super) fn read_manifest(directory: &Path, sha256: &str) -> Result<Manifest> {
    if !directory.is_dir() {
        return Err(Error::DirectoryMissing { path: directory.to_path_buf() });
    }
    let bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    check_digest(MANIFEST_FILE, sha256, sha256_hex(&bytes))?;
    Manifest::parse(&bytes)
}

/// Says of what was found in the installed `release` that it is damaged; an error that is none of
/// the files stays as it is.
#[must_use]
pub fn damaged(release: &ReleaseName, error: Error) -> Error {
    let (file, refusal) = match error {
        // Not damage but an older app than the one that installed it.
        Error::ReleaseRefused { refusal: Refusal::RuntimeTooOld { .. }, .. } => return error,
        Error::ReleaseRefused { file, refusal } => (file, refusal),
        Error::DirectoryMissing { .. } => (MANIFEST_FILE.to_owned(), Refusal::Missing),
        other => return other,
    };
    Error::ReleaseDamaged { release: release.to_string(), file, refusal: Box::new(refusal) }
}

/// Which files a release was opened from: as far as the system tells one file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<FileMark>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileMark {
    length: u64,
    changed: Option<SystemTime>,
    /// Device and inode, where the system has them.
    place: Option<(u64, u64)>,
}

impl Fingerprint {
    /// That of the files that `manifest` names in `directory`, and of the manifest.
    ///
    /// # Errors
    /// [`Error::File`] when the system does not tell.
    pub(super) fn of(directory: &Path, manifest: &Manifest) -> Result<Self> {
        let files = manifest.files.keys().map(String::as_str).chain([MANIFEST_FILE]);
        let mark = |file| {
            let path = directory.join(file);
            let found = std::fs::symlink_metadata(&path).map_err(Error::file(&path, "reading"))?;
            let changed = found.modified().ok();
            Ok(FileMark { length: found.len(), changed, place: place(&found) })
        };
        files.map(mark).collect::<Result<_>>().map(Self)
    }
}

#[cfg(unix)]
fn place(found: &std::fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn place(_found: &std::fs::Metadata) -> Option<(u64, u64)> {
    None
}
