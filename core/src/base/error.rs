//! The one error of this crate: what failed, where, and what was wrong.

use std::path::{Path, PathBuf};

use super::{Refusal, ReplayRefusal, TrustRefusal, WidgetRefusal};

/// What is damaged when SQLite says so.
const DATABASE: &str = "the database";

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong. Lack of a model, a slate or a network is never among it.
///
/// Messages are fragments that fit behind "failed to …:" and hold no user data.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library was closed; open it again.
    #[error("the library is closed")]
    Closed,

    /// The library holds no file until it is resumed.
    #[error("the library is suspended")]
    Suspended,

    /// A night job or an installation is running already in this process.
    #[error("{what} is already running")]
    AlreadyRunning {
        /// The work that is under way.
        what: &'static str,
    },

    /// The caller's cancel token or deadline stopped a call that has no partial result.
    #[error("cancelled")]
    Cancelled,

    /// An argument is outside what is allowed. Nothing was stored.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// The argument, as a path (`events[3].position`).
        field: String,
        /// What was wrong with it and what is allowed.
        reason: String,
    },

    /// The profile directory does not exist and its parent does not either.
    #[error("{path}: the directory is missing")]
    DirectoryMissing {
        /// The directory that was asked for.
        path: PathBuf,
    },

    /// Another process (or another handle of this one) writes this profile directory.
    #[error("{path}: another process has this directory open")]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
    },

    /// The file is there but is not an SQLite database. It was kept.
    #[error("{path}: not an SQLite database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },

    /// The file was written by a newer library. It was kept, byte for byte.
    #[error("{path}: schema version {found} is newer than {supported}, which this library writes")]
    SchemaTooNew {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The newest version this library knows.
        supported: i64,
    },

    /// The disk, or the database's own cap, is full. What was acknowledged before stays.
    #[error("the storage is full while {action}")]
    StorageFull {
        /// What was being done.
        action: &'static str,
    },

    /// The profile directory, or a folder of it, may be read but not written: another mount, or
    /// permissions that were taken away. Nothing was changed.
    #[error("{path}: {action}: may only be read; give the library a directory that it may write")]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
    },

    /// SQLite refused for another reason.
    #[error("{action}: {source}")]
    Storage {
        /// What was being done.
        action: &'static str,
        /// SQLite's word for it.
        #[source]
        source: rusqlite::Error,
    },

    /// A stored value failed its checksum or does not decode.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// The value (`slate home/breakfast`).
        what: String,
        /// What does not hold.
        reason: String,
    },

    /// The operating system refused a file operation.
    #[error("{path}: {action}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's word for it.
        #[source]
        source: std::io::Error,
    },

    /// A release was refused; the one before it is untouched.
    #[error("release refused: {file}: {refusal}")]
    ReleaseRefused {
        /// The file of the release, with the place in it where known (`catalogue.jsonl:12`).
        file: String,
        /// The reason.
        #[source]
        refusal: Refusal,
    },

    /// Metadata of a repository was refused, or a release that it does not vouch for; what was
    /// trusted before stays.
    #[error("not trusted: {file}: {refusal}")]
    TrustRefused {
        /// The file below the repository (`metadata/timestamp.json`).
        file: String,
        /// The reason.
        #[source]
        refusal: TrustRefusal,
    },

    /// There is no release to go back to.
    #[error("there is no previous release to go back to")]
    NoPreviousRelease,

    /// An installed release is no longer what was verified. Nothing was made from it; installing it
    /// again repairs it.
    #[error("installed release {release} is damaged: {file}: {refusal}")]
    ReleaseDamaged {
        /// The release, as `name@version`.
        release: String,
        /// The file that changed.
        file: String,
        /// How that shows.
        #[source]
        refusal: Box<Refusal>,
    },

    /// A file of slates for widgets was refused. Nothing was taken from it; the library writes it
    /// anew when the profile is opened next.
    #[error("slates for widgets refused: {refusal}")]
    WidgetRefused {
        /// The reason.
        #[source]
        refusal: WidgetRefusal,
    },

    /// A bundle for replay was refused, or the slate cannot be exported into one.
    #[error("replay refused: {refusal}")]
    ReplayRefused {
        /// The reason.
        #[source]
        refusal: ReplayRefusal,
    },

    /// A model could not be evaluated (shapes, or a value that is not finite).
    #[error("model: {reason}")]
    Model {
        /// What was wrong.
        reason: String,
    },
}

impl From<noctule_kernels::Error> for Error {
    fn from(error: noctule_kernels::Error) -> Self {
        Self::Model { reason: error.to_string() }
    }
}

impl Error {
    /// An [`Error::InvalidInput`] for `field`.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }

    /// An [`Error::ReleaseRefused`] for `file`.
    pub fn refused(file: impl Into<String>, refusal: Refusal) -> Self {
        Self::ReleaseRefused { file: file.into(), refusal }
    }

    /// An [`Error::TrustRefused`] for `file`.
    pub fn untrusted(file: impl Into<String>, refusal: TrustRefusal) -> Self {
        Self::TrustRefused { file: file.into(), refusal }
    }

    /// An [`Error::Damaged`] value.
    pub fn damaged(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), reason: reason.into() }
    }

    /// A stored event that does not read as one: the database is damaged.
    pub(crate) fn damaged_event(sequence: u64, reason: impl std::fmt::Display) -> Self {
        Self::damaged(DATABASE, format!("event {sequence}: {reason}"))
    }

    /// Whether the database is damaged: by what SQLite says of it, or by a value that is not of the
    /// kind that was stored there.
    pub(crate) fn is_database_damage(&self) -> bool {
        matches!(self, Self::Damaged { what, .. } if what == DATABASE)
    }

    /// Wraps a file error with its path and the action that failed; a full disk has its own name.
    pub fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::StorageFull { action }
            }
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, action },
            _ => Self::File { path, action, source },
        }
    }

    /// Wraps an SQLite error with the action that failed; a full disk has its own name.
    pub fn storage(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::StorageFull { action },
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                Self::damaged(DATABASE, format!("{action}: {source}"))
            }
            _ if is_of_another_kind(&source) => {
                Self::damaged(DATABASE, format!("{action}: {source}"))
            }
            _ => Self::Storage { action, source },
        }
    }
}

/// Whether a value was read that its column never held.
fn is_of_another_kind(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
    };
    matches!(
        error,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..)
    )
}
