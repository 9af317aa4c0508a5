//! Why a repository's metadata is refused: one variant for each reason, so that whoever runs the
//! repository can act on it.

/// A reason to refuse metadata, or a file that metadata does not vouch for.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustRefusal {
    /// The repository has no such file.
    #[error("the file is missing from the repository")]
    Missing,
    /// The file is longer than is read at all.
    #[error("longer than the {limit} bytes that are read")]
    TooLarge {
        /// Bytes that are read.
        limit: u64,
    },
    /// The file has another length than the metadata that names it says.
    #[error("{found} bytes long, the metadata that names it says {expected}")]
    WrongLength {
        /// Length that was announced.
        expected: u64,
        /// Length that was found.
        found: u64,
    },
    /// The file has another SHA-256 than the metadata that names it says.
    #[error("SHA-256 is {found}, the metadata that names it says {expected}")]
    WrongHash {
        /// Digest that was announced, lower-case hex.
        expected: String,
        /// Digest that was found, lower-case hex.
        found: String,
    },
    /// Not JSON, a key twice in one object, a number that is no integer, or nested too deep.
    #[error("not acceptable JSON: {reason}")]
    Json {
        /// What was found, with line and column.
        reason: String,
    },
    /// A field is absent, of a wrong type or out of range.
    #[error("{field}: {reason}")]
    Field {
        /// Path of the field.
        field: String,
        /// What was wrong and what is allowed.
        reason: String,
    },
    /// Metadata of another role.
    #[error("this is metadata of the role {found:?}, {expected} is needed")]
    WrongRole {
        /// Role that was asked for.
        expected: &'static str,
        /// Role in the file.
        found: String,
    },
    /// Written to another major version of the specification.
    #[error("specification version {found:?}, 1.x is read")]
    SpecVersion {
        /// Version in the file.
        found: String,
    },
    /// There is not one signature.
    #[error("not signed")]
    NotSigned,
    /// Fewer keys of the role than its threshold signed these bytes.
    #[error("{have} good signatures by keys of the role {role}, {need} are needed")]
    Threshold {
        /// The role whose keys have to sign (`root 3` names the root file that lists them).
        role: String,
        /// Distinct keys of the role that signed.
        have: usize,
        /// The role's threshold.
        need: usize,
    },
    /// A key is not of the one kind that is supported.
    #[error("key {key}: type {found:?} is not supported, use ed25519")]
    KeyType {
        /// Key id, shortened.
        key: String,
        /// Its type and scheme.
        found: String,
    },
    /// A key is no point of the curve, not canonical or of small order.
    #[error("key {key}: not a usable Ed25519 public key")]
    BadKey {
        /// Key id, shortened.
        key: String,
    },
    /// A key is there twice, under one id or two.
    #[error("{place}: key {key} is there twice")]
    DuplicateKey {
        /// Where.
        place: String,
        /// Key id, shortened.
        key: String,
    },
    /// Two signatures name the same key.
    #[error("two signatures of key {key}")]
    DuplicateSignature {
        /// Key id, shortened.
        key: String,
    },
    /// The time of this metadata has run out: the repository no longer signs, or somebody holds
    /// back what is newer.
    #[error("expired at {expires_ms} (Unix ms), and it is {now_ms}")]
    Expired {
        /// End of its validity, Unix milliseconds.
        expires_ms: i64,
        /// The device's clock, Unix milliseconds.
        now_ms: i64,
    },
    /// A version lower than one that was trusted before.
    #[error("version {offered} of {what} is lower than {have}, which was trusted before")]
    Rollback {
        /// The metadata whose version it is.
        what: String,
        /// Version trusted before.
        have: u64,
        /// Version offered.
        offered: u64,
    },
    /// Another version than the one that was asked for.
    #[error("version {found}, version {expected} is needed")]
    WrongVersion {
        /// Version that is needed.
        expected: u64,
        /// Version in the file.
        found: u64,
    },
    /// A snapshot no longer names a file that the one before it named.
    #[error("{what} is no longer named")]
    Disappeared {
        /// The file.
        what: String,
    },
    /// Targets are delegated to other roles, which this library does not follow.
    #[error("targets are delegated to other roles: list every release in targets.json itself")]
    Delegations,
    /// The metadata at hand are not of one repository state: a refresh is not finished.
    #[error("the refresh is not finished")]
    Incomplete,
    /// No target vouches for this file.
    #[error("no target of the repository has SHA-256 {sha256}")]
    NotATarget {
        /// Digest of the file, lower-case hex.
        sha256: String,
    },
    /// The target is another release than the file says of itself.
    #[error("the repository calls it {expected}, its manifest says {found}")]
    WrongRelease {
        /// Release of the target.
        expected: String,
        /// Release of the manifest.
        found: String,
    },
    /// The release was halted.
    #[error("{release} is halted")]
    Halted {
        /// The release.
        release: String,
    },
}
