//! The one error of this crate: which file, which line, which field, and what was wrong.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between reading a data set and writing a trained model.
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

    /// A file holds no row of data.
    #[error("{path}: holds no data")]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// A directory is in no layout that is known.
    #[error(
        "{path}: holds none of catalogue.jsonl, movies.csv, geoplaces2.csv, app=<app> and a table \
         called interactions, events or ratings (csv, tsv, jsonl, ndjson, parquet)"
    )]
    Layout {
        /// The directory.
        path: PathBuf,
    },

    /// There is no such device to train on.
    #[error("device {device}: {reason}")]
    Device {
        /// The device that was asked for.
        device: String,
        /// Why not, and how to get it.
        reason: String,
    },

    /// The header lacks a column.
    #[error("{path}:1: column {column} is missing, the header has {found}")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column that is needed.
        column: String,
        /// The columns that are there.
        found: String,
    },

    /// A folder of the collector holds no feedback of an app.
    #[error("{path}: no feedback of the app {app:?} (no app={app}/day=…/*.parquet)")]
    NoFeedback {
        /// The folder that was searched.
        path: PathBuf,
        /// The app that was asked for.
        app: String,
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

    /// A row has a value that does not fit.
    #[error("{path}:{line}: {field}: {reason}")]
    Field {
        /// The file.
        path: PathBuf,
        /// Its line or row, from 1; 0 for the whole file.
        line: u64,
        /// The column, or the place in the line.
        field: String,
        /// What was found and what is allowed.
        reason: String,
    },

    /// A row is not UTF-8.
    #[error("{path}:{line}: not UTF-8 text")]
    Encoding {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
    },

    /// A bound is exceeded.
    #[error("{path}: {what} is {found}, at most {limit} is allowed")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bounded thing.
        what: &'static str,
        /// What was found.
        found: u64,
        /// The bound.
        limit: u64,
    },

    /// A setting is outside what is allowed.
    #[error("{field}: {reason}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What was found and what is allowed.
        reason: String,
    },

    /// The data cannot be used for what was asked.
    #[error("data: {reason}")]
    Data {
        /// Why not.
        reason: String,
    },

    /// Training did not converge: a loss or a vector is not finite.
    #[error("training diverged in epoch {epoch}: {reason}")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// What is not finite.
        reason: String,
    },

    /// The training of a network was stopped: something is not finite, or the loss grew without
    /// bound.
    #[error("training stopped in epoch {epoch}, step {step}: {cause}")]
    Unstable {
        /// The epoch, from 1.
        epoch: usize,
        /// The step of the whole run, from 1.
        step: u64,
        /// Which loss or which gradient, and what to try.
        cause: String,
    },

    /// Whoever started the training asked it to stop.
    #[error("stopped in epoch {epoch} after {batch} batches{}", kept(.checkpoint.as_deref()))]
    Interrupted {
        /// The epoch, from 1.
        epoch: usize,
        /// Batches of it that were done.
        batch: usize,
        /// The checkpoint from which the run can go on.
        checkpoint: Option<PathBuf>,
    },

    /// A checkpoint is damaged, or of another run.
    #[error("{path}: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// A scorer gave a value that is not a number.
    #[error("the score of item {item} for user {user} is not a number")]
    Score {
        /// Index of the user.
        user: u32,
        /// Index of the item.
        item: usize,
    },

    /// The core refused.
    #[error(transparent)]
    Core(#[from] noctule_core::base::Error),

    /// The tensor library refused.
    #[error("tensors: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// What is said of a checkpoint behind the word that the run was stopped.
fn kept(checkpoint: Option<&Path>) -> String {
    checkpoint.map_or_else(String::new, |path| {
        format!("; it goes on from {} with --resume", path.display())
    })
}

impl Error {
    /// Wraps a file error with its path and the action that failed.
    pub fn file(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, action, source }
    }

    /// Wraps an error of the Parquet library with the path of the file.
    pub fn parquet(path: &Path) -> impl Fn(parquet::errors::ParquetError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Parquet { path: path.clone(), source }
    }

    /// An [`Error::Field`] at `line` of `path`.
    pub fn field(
        path: &Path,
        line: u64,
        field: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (path, field, reason) = (path.to_path_buf(), field.into(), reason.into());
        Self::Field { path, line, field, reason }
    }

    /// An [`Error::Setting`].
    pub fn setting(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Setting { field, reason: reason.into() }
    }

    /// An [`Error::Data`].
    pub fn data(reason: impl Into<String>) -> Self {
        Self::Data { reason: reason.into() }
    }
}
