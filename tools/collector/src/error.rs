//! The one error of this crate.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a collector starts, flushes or stops.
///
/// What goes wrong with one request is answered over HTTP and is no error of the collector.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("{address}: cannot listen: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's word for it.
        #[source]
        source: io::Error,
    },

    /// Another collector writes to this folder.
    #[error("{path}: another collector writes to this folder")]
    OutputInUse {
        /// The output folder.
        path: PathBuf,
    },

    /// A setting that makes no sense.
    #[error("{setting}: {reason}")]
    InvalidSetting {
        /// The setting, as a path (`apps.town`).
        setting: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The operating system refused a file operation.
    #[error("{path}: {action}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's word for it.
        #[source]
        source: io::Error,
    },

    /// The object store refused.
    #[error("{place}: {action}: {source}")]
    Store {
        /// The object.
        place: String,
        /// What was being done.
        action: &'static str,
        /// The store's word for it.
        #[source]
        source: Box<object_store::Error>,
    },

    /// A Parquet file cannot be written or read.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library says.
        #[source]
        source: parquet::errors::ParquetError,
    },

    /// A Parquet file in the output folder is damaged in a way that its library does not report.
    #[error("{path}: damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: &'static str,
    },

    /// A Parquet file in the output folder holds something else than the schema says.
    #[error("{path}: row {row}: {column}: {reason}")]
    ForeignRow {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The threads could not be started.
    #[error("cannot start the collector's threads: {0}")]
    Threads(#[source] io::Error),

    /// The collector has stopped, or one of its threads has ended before its time.
    #[error("the collector has stopped")]
    Stopped,
}

impl Error {
    /// Wraps a file error with its path and the action that failed.
    pub(crate) fn file(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    /// Wraps an error of the object store.
    pub(crate) fn store(
        place: impl Into<String>,
        action: &'static str,
    ) -> impl FnOnce(object_store::Error) -> Self {
        let place = place.into();
        move |source| Self::Store { place, action, source: Box::new(source) }
    }

    /// Wraps a Parquet error with its path.
    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Parquet { path, source }
    }
}
