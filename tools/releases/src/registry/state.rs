//! What the registry knows: one document, complete after every commit.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::release::ReleaseName;
use serde::{Deserialize, Serialize};

use super::reference::{Reference, Target};
use crate::{Error, Result};

/// Format of the document.
pub(super) const STATE_FORMAT: u64 = 1;

/// The steps of a roll-out: percent of the devices that are offered a version.
pub const ROLLOUT_STEPS: [u8; 6] = [1, 5, 10, 25, 50, 100];

/// The registry after one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// 1.
    pub format: u64,
    /// Number of the commit; 0 before the first.
    pub number: u64,
    /// Random, to tell this commit from another of the same number.
    pub id: String,
    /// The id of the commit before it.
    pub after: String,
    /// When it was made, Unix milliseconds.
    pub at_ms: i64,
    /// Who made it.
    pub by: String,
    /// What it did, in words.
    pub what: String,
    /// Lines of releases by name.
    pub lines: BTreeMap<String, Line>,
    /// Deltas between releases.
    pub deltas: BTreeSet<Delta>,
    /// When the metadata was last renewed without another change, Unix milliseconds.
    pub refreshed_ms: i64,
    /// Sweeps of garbage that were ever begun or given up: a publisher that sees another number
    /// than before looks again for the blobs that it found.
    pub sweeps: u64,
    /// The sweep that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
}

/// A line of releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The app it is for.
    pub app: String,
    /// Its versions.
    pub versions: BTreeMap<u64, Version>,
    /// Names of versions (`champion`): each of one version, a version with any number.
    pub aliases: BTreeMap<String, u64>,
}

/// A published release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The manifest; its SHA-256 is the identity of the release.
    pub manifest: Blob,
    /// The signature.
    pub signature: Blob,
    /// The files that the manifest names.
    pub files: BTreeMap<String, Blob>,
    /// Begin of validity, Unix milliseconds.
    pub created_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expires_ms: i64,
    /// When it was published, Unix milliseconds.
    pub published_ms: i64,
    /// Who published it.
    pub publisher: String,
    /// Free text by key, changed with `tag`.
    pub tags: BTreeMap<String, String>,
    /// Where it came from, as the manifest says (data, code, parent, metrics).
    pub lineage: BTreeMap<String, String>,
    /// Percent of the devices that are offered it: 0, or one of [`ROLLOUT_STEPS`].
    pub percent: u8,
    /// Offered to nobody, and devices that run it go back.
    pub halted: bool,
}

impl Version {
    /// Every blob of it: manifest, signature and files.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.manifest, &self.signature].into_iter().chain(self.files.values())
    }

    /// Bytes of all its blobs.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.blobs().map(|blob| blob.length).sum()
    }
}

/// Bytes under their own SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Length in bytes.
    pub length: u64,
}

/// A delta that turns one release into another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// SHA-256 of the old manifest.
    pub from: String,
    /// SHA-256 of the new manifest.
    pub to: String,
    /// SHA-256 of the delta.
    pub sha256: String,
    /// Its length in bytes.
    pub length: u64,
}

/// Blobs that somebody is removing at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Their SHA-256.
    pub blobs: BTreeSet<String>,
    /// After this moment, Unix milliseconds, whoever did it is taken for dead.
    pub until_ms: i64,
}

impl State {
    /// The version that `reference` means, by number or alias.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`].
    pub fn resolve(&self, reference: &Reference) -> Result<(ReleaseName, &Version)> {
        let line = self.line(&reference.name)?;
        let number = match &reference.target {
            Target::Version(number) => Some(*number),
            Target::Alias(alias) => line.aliases.get(alias).copied(),
        };
        let found = number.and_then(|number| Some((number, line.versions.get(&number)?)));
        let (version, found) = found.ok_or_else(|| Error::not_in_registry(reference))?;
        Ok((ReleaseName { name: reference.name.clone(), version }, found))
    }

    /// The same, to be changed.
    pub(super) fn resolve_mut(
        &mut self,
        reference: &Reference,
    ) -> Result<(ReleaseName, &mut Version)> {
        let (release, _) = self.resolve(reference)?;
        let line = self.lines.get_mut(&release.name);
        let found = line.and_then(|line| line.versions.get_mut(&release.version));
        found.map(|found| (release, found)).ok_or_else(|| Error::not_in_registry(reference))
    }

    /// The line of this name.
    pub(super) fn line(&self, name: &str) -> Result<&Line> {
        self.lines.get(name).ok_or_else(|| Error::not_in_registry(name))
    }

    /// The version whose manifest has this SHA-256.
    #[must_use]
    pub fn by_manifest(&self, sha256: &str) -> Option<(ReleaseName, &Version)> {
        self.all().find(|(_, version)| version.manifest.sha256 == sha256)
    }

    /// Every version of every line.
    pub fn all(&self) -> impl Iterator<Item = (ReleaseName, &Version)> {
        self.lines.iter().flat_map(|(name, line)| {
            line.versions.iter().map(move |(number, version)| {
                (ReleaseName { name: name.clone(), version: *number }, version)
            })
        })
    }

    /// SHA-256 and length of every blob that a version or a delta needs.
    #[must_use]
    pub fn reachable(&self) -> BTreeMap<&str, u64> {
        let versions = self.all().flat_map(|(_, version)| version.blobs());
        let deltas = self.deltas.iter().map(|delta| (delta.sha256.as_str(), delta.length));
        versions.map(|blob| (blob.sha256.as_str(), blob.length)).chain(deltas).collect()
    }
}
