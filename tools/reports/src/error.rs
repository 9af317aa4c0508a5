//! The one error of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no report.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds no feedback of the app.
    #[error("{path}: no feedback of the app {app:?} (no app={app}/day=…/*.parquet)")]
    NoFeedback {
        /// The folder that was searched.
        path: PathBuf,
        /// The app that was asked for.
        app: String,
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

    /// A Parquet file cannot be read.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet library says.
        #[source]
        source: parquet::errors::ParquetError,
    },

    /// A Parquet file is damaged in a way that its library does not report.
    #[error("{path}: damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: &'static str,
    },

    /// A row does not hold what the schema says.
    #[error("{path}: row {row}: {column}: {reason}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 0.
        row: u64,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The feedback is more than one report can hold in memory.
    #[error("{path}: more than {limit} events; report on fewer days")]
    TooMuch {
        /// The file with the first event too many.
        path: PathBuf,
        /// Events that fit.
        limit: usize,
    },

    /// Gaps, days and installations are more than memory is meant for.
    #[error("{path}: gaps, days and installations so far take more than {limit} bytes")]
    TooManyParts {
        /// The file with the first one too many.
        path: PathBuf,
        /// Bytes that may be held.
        limit: u64,
    },

    /// A read-out has more groups, or more to remember, than memory is meant for.
    #[error(
        "{what}: more than {limit}; group by fewer columns (--by) or ask for fewer days \
             (--since, --until)"
    )]
    TooManyGroups {
        /// What there is too much of.
        what: &'static str,
        /// How much fits.
        limit: usize,
    },

    /// More arms than experiments have: devices sent names that no release gave them.
    #[error("{found} arms, at most {limit} are reported on")]
    TooManyArms {
        /// Distinct names.
        found: usize,
        /// Arms of one report.
        limit: usize,
    },

    /// A setting that makes no sense.
    #[error("{setting}: {reason}")]
    InvalidSetting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Parquet { path, source }
    }
}
