//! `manifest.json`: one document binds all that a release consists of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::digest::{FileDigests, digests_of_file, sha256_hex};
use super::{Architecture, Experiment, Health, Plan, References, runtime};
use crate::base::limits::{CHUNK_BYTES, CHUNKS_MAX, MANIFEST_BYTES_MAX, TENSOR_RANK_MAX};
use crate::base::{Error, Refusal, Result, json};

/// Format version that this library writes, and the newest it reads.
pub const MANIFEST_FORMAT: u64 = 1;

/// The catalogue's file.
pub const CATALOGUE_FILE: &str = "catalogue.safetensors";
/// The file of the tensors with one row an item.
pub const ITEMS_FILE: &str = "items.safetensors";
/// The file of the model's other tensors.
pub const MODEL_FILE: &str = "model.safetensors";
/// The file of the checks that the release must pass; a release may be without.
pub const CHECKS_FILE: &str = "checks.jsonl";
/// The manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The file of the manifest's signature.
pub const SIGNATURE_FILE: &str = "manifest.sig";

/// Name and version of a release, as reports show them: `town@3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseName {
    /// The line of releases.
    pub name: String,
    /// Grows with every release of the line.
    pub version: u64,
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// The manifest of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u64,
    /// The app it is for; a device of another app refuses it.
    pub app: String,
    /// Name and version.
    pub release: ReleaseName,
    /// Begin of validity, Unix milliseconds.
    pub created_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expires_ms: i64,
    /// The oldest library that may use it, `x.y.z`; an older one refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_runtime: Option<String>,
    /// The model's architecture and hyper-parameters.
    pub architecture: Architecture,
    /// The plan.
    pub plan: Plan,
    /// The experiment, if one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// Every file of the release except the manifest and its signature, by name.
    #[serde(deserialize_with = "json::unique_map")]
    pub files: BTreeMap<String, FileEntry>,
    /// Every tensor, by file and name.
    #[serde(deserialize_with = "json::unique_map_of_maps")]
    pub tensors: BTreeMap<String, BTreeMap<String, TensorEntry>>,
    /// What the packer measured on a sample of users, by name: see [`Health`].
    #[serde(
        default,
        deserialize_with = "json::unique_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub reference: References,
    /// What the release must keep on a phone until it counts as confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Where it came from (data, code, parent, metrics): free text by key, shown by `inspect`.
    #[serde(
        default,
        deserialize_with = "json::unique_map",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub lineage: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads and checks a manifest: unknown fields are refused, and so is every value out of range.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] for `manifest.json`, with the path of the field.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let refused = |refusal| Error::refused(MANIFEST_FILE, refusal);
        check_length(bytes).map_err(refused)?;
        // Both come first: what a later format or library knows is no mistake.
        let asked: Asked = json::parse(bytes).map_err(refused)?;
        if asked.format > MANIFEST_FORMAT {
            let (found, supported) = (asked.format, MANIFEST_FORMAT);
            return Err(refused(Refusal::FormatTooNew { found, supported }));
        }
        runtime::check(asked.minimum_runtime.as_deref()).map_err(refused)?;
        let manifest: Self = json::parse(bytes).map_err(refused)?;
        manifest.check().map_err(refused)?;
        Ok(manifest)
    }

    /// The manifest as the bytes that are signed: checked, indented, with a line end behind it.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] as [`Self::parse`] would on reading them.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let refused = |refusal| Error::refused(MANIFEST_FILE, refusal);
        self.check().map_err(refused)?;
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            let reason = error.to_string();
            refused(Refusal::UnknownFormat { expected: "a manifest", reason })
        })?;
        bytes.push(b'\n');
        check_length(&bytes).map_err(refused)?;
        Ok(bytes)
    }
}

/// The only fields whose meaning is the same in every format.
#[derive(Deserialize)]
struct Asked {
    format: u64,
    #[serde(default)]
    minimum_runtime: Option<String>,
}

fn check_length(bytes: &[u8]) -> Result<(), Refusal> {
    let (found, limit) = (bytes.len() as u64, MANIFEST_BYTES_MAX);
    if found > limit {
        return Err(Refusal::TooLarge { what: "length in bytes", found, limit });
    }
    Ok(())
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// SHA-256 of each [`crate::base::limits::CHUNK_BYTES`] of it, the last one shorter, so that a
    /// delivery knows early what is wrong and what need not be fetched again.
    #[serde(
        default,
        deserialize_with = "json::given_up_to::<CHUNKS_MAX, _, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub chunks: Option<Vec<String>>,
}

impl FileEntry {
    /// The entry of the file at `path`, with chunks where it is longer than one.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        let FileDigests { length, sha256, chunks } = digests_of_file(path)?;
        Ok(Self { length, sha256, chunks: (length > CHUNK_BYTES).then_some(chunks) })
    }

    /// The entry of a file that holds `bytes`.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let chunks = bytes.chunks(CHUNK_BYTES as usize).map(sha256_hex);
        let chunks = (bytes.len() as u64 > CHUNK_BYTES).then(|| chunks.collect());
        Self { length: bytes.len() as u64, sha256: sha256_hex(bytes), chunks }
    }
}

/// One tensor of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// The dtype as safetensors writes it (`F32`, `I8`).
    pub dtype: String,
    /// The shape.
    #[serde(deserialize_with = "json::up_to::<TENSOR_RANK_MAX, _, _>")]
    pub shape: Vec<u64>,
}
