//! Verification: everything about a release that can be checked is, before any of it is used.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::digest::sha256_hex;
use super::manifest::{MANIFEST_FILE, SIGNATURE_FILE};
use super::open::check_catalogue;
use super::pass::{Chunks, Examination};
use super::{Manifest, ReleaseName, signature};
use crate::base::digest::hex_of;
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
    /// No signature is looked at: the manifest must have this SHA-256, which something else that is
    /// trusted (a target of [`crate::trust`]) names.
    Digest([u8; 32]),
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

    /// Trusts the release for `app` whose manifest has this SHA-256, and no other.
    #[must_use]
    pub fn of_manifest(app: &'a str, sha256: [u8; 32], now_ms: i64) -> Self {
        Self { app, keys: &[], now_ms, seen: &[], signature: SignatureRule::Digest(sha256) }
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
/// layout of the tensors, their schema, every value, the catalogue. Reads each file once (the
/// catalogue twice), in bounded memory. Files that the manifest does not name are not looked at.
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
    verify_directory_with(directory, trust, Chunks::Ignored)
}

/// The same, and on demand the digests of the chunks: as a packer checks what it publishes.
///
/// # Errors
/// As [`verify_directory`].
pub fn verify_directory_with(
    directory: &Path,
    trust: &Trust<'_>,
    chunks: Chunks,
) -> Result<VerifiedRelease> {
    let head = Head::read(directory, trust)?;
    let items = examine_all(directory, &head.manifest, chunks)?;
    Ok(head.verified(directory.to_path_buf(), items))
}

/// Checks every file in `directory`, each in one pass; gives the number of items.
pub(super) fn examine_all(directory: &Path, manifest: &Manifest, chunks: Chunks) -> Result<usize> {
    check_files(directory, manifest)?;
    let examination = Examination::new(manifest, chunks)?;
    for file in manifest.files.keys() {
        examination.examine(&directory.join(file), file, None)?;
    }
    super::Checks::of_release(directory, manifest)?;
    check_catalogue(directory, manifest, examination.schema())
}

/// The manifest and its signature, trusted as far as they alone allow.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) manifest: Manifest,
    pub(super) manifest_sha256: String,
    pub(super) manifest_bytes: Vec<u8>,
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
        let manifest_sha256 = sha256_hex(&manifest_bytes);
        match trust.signature {
            SignatureRule::Required => {
                signature::verify(&manifest_bytes, signature.as_deref(), trust.keys)?;
            }
            SignatureRule::Digest(expected) => {
                check_digest(MANIFEST_FILE, &hex_of(&expected), manifest_sha256.clone())?;
            }
            SignatureRule::UnsignedForDevelopment => {}
        }
        let manifest = Manifest::parse(&manifest_bytes)?;
        check_acceptable(&manifest, &manifest_sha256, trust)
            .map_err(|refusal| Error::refused(MANIFEST_FILE, refusal))?;
        Ok(Self { manifest, manifest_sha256, manifest_bytes })
    }

    /// The release of this manifest, whose files in `directory` passed.
    pub(super) fn verified(self, directory: PathBuf, items: usize) -> VerifiedRelease {
        let Self { manifest, manifest_sha256, .. } = self;
        VerifiedRelease { directory, manifest, manifest_sha256, items }
    }
}

/// Whether the release of this manifest could be installed, as far as the manifest tells: before
/// the rest of it is fetched.
///
/// # Errors
/// [`Error::ReleaseRefused`] as [`verify_directory`].
pub fn check_offer(manifest: &Manifest, manifest_sha256: &str, trust: &Trust<'_>) -> Result<()> {
    check_acceptable(manifest, manifest_sha256, trust)
        .map_err(|refusal| Error::refused(MANIFEST_FILE, refusal))
}

/// Whether a manifest of these bytes is for this app, this time and newer than what was seen.
fn check_acceptable(manifest: &Manifest, sha256: &str, trust: &Trust<'_>) -> Result<(), Refusal> {
    if manifest.app != trust.app {
        let (expected, found) = (trust.app.to_owned(), manifest.app.clone());
        return Err(Refusal::OtherApp { expected, found });
    }
    let (created_ms, expires_ms, now_ms) = (manifest.created_ms, manifest.expires_ms, trust.now_ms);
    if now_ms < created_ms.saturating_sub(CLOCK_SLACK_MS) {
        return Err(Refusal::NotYetValid { created_ms, now_ms });
    }
    if now_ms >= expires_ms {
        return Err(Refusal::Expired { expires_ms, now_ms });
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

/// Length of `file` in `directory`; a symbolic link, a directory or a device is refused.
pub(super) fn plain_length(directory: &Path, file: &str) -> Result<u64> {
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

/// SHA-256 of the manifest in `directory`: what a target of a repository names.
///
/// # Errors
/// [`Error::ReleaseRefused`] when it is missing, no plain file or too long; [`Error::File`].
pub fn manifest_sha256(directory: &Path) -> Result<String> {
    Ok(sha256_hex(&read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?))
}

/// The manifest of the installed release in `directory`, whose SHA-256 is known.
///
/// # Errors
/// [`Error::ReleaseRefused`] when it is missing or another; [`Error::File`].
pub fn read_manifest(directory: &Path, manifest_sha256: &str) -> Result<Manifest> {
    let bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX)?;
    check_digest(MANIFEST_FILE, manifest_sha256, sha256_hex(&bytes))?;
    Manifest::parse(&bytes)
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
