//! The one error of this crate: which file or field, and what was wrong with it.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between the parts of a release and a signed directory.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
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

    /// Something is there already that is never overwritten.
    #[error("{path}: is there already and is not overwritten")]
    Exists {
        /// The file or directory.
        path: PathBuf,
    },

    /// The file does not hold a key.
    #[error("{path}: not a key: {reason}")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What was found and what is needed.
        reason: String,
    },

    /// The operating system has no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(getrandom::Error),

    /// A part of the release does not fit the others.
    #[error("{field}: {reason}")]
    Part {
        /// The part.
        field: String,
        /// What was found and what is needed.
        reason: String,
    },

    /// A server did not give what was asked of it.
    #[error("{base}: {reason}; the next try is due at {until_ms} (Unix ms)")]
    Server {
        /// Address of the server.
        base: String,
        /// How the last request ended.
        reason: String,
        /// End of the pause, Unix milliseconds.
        until_ms: i64,
    },

    /// The core refused the release, or a file of it.
    #[error(transparent)]
    Core(#[from] noctule_core::base::Error),
}

impl Error {
    /// Wraps a file error with its path and the action that failed.
    pub fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    /// An [`Error::Part`].
    pub fn part(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Part { field: field.into(), reason: reason.into() }
    }
}
