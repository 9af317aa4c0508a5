//! The one error of this crate.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in a simulation. Messages are fragments that fit behind "failed to …:".
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is outside what is allowed.
    #[error("{field}: {reason}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What was wrong and what is allowed.
        reason: String,
    },

    /// The recorded data do not fit together.
    #[error("data: {reason}")]
    Data {
        /// What does not fit.
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

    /// The library on a phone refused.
    #[error("phone {phone}: {action}: {source}")]
    Phone {
        /// Number of the phone, from 0.
        phone: usize,
        /// What was being done.
        action: &'static str,
        /// The library's error.
        #[source]
        source: Box<noctule_core::base::Error>,
    },

    /// Feedback of a phone never arrived at the collector.
    #[error("phone {phone}: {pending} events were not acknowledged: {reason}")]
    NotDelivered {
        /// Number of the phone, from 0.
        phone: usize,
        /// Events that are still on the phone.
        pending: u64,
        /// The last answer of the collector, or why there was none.
        reason: String,
    },

    /// A core type refused a value that the simulation made.
    #[error(transparent)]
    Core(Box<noctule_core::base::Error>),
}

impl From<noctule_core::base::Error> for Error {
    fn from(error: noctule_core::base::Error) -> Self {
        Self::Core(Box::new(error))
    }
}

impl Error {
    /// An [`Error::Setting`].
    pub fn setting(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { field, reason: reason.into() }
    }

    /// An [`Error::Data`].
    pub fn data(reason: impl Into<String>) -> Self {
        Self::Data { reason: reason.into() }
    }

    /// Wraps a file error with its path and the action that failed.
    pub fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    /// Wraps an error of the library with the phone and the action that failed.
    pub fn phone(
        phone: usize,
        action: &'static str,
    ) -> impl FnOnce(noctule_core::base::Error) -> Self {
        move |source| Self::Phone { phone, action, source: Box::new(source) }
    }
}
