//! Verification: everything about a release that can be checked is, before any of it is used.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::digest::{sha256_hex, sha256_of_file};
use super::manifest::{MANIFEST_FILE, SIGNATURE_FILE};
use super::open::Containers;
use super::values::{check_finite, check_ranges};
use super::{Manifest, ReleaseName, signature};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Error, Refusal, Result};

/// Milliseconds by which a device's clock may run behind the backend's.
pub const CLOCK_SLACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// Bytes of a signature file that are read: one more than a signature has shows that it is none.
const SIGNATURE_BYTES_MAX: u64 = 65;

/// The newest release of a line that was ever active here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRelease {
    /// Its name and version.
    pub release: ReleaseName,
    /// SHA-256 of its manifest, lower-case hex.
    pub manifest_sha256: String,
}

/// Whether a release has to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureRule {
    /// By one of the trusted keys; without any trusted key no release passes.
    Required,
    /// No signature is looked at. For a developer's own machine: anyone who can write to the
    /// release directory then decides what the device shows.
    UnsignedForDevelopment,
}

/// What a device believes: whom it trusts, which app it is, what time it is, what it has seen.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// The app; releases of another are refused.
    pub app: &'a str,
    /// Ed25519 public keys, any of which may sign.
    pub keys: &'a [[u8; 32]],
    /// The device's clock, Unix milliseconds.
    pub now_ms: i64,
    /// The newest release ever active of each line; older ones of that line are refused.
    pub seen: &'a [SeenRelease],
    /// Whether a signature is needed.
    pub signature: SignatureRule,
}

impl<'a> Trust<'a> {
    /// Trusts releases for `app` that one of `keys` signed; has seen none.
    #[must_use]
    pub fn signed_by(app: &'a str, keys: &'a [[u8; 32]], now_ms: i64) -> Self {
        Self { app, keys, now_ms, seen: &[], signature: SignatureRule::Required }
    }

    /// Trusts any release for `app`: [`SignatureRule::UnsignedForDevelopment`].
    #[must_use]
    pub fn unsigned_for_development(app: &'a str, now_ms: i64) -> Self {
        let signature = SignatureRule::UnsignedForDevelopment;
        Self { app, keys: &[], now_ms, seen: &[], signature }
    }

    /// The same, having seen `seen`.
    #[must_use]
    pub fn having_seen(self, seen: &'a [SeenRelease]) -> Self {
        Self { seen, ..self }
    }
}

/// A release that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRelease {
    /// Where it lies.
    pub directory: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's bytes, lower-case hex: the identity of the release.
    pub manifest_sha256: String,
    /// Number of items.
    pub items: usize,
}

/// Verifies the release in `directory` from its signature to its last value.
///
/// In this order, stopping at the first refusal: length of the manifest, signature, the manifest's
/// format and ranges, app, validity, rollback, then of every file kind and length, SHA-256, the
/// layout of the tensors, their schema, every value, the catalogue. Reads each file two or three
/// times, in bounded memory. Files that the manifest does not name are not
/// looked at.
///
/// # Errors
/// [`Error::ReleaseRefused`] with the file and the reason; [`Error::DirectoryMissing`];
/// [`Error::File`] when a file cannot be read; [`Error::InvalidInput`] for a trusted key that is
/// none.
///
/// ```no_run
/// use noctule_core::release::{Trust, verify_directory};
/// let trust = Trust::signed_by("town", &[[7; 32]], 1_790_000_000_000);
/// let release = verify_directory("releases/town-3".as_ref(), &trust)?;
/// println!("{} with {} items", release.manifest.release, release.items);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
pub fn verify_directory(directory: &Path, trust: &Trust<'_>) -> Result<VerifiedRelease> {
    let head = Head::read(directory, trust)?;
    check_files(directory, &head.manifest)?;
    for (file, entry) in &head.manifest.files {
        let found = sha256_of_file(&directory.join(file))?;
        check_digest(file, &entry.sha256, found)?;
    }
    let items = check_contents(directory, &head.manifest)?;
    let Head { manifest, manifest_sha256, .. } = head;
    Ok(VerifiedRelease { directory: directory.to_path_buf(), manifest, manifest_sha256, items })
}

/// The manifest and its signature, trusted as far as they alone allow.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) manifest: Manifest,
    pub(super) manifest_sha256: String,
    pub(super) manifest_bytes: Vec<u8>,
    pub(super) signature: Option<Vec<u8>>,
}

impl Head {
    pub(super) fn read(directory: &Path, trust: &Trust<'_>) -> Result<Self> {
        if !directory.is_dir() {
            return Err(Error::DirectoryMissing { path: directory.to_path_buf() });
        }
        let manifest_bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
        let signature = match read_small(directory, SIGNATURE_FILE, SIGNATURE_BYTES_MAX) {
            Ok(bytes) => Some(bytes),
            Err(Error::ReleaseRefused { refusal: Refusal::Missing, .. }) => None,
            Err(error) => return Err(error),
        };
        if trust.signature == SignatureRule::Required {
            signature::verify(&manifest_bytes, signature.as_deref(), trust.keys)?;
        }
        let manifest = Manifest::parse(&manifest_bytes)?;
        let manifest_sha256 = sha256_hex(&manifest_bytes);
        check_acceptable(&manifest, &manifest_sha256, trust)
            .map_err(|refusal| Error::refused(MANIFEST_FILE, refusal))?;
        Ok(Self { manifest, manifest_sha256, manifest_bytes, signature })
    }
}

/// Whether a manifest of these bytes is for this app, this time and newer than what was seen.
fn check_acceptable(manifest: &Manifest, sha256: &str, trust: &Trust<'_>) -> Result<(), Refusal> {
    if manifest.app != trust.app {
        let (expected, found) = (trust.app.to_owned(), manifest.app.clone());
        return Err(Refusal::Incompatible { what: "the app", expected, found });
    }
    let (created_ms, expires_ms, now_ms) = (manifest.created_ms, manifest.expires_ms, trust.now_ms);
    if now_ms < created_ms.saturating_sub(CLOCK_SLACK_MS) || now_ms >= expires_ms {
        return Err(Refusal::OutsideValidity { created_ms, expires_ms, now_ms });
    }
    let offered = &manifest.release;
    for seen in trust.seen.iter().filter(|seen| seen.release.name == offered.name) {
        // The very same release may be installed again: that repairs a damaged one.
        let same = offered.version == seen.release.version && sha256 == seen.manifest_sha256;
        if offered.version <= seen.release.version && !same {
            let (have, offered) = (seen.release.version, offered.version);
            return Err(Refusal::Rollback { have, offered });
        }
    }
    Ok(())
}

/// Checks that every file of the manifest is there, a plain file, and of its length.
pub(super) fn check_files(directory: &Path, manifest: &Manifest) -> Result<()> {
    for (file, entry) in &manifest.files {
        let found = plain_length(directory, file)?;
        if found != entry.length {
            let expected = entry.length;
            return Err(Error::refused(file, Refusal::WrongLength { expected, found }));
        }
    }
    Ok(())
}

pub(super) fn check_digest(file: &str, expected: &str, found: String) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let expected = expected.to_owned();
    Err(Error::refused(file, Refusal::WrongHash { expected, found }))
}

/// Checks what is in the files, whose hashes hold; gives the number of items.
pub(super) fn check_contents(directory: &Path, manifest: &Manifest) -> Result<usize> {
    let containers = Containers::read(directory, manifest)?;
    for (file, layout) in &containers.layouts {
        let path = directory.join(file);
        check_finite(&path, file, layout)?;
        check_ranges(&path, file, layout, &containers.schema)?;
    }
    containers.catalogue.check()?;
    Ok(containers.catalogue.len())
}

/// Length of `file` in `directory`; a symbolic link, a directory or a device is refused.
fn plain_length(directory: &Path, file: &str) -> Result<u64> {
    let path = directory.join(file);
    let metadata = match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::refused(file, Refusal::Missing));
        }
        other => other.map_err(Error::file(&path, "reading"))?,
    };
    if !metadata.is_file() {
        return Err(Error::refused(file, Refusal::UnsafePath));
    }
    Ok(metadata.len())
}

/// The whole content of a small file.
pub(super) fn read_small(directory: &Path, file: &str, limit: u64) -> Result<Vec<u8>> {
    plain_length(directory, file)?;
    let path = directory.join(file);
    let opened = File::open(&path).map_err(Error::file(&path, "opening"))?;
    let mut bytes = Vec::new();
    let read = opened.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(&path, "reading"))?;
    let found = bytes.len() as u64;
    if found > limit {
        let refusal = Refusal::TooLarge { what: "length in bytes", found, limit };
        return Err(Error::refused(file, refusal));
    }
    Ok(bytes)
}
