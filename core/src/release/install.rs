//! Installation: a verified release under its name, copied or moved there, whole or not at all.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::digest::sha256_hex;
use super::manifest::MANIFEST_FILE;
use super::open::check_catalogue;
use super::pass::{Chunks, Examination, create};
use super::validate::is_release_name;
use super::verify::{Head, Trust, VerifiedRelease, check_files, examine_all, read_small};
use super::{Manifest, ReleaseName};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::replace::sync_directory;
use crate::base::{Error, Result};

/// Begin of the name of a directory that is being filled or emptied.
const STAGING_PREFIX: &str = ".staging-";

/// The directory of an installed release in `releases_dir`: `town@3`.
#[must_use]
pub fn installed_path(releases_dir: &Path, release: &ReleaseName) -> PathBuf {
    releases_dir.join(release.to_string())
}

/// Copies the release in `source` to `releases_dir/<name>@<version>` and verifies the copy.
///
/// Each file is read once: hash, layout and values are taken of the very bytes that are written, so
/// that nobody can change a file between the check and the use. The copy is flushed to the disk and
/// appears under its name in one step; after a failure or a crash nothing of it is visible, and the
/// next call removes what is left. A release that is there already, whole and the same, stays as it
/// is. Making it the active one is up to the caller. One call at a time for one `releases_dir`.
///
/// An installed release holds the manifest and the files that it names, and nothing else: its
/// signature has done its work, and from here on the digest of the manifest, which the caller
/// keeps, binds every byte of it.
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
        return Ok(head.verified(directory, items));
    }
    let staging = Staging::make(releases_dir)?;
    let examination = Examination::new(&head.manifest, Chunks::Ignored)?;
    for file in head.manifest.files.keys() {
        examination.examine(&source.join(file), file, Some(&staging.path.join(file)))?;
    }
    let items = check_catalogue(&staging.path, &head.manifest, examination.schema())?;
    super::Checks::of_release(&staging.path, &head.manifest)?;
    write(&staging.path.join(MANIFEST_FILE), &head.manifest_bytes)?;
    appear(&staging.path, releases_dir, &directory)?;
    Ok(head.verified(directory, items))
}

/// Installs the release in `staged`, a directory that lies directly in `releases_dir` and belongs
/// to the library: verified in place, each file read once, flushed and renamed. Nothing is copied.
/// Every file is flushed whoever wrote it: one that is on the disk already, as delivery leaves it,
/// costs a call and no writing.
///
/// What else lies in `staged` is removed. When the release is there already, whole and the same, it
/// stays as it is and `staged` is removed. After a refusal `staged` is as it was, for the caller to
/// repair or remove. Otherwise as [`stage`].
///
/// # Errors
/// As [`super::verify_directory`]; [`Error::InvalidInput`] when `staged` lies elsewhere.
pub fn stage_owned(
    staged: &Path,
    releases_dir: &Path,
    trust: &Trust<'_>,
) -> Result<VerifiedRelease> {
    check_owned(staged, releases_dir)?;
    let head = Head::read(staged, trust)?;
    let directory = installed_path(releases_dir, &head.manifest.release);
    if let Some(items) = items_if_installed(&directory, &head) {
        std::fs::remove_dir_all(staged).map_err(Error::file(staged, "removing"))?;
        return Ok(head.verified(directory, items));
    }
    let items = examine_all(staged, &head.manifest, Chunks::Ignored)?;
    remove_others(staged, &head.manifest)?;
    for file in head.manifest.files.keys().map(String::as_str).chain([MANIFEST_FILE]) {
        sync_file(&staged.join(file))?;
    }
    appear(staged, releases_dir, &directory)?;
    Ok(head.verified(directory, items))
}

/// Checks that a directory is one of `releases_dir` and not an installed one.
fn check_owned(staged: &Path, releases_dir: &Path) -> Result<()> {
    let is_directory = std::fs::symlink_metadata(staged).is_ok_and(|found| found.is_dir());
    if !is_directory {
        return Err(Error::DirectoryMissing { path: staged.to_path_buf() });
    }
    let real = |path: &Path| path.canonicalize().map_err(Error::file(path, "finding"));
    let (real, releases_dir) = (real(staged)?, real(releases_dir)?);
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if real.parent() != Some(&releases_dir) || !name.starts_with('.') {
        let reason = format!(
            "{} is no directory with a dot first directly in {}",
            staged.display(),
            releases_dir.display()
        );
        return Err(Error::invalid("staged", reason));
    }
    Ok(())
}

/// Removes from `directory` what the manifest does not name.
fn remove_others(directory: &Path, manifest: &Manifest) -> Result<()> {
    for entry in std::fs::read_dir(directory).map_err(Error::file(directory, "reading"))? {
        let entry = entry.map_err(Error::file(directory, "reading"))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str();
        if name == Some(MANIFEST_FILE) || name.is_some_and(|name| manifest.files.contains_key(name))
        {
            continue;
        }
        // A symbolic link to a directory is a link, not a directory.
        let is_directory = entry.file_type().map_err(Error::file(&path, "reading"))?.is_dir();
        let removed =
            if is_directory { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(Error::file(&path, "removing"))?;
    }
    Ok(())
}

/// Lets the flushed files of `staged` appear as `directory` in one step, for good.
fn appear(staged: &Path, releases_dir: &Path, directory: &Path) -> Result<()> {
    sync_directory(staged)?;
    if directory.exists() {
        // Damaged, or another release of the same number that was never active.
        retire(releases_dir, directory)?;
    }
    std::fs::rename(staged, directory).map_err(Error::file(directory, "renaming"))?;
    sync_directory(releases_dir)
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

/// Moves a release that appeared under its name but was never made the active one, because the disk
/// was full or the process ended in between, back to `staged`, so that its bytes are not fetched
/// again. Gives whether there was one whose manifest has the SHA-256 `manifest_sha256`; what it
/// holds is verified again when it is installed. The caller knows that it is not in use.
///
/// # Errors
/// [`Error::File`], [`Error::StorageFull`], [`Error::ReadOnly`].
pub fn take_back(
    releases_dir: &Path,
    release: &str,
    manifest_sha256: &str,
    staged: &Path,
) -> Result<bool> {
    let Some(release) = parse_installed(release) else { return Ok(false) };
    let directory = installed_path(releases_dir, &release);
    let manifest = read_small(&directory, MANIFEST_FILE, MANIFEST_BYTES_MAX);
    if manifest.is_ok_and(|bytes| sha256_hex(&bytes) == manifest_sha256) {
        std::fs::remove_dir_all(staged).map_err(Error::file(staged, "removing"))?;
        std::fs::rename(&directory, staged).map_err(Error::file(staged, "renaming"))?;
        sync_directory(releases_dir)?;
        return Ok(true);
    }
    Ok(false)
}

/// Number of items of the release in `directory` when it is whole and the one of `head`.
fn items_if_installed(directory: &Path, head: &Head) -> Option<usize> {
    let bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX).ok()?;
    let same = sha256_hex(&bytes) == head.manifest_sha256;
    let items = same.then(|| examine_all(directory, &head.manifest, Chunks::Ignored))?;
    items.ok()
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

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes).map_err(Error::file(path, "writing"))?;
    file.sync_all().map_err(Error::file(path, "flushing"))
}

/// Flushes a file that somebody else wrote.
fn sync_file(path: &Path) -> Result<()> {
    // Windows flushes only what it may write.
    let opened = File::options().read(true).write(cfg!(windows)).open(path);
    let file = opened.map_err(Error::file(path, "opening"))?;
    file.sync_all().map_err(Error::file(path, "flushing"))
}
