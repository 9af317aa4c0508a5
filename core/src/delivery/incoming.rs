//! The directory of a release that is on its way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::piece::{Expected, Settled, settle};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Error, Refusal, Result};
use crate::release::{FileEntry, MANIFEST_FILE, Manifest};

/// Begin of the names in `releases` of all that is on its way.
const INCOMING: &str = ".incoming-";
/// Where one file of the repository's metadata goes.
const METADATA: &str = ".incoming-metadata";
/// No file of a release begins with a dot.
const DELTA: &str = ".delta";
/// A file that is being copied from the active release.
const COPY: &str = ".copy";

/// A release on its way: complete files in one directory, parts in another beside it.
#[derive(Debug)]
pub struct Incoming {
    directory: PathBuf,
    parts: PathBuf,
    /// Bytes of each part that this process has verified.
    verified: BTreeMap<String, u64>,
}

/// A file that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextFile {
    /// Its digest, which names it on the server.
    pub sha256: String,
    /// The first byte that is missing.
    pub offset: u64,
    /// Bytes from there to its end.
    pub length: u64,
    /// Where they go.
    pub destination: PathBuf,
    /// What came last was thrown away.
    pub spoiled: bool,
}

impl Incoming {
    /// The release whose manifest has this digest, on its way into `releases_dir`.
    ///
    /// # Errors
    /// [`Error::File`] when its directories cannot be made.
    pub fn open(releases_dir: &Path, manifest_sha256: &str) -> Result<Self> {
        let directory = releases_dir.join(format!("{INCOMING}{manifest_sha256}"));
        let parts = releases_dir.join(format!("{INCOMING}{manifest_sha256}.parts"));
        for path in [&directory, &parts] {
            std::fs::create_dir_all(path).map_err(Error::file(path, "making"))?;
        }
        Ok(Self { directory, parts, verified: BTreeMap::new() })
    }

    /// Removes all that is on its way, but the release whose manifest has the digest `keep`.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn clear(releases_dir: &Path, keep: Option<&str>) -> Result<()> {
        let entries = match std::fs::read_dir(releases_dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(Error::file(releases_dir, "reading"))?,
        };
        for entry in entries {
            let path = entry.map_err(Error::file(releases_dir, "reading"))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(rest) = name.strip_prefix(INCOMING) else { continue };
            if keep.is_some_and(|keep| rest.strip_suffix(".parts").unwrap_or(rest) == keep) {
                continue;
            }
            let removed = match path.is_dir() && !path.is_symlink() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            removed.map_err(Error::file(&path, "removing"))?;
        }
        Ok(())
    }

    /// Where the metadata of the repository goes, one file at a time.
    ///
    /// # Errors
    /// [`Error::File`] when its directory cannot be made.
    pub fn metadata_path(releases_dir: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(releases_dir).map_err(Error::file(releases_dir, "making"))?;
        Ok(releases_dir.join(METADATA))
    }

    /// The directory of the complete files; with the last one it is a whole release.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The manifest, or what is missing of it.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when its digest holds but not what it says; [`Error::File`].
    pub fn manifest(&mut self, sha256: &str, length: u64) -> Result<Result<Manifest, NextFile>> {
        if length > MANIFEST_BYTES_MAX {
            let (what, found) = ("length in bytes", length);
            let refusal = Refusal::TooLarge { what, found, limit: MANIFEST_BYTES_MAX };
            return Err(Error::refused(MANIFEST_FILE, refusal));
        }
        if let Some(next) =
            self.missing(MANIFEST_FILE, Expected { length, sha256, chunks: None })?
        {
            return Ok(Err(next));
        }
        let path = self.directory.join(MANIFEST_FILE);
        let bytes = std::fs::read(&path).map_err(Error::file(&path, "reading"))?;
        Manifest::parse(&bytes).map(Ok)
    }

    /// What is missing of the delta.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::StorageFull`].
    pub fn delta(&mut self, sha256: &str, length: u64) -> Result<Option<NextFile>> {
        self.missing(DELTA, Expected { length, sha256, chunks: None })
    }

    /// Where the complete delta lies.
    #[must_use]
    pub fn delta_path(&self) -> PathBuf {
        self.parts.join(format!("{DELTA}.whole"))
    }

    /// The first file of `manifest` that is not complete, and what is missing of it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::StorageFull`].
    pub fn next_file(&mut self, manifest: &Manifest) -> Result<Option<NextFile>> {
        for (name, entry) in &manifest.files {
            if let Some(next) = self.missing(name, expected(entry))? {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }

    /// Bytes of the manifest's files that are here, and of all of them.
    #[must_use]
    pub fn progress(&self, manifest: &Manifest) -> (u64, u64) {
        let length = |path: PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
        let here = |(name, entry): (&String, &FileEntry)| {
            let there = length(self.directory.join(name)).max(length(self.parts.join(name)));
            there.min(entry.length)
        };
        let total = manifest.files.values().map(|entry| entry.length).sum();
        (manifest.files.iter().map(here).sum(), total)
    }

    /// Copies each file that the release in `installed` has too. What is copied wrong is found
    /// when the release is verified.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::StorageFull`].
    pub fn take_over(
        &self,
        installed: &Path,
        installed_manifest: &Manifest,
        manifest: &Manifest,
    ) -> Result<()> {
        for (name, entry) in &manifest.files {
            let whole = self.directory.join(name);
            let same = |(_, other): &(&String, &FileEntry)| {
                other.sha256 == entry.sha256 && other.length == entry.length
            };
            let Some((old, _)) = installed_manifest.files.iter().find(same) else { continue };
            let part = self.parts.join(name);
            // What came over the network is worth more than a copy of what may be damaged.
            if whole.exists() || part.exists() {
                continue;
            }
            let copy = self.parts.join(COPY);
            let copied = std::fs::copy(installed.join(old), &copy);
            if let Err(error) = copied {
                // Half a copy is of no use and takes the room that was missing.
                let _ = std::fs::remove_file(&copy);
                return Err(Error::file(&copy, "copying")(error));
            }
            std::fs::rename(&copy, &part).map_err(Error::file(&part, "renaming"))?;
            // Through the same gate as bytes from the network.
            settle(&part, &whole, expected(entry), &mut 0)?;
        }
        Ok(())
    }

    /// Begins every file of `manifest` again: one that was verified turned out wrong.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn start_over(&mut self) -> Result<()> {
        self.verified.clear();
        for path in [&self.directory, &self.parts] {
            std::fs::remove_dir_all(path).map_err(Error::file(path, "removing"))?;
            std::fs::create_dir_all(path).map_err(Error::file(path, "making"))?;
        }
        Ok(())
    }

    fn missing(&mut self, name: &str, expected: Expected<'_>) -> Result<Option<NextFile>> {
        let part = self.parts.join(name);
        let whole = match name {
            DELTA => self.delta_path(),
            _ => self.directory.join(name),
        };
        let verified = self.verified.entry(name.to_owned()).or_default();
        let (offset, spoiled) = match settle(&part, &whole, expected, verified)? {
            Settled::Complete => return Ok(None),
            Settled::Partial(have) => (have, false),
            Settled::Spoiled(have) => (have, true),
        };
        let sha256 = expected.sha256.to_owned();
        let length = expected.length - offset;
        Ok(Some(NextFile { sha256, offset, length, destination: part, spoiled }))
    }
}

fn expected(entry: &FileEntry) -> Expected<'_> {
    Expected { length: entry.length, sha256: &entry.sha256, chunks: entry.chunks.as_deref() }
}
