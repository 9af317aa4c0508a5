//! Looking at a release that exists.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::base::{Error as CoreError, Refusal};
use noctule_core::night::LoadedRelease;
use noctule_core::release::{
    Architecture, Chunks, Dtype, Experiment, MANIFEST_FILE, Manifest, Plan, SIGNATURE_FILE,
    TensorEntry, Trust, VerifiedRelease, sha256_hex, signature, verify_directory_with,
};
use serde::Serialize;

use crate::{Error, PublicKey, Result};

/// Bytes of a signature file that are read.
const SIGNATURE_BYTES_MAX: u64 = 65;

/// Verifies the release in `directory` as a device of the app it is for would at `now_ms`, that
/// trusts `keys` and has seen no release; and, what a device leaves to the delivery, that the
/// chunks of the manifest are those of the files.
///
/// # Errors
/// [`Error::Core`] with the file and the reason of the first refusal.
pub fn verify(directory: &Path, keys: &[PublicKey], now_ms: i64) -> Result<VerifiedRelease> {
    let keys: Vec<[u8; 32]> = keys.iter().map(|key| key.0).collect();
    let bytes = read(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    let signature = read_signature(directory)?;
    signature::verify(&bytes, signature.as_deref(), &keys)?;
    let app = Manifest::parse(&bytes)?.app;
    let trust = Trust::signed_by(&app, &keys, now_ms);
    let verified = verify_directory_with(directory, &trust, Chunks::Checked)?;
    // As on a device before activation: the model loads, and the codes are near their vectors.
    LoadedRelease::open(directory, &verified.manifest_sha256)?.verify_codes()?;
    Ok(verified)
}

/// How far the signature of a release can be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureState {
    /// There is none.
    Missing,
    /// There is one, and no key was given to check it with.
    Unchecked,
    /// One of the given keys made it.
    Good {
        /// That key.
        key: String,
    },
    /// None of the given keys made it over this manifest.
    Wrong,
}

/// What a release consists of, for people and for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Name and version (`town@3`).
    pub release: String,
    /// The app it is for.
    pub app: String,
    /// SHA-256 of the manifest: the identity of the release.
    pub manifest_sha256: String,
    /// The signature.
    pub signature: SignatureState,
    /// Begin of validity, Unix milliseconds.
    pub created_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expires_ms: i64,
    /// Architecture and hyper-parameters.
    pub architecture: Architecture,
    /// Number of items, as the tensors have it.
    pub items: u64,
    /// Bytes of all files that the manifest names.
    pub bytes: u64,
    /// Those files.
    pub files: Vec<InspectedFile>,
    /// Their tensors.
    pub tensors: Vec<InspectedTensor>,
    /// The plan.
    pub plan: Plan,
    /// The experiment, if one runs.
    pub experiment: Option<Experiment>,
    /// Where it came from.
    pub lineage: std::collections::BTreeMap<String, String>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectedFile {
    /// Its name.
    pub name: String,
    /// Its length in the manifest.
    pub length: u64,
    /// Its SHA-256 in the manifest.
    pub sha256: String,
    /// Its length on disk; none when it is not there.
    pub length_on_disk: Option<u64>,
}

/// One tensor of a release, as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectedTensor {
    /// Its file.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Bytes of one row: of what lies behind the first axis; none for an unknown dtype.
    pub row_bytes: Option<u64>,
}

impl InspectedTensor {
    fn new(file: &str, name: &str, entry: &TensorEntry) -> Self {
        let (dtype, shape) = (entry.dtype.clone(), entry.shape.clone());
        let row = shape.iter().skip(1).try_fold(1, |values: u64, size| values.checked_mul(*size));
        let size = Dtype::from_name(&dtype).map(Dtype::bytes);
        let row_bytes = size.zip(row).and_then(|(size, row)| size.checked_mul(row));
        Self { file: file.to_owned(), name: name.to_owned(), dtype, shape, row_bytes }
    }
}

/// Looks at the release in `directory`; checks its signature against `keys` when there are any.
///
/// Reads the manifest only: a release that [`verify`] refuses can still be looked at. The text form
/// is the [`Display`](std::fmt::Display) of the result.
///
/// # Errors
/// [`Error::Core`] when there is no manifest or it cannot be read as one.
pub fn inspect(directory: &Path, keys: &[PublicKey]) -> Result<Inspection> {
    let bytes = read(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    let signature = state(&bytes, read_signature(directory)?.as_deref(), keys)?;
    let manifest = Manifest::parse(&bytes)?;
    let files = manifest.files.iter().map(|(name, entry)| InspectedFile {
        name: name.clone(),
        length: entry.length,
        sha256: entry.sha256.clone(),
        length_on_disk: std::fs::metadata(directory.join(name)).ok().map(|found| found.len()),
    });
    let tensors = manifest.tensors.iter().flat_map(|(file, tensors)| {
        tensors.iter().map(|(name, entry)| InspectedTensor::new(file, name, entry))
    });
    let tensors: Vec<_> = tensors.collect();
    let popularity = tensors.iter().find(|tensor| tensor.name == "popularity");
    Ok(Inspection {
        release: manifest.release.to_string(),
        manifest_sha256: sha256_hex(&bytes),
        signature,
        created_ms: manifest.created_ms,
        expires_ms: manifest.expires_ms,
        items: popularity.and_then(|tensor| tensor.shape.first().copied()).unwrap_or_default(),
        bytes: manifest.files.values().map(|entry| entry.length).sum(),
        files: files.collect(),
        tensors,
        app: manifest.app,
        architecture: manifest.architecture,
        plan: manifest.plan,
        experiment: manifest.experiment,
        lineage: manifest.lineage,
    })
}

fn state(manifest: &[u8], bytes: Option<&[u8]>, keys: &[PublicKey]) -> Result<SignatureState> {
    if bytes.is_none() {
        return Ok(SignatureState::Missing);
    }
    if keys.is_empty() {
        return Ok(SignatureState::Unchecked);
    }
    for key in keys {
        match signature::verify(manifest, bytes, &[key.0]) {
            Ok(()) => return Ok(SignatureState::Good { key: key.to_string() }),
            Err(CoreError::ReleaseRefused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(SignatureState::Wrong)
}

fn read_signature(directory: &Path) -> Result<Option<Vec<u8>>> {
    match read(directory, SIGNATURE_FILE, SIGNATURE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::Core(CoreError::ReleaseRefused { refusal: Refusal::Missing, .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first `limit` bytes of `file` and one more, which shows a reader that it is too long.
fn read(directory: &Path, file: &str, limit: u64) -> Result<Vec<u8>> {
    if !directory.is_dir() {
        return Err(CoreError::DirectoryMissing { path: directory.to_path_buf() }.into());
    }
    let path = directory.join(file);
    let opened = File::open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CoreError::refused(file, Refusal::Missing).into(),
        _ => Error::file(&path, "opening")(error),
    })?;
    let mut bytes = Vec::new();
    let read = opened.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(&path, "reading"))?;
    Ok(bytes)
}
