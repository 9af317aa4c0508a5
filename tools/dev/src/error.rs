use std::io;
use std::path::PathBuf;

/// What can keep a task from giving an answer at all; findings are answers, not errors.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder of the repository could not be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// A program could not be started.
    #[error("cannot start `{command}`: {source}")]
    Start { command: String, source: io::Error },
    /// A program that should print an answer ended with an error.
    #[error("`{command}` failed: {message}")]
    Command { command: String, message: String },
    /// JSON that is not what its reader expects.
    #[error("{what}: {source}")]
    Json { what: String, source: serde_json::Error },
    /// The command line asks for something that does not exist.
    #[error("{0}")]
    Usage(String),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;
