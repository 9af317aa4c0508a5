//! Installation: a verified copy of a release, whole or not there at all.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::digest::{CHUNK_BYTES, hex, sha256_hex};
use super::manifest::{MANIFEST_FILE, SIGNATURE_FILE};
use super::validate::is_release_name;
use super::verify::{
    Head, Trust, VerifiedRelease, check_contents, check_digest, check_files, read_small,
};
use super::{Manifest, ReleaseName};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Error, Refusal, Result};

/// Begin of the name of a directory that is being filled or emptied.
const STAGING_PREFIX: &str = ".staging-";

/// The directory of an installed release in `releases_dir`: `town@3`.
#[must_use]
pub fn installed_path(releases_dir: &Path, release: &ReleaseName) -> PathBuf {
    releases_dir.join(release.to_string())
}

/// Copies the release in `source` to `releases_dir/<name>@<version>` and verifies the copy.
///
/// Hashes are taken of the bytes as they are written, and values, layouts and catalogue are checked
/// in the copy, so that nobody can change a file between the check and the use. The copy is flushed
/// to the disk and appears under its name in one step; after a failure or a crash nothing of it is
/// visible, and the next call removes what is left. A release that is there already, whole and the
/// same, stays as it is. Making it the active one is up to the caller. One call at a time for one
/// `releases_dir`.
///
/// # Errors
/// As [`super::verify_directory`], and [`Error::StorageFull`].
pub fn stage(source: &Path, releases_dir: &Path, trust: &Trust<'_>) -> Result<VerifiedRelease> {
    let head = Head::read(source, trust)?;
    check_files(source, &head.manifest)?;
    std::fs::create_dir_all(releases_dir).map_err(Error::file(releases_dir, "making"))?;
    remove_staging(releases_dir)?;
    let directory = installed_path(releases_dir, &head.manifest.release);
    if let Some(items) = items_if_installed(&directory, &head) {
        return Ok(verified(directory, head, items));
    }
    let staging = Staging::make(releases_dir)?;
    for (file, entry) in &head.manifest.files {
        let (from, to) = (source.join(file), staging.path.join(file));
        let found = copy(&from, &to, file, entry.length)?;
        check_digest(file, &entry.sha256, found)?;
    }
    if let Some(signature) = &head.signature {
        write(&staging.path.join(SIGNATURE_FILE), signature)?;
    }
    write(&staging.path.join(MANIFEST_FILE), &head.manifest_bytes)?;
    let items = check_contents(&staging.path, &head.manifest)?;
    sync_directory(&staging.path)?;
    if directory.exists() {
        // Damaged, or another release of the same number that was never active.
        retire(releases_dir, &directory)?;
    }
    std::fs::rename(&staging.path, &directory).map_err(Error::file(&directory, "renaming"))?;
    sync_directory(releases_dir)?;
    Ok(verified(directory, head, items))
}

/// Removes every installed release but those in `keep`, and what unfinished installations left.
///
/// Touches nothing whose name is not that of a release. Gives the releases removed.
///
/// # Errors
/// [`Error::File`]; what was removed before stays removed.
pub fn prune(releases_dir: &Path, keep: &[ReleaseName]) -> Result<Vec<ReleaseName>> {
    let mut removed = Vec::new();
    if !releases_dir.exists() {
        return Ok(removed);
    }
    remove_staging(releases_dir)?;
    for name in names(releases_dir)? {
        let Some(release) = parse_installed(&name) else { continue };
        if !keep.contains(&release) {
            retire(releases_dir, &releases_dir.join(&name))?;
            removed.push(release);
        }
    }
    removed.sort();
    Ok(removed)
}

fn verified(directory: PathBuf, head: Head, items: usize) -> VerifiedRelease {
    let Head { manifest, manifest_sha256, .. } = head;
    VerifiedRelease { directory, manifest, manifest_sha256, items }
}

/// Number of items of the release in `directory` when it is whole and the one of `head`.
fn items_if_installed(directory: &Path, head: &Head) -> Option<usize> {
    let bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX).ok()?;
    let same = sha256_hex(&bytes) == head.manifest_sha256;
    let items = same.then(|| check_installed(directory, &head.manifest))?;
    items.ok()
}

fn check_installed(directory: &Path, manifest: &Manifest) -> Result<usize> {
    check_files(directory, manifest)?;
    for (file, entry) in &manifest.files {
        check_digest(file, &entry.sha256, super::digest::sha256_of_file(&directory.join(file))?)?;
    }
    check_contents(directory, manifest)
}

/// A directory being filled; removed again unless it was renamed.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn make(releases_dir: &Path) -> Result<Self> {
        let path = staging_path(releases_dir);
        std::fs::create_dir(&path).map_err(Error::file(&path, "making"))?;
        Ok(Self { path })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After the rename there is nothing under this path; otherwise the next call tries again.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn staging_path(releases_dir: &Path) -> PathBuf {
    releases_dir.join(format!("{STAGING_PREFIX}{}", uuid::Uuid::new_v4()))
}

/// Takes an installed release out of sight in one step, then removes it.
fn retire(releases_dir: &Path, directory: &Path) -> Result<()> {
    let path = staging_path(releases_dir);
    std::fs::rename(directory, &path).map_err(Error::file(directory, "renaming"))?;
    std::fs::remove_dir_all(&path).map_err(Error::file(&path, "removing"))
}

fn remove_staging(releases_dir: &Path) -> Result<()> {
    for name in names(releases_dir)?.iter().filter(|name| name.starts_with(STAGING_PREFIX)) {
        let path = releases_dir.join(name);
        std::fs::remove_dir_all(&path).map_err(Error::file(&path, "removing"))?;
    }
    Ok(())
}

/// Names of the entries of a directory; one that is not UTF-8 is none of ours.
fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::file(directory, "reading"))? {
        let entry = entry.map_err(Error::file(directory, "reading"))?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

/// The release whose directory is called `text`, written exactly so.
fn parse_installed(text: &str) -> Option<ReleaseName> {
    let (name, version) = text.split_once('@')?;
    let release = ReleaseName { name: name.to_owned(), version: version.parse().ok()? };
    (is_release_name(name) && release.to_string() == text).then_some(release)
}

/// Copies exactly `length` bytes and gives the SHA-256 of what was written.
fn copy(from: &Path, to: &Path, file: &str, length: u64) -> Result<String> {
    let source = File::open(from).map_err(Error::file(from, "opening"))?;
    let mut target = create(to)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut copied = 0;
    // One byte more than announced shows that the file grew; an endless one is not followed.
    let mut source = source.take(length.saturating_add(1));
    loop {
        let count = source.read(&mut chunk).map_err(Error::file(from, "reading"))?;
        copied += count as u64;
        if count == 0 || copied > length {
            break;
        }
        hasher.update(&chunk[..count]);
        target.write_all(&chunk[..count]).map_err(Error::file(to, "writing"))?;
    }
    if copied != length {
        let refusal = Refusal::WrongLength { expected: length, found: copied };
        return Err(Error::refused(file, refusal));
    }
    target.sync_all().map_err(Error::file(to, "flushing"))?;
    Ok(hex(hasher))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(Error::file(path, "writing"))?;
    file.sync_all().map_err(Error::file(path, "flushing"))
}

fn create(path: &Path) -> Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created.map_err(Error::file(path, "making"))
}

/// Makes renames and new names in `directory` durable.
pub(super) fn sync_directory(directory: &Path) -> Result<()> {
    // Windows knows no handle of a directory to flush; there the rename itself is durable.
    if cfg!(unix) {
        let opened = File::open(directory).map_err(Error::file(directory, "opening"))?;
        opened.sync_all().map_err(Error::file(directory, "flushing"))?;
    }
    Ok(())
}
