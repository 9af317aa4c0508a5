//! The one error that apps see.

mod mapping;

/// Why a call failed. One variant for each thing that an app would do about it.
///
/// Texts are for logs and hold no user data. No field is called `message`, which Kotlin's
/// exceptions have already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum RecommenderError {
    /// The recommender is suspended. Resume it first.
    #[error("the recommender is suspended")]
    Suspended,

    /// Somebody else is at it: a night or an installation in this process, or another process or
    /// recommender that has the directory open. Leave it to them, or try again later.
    #[error("already running: {reason}")]
    AlreadyRunning {
        /// What is under way, and where.
        reason: String,
    },

    /// An argument is outside what is allowed; nothing was stored. A mistake in the app.
    #[error("{field}: {reason}")]
    InvalidInput {
        /// The argument, as a path (`events[3].position`).
        field: String,
        /// What was wrong with it and what is allowed.
        reason: String,
    },

    /// A release was refused and the one before it is untouched. Delete what was downloaded and
    /// tell the backend.
    #[error("release refused: {file}: {reason}")]
    ReleaseRefused {
        /// The file of the release, with the place in it where known (`catalogue.jsonl:12`).
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// The disk is full; what was acknowledged before stays. Free some space and try again.
    #[error("storage full: {reason}")]
    StorageFull {
        /// What was being done.
        reason: String,
    },

    /// The directory or the database cannot be used: not a database, damaged, written by a newer
    /// library, or refused by the system. The files were kept. Log it; go without recommendations,
    /// and open again at the next start: a damaged database is then made anew from what is left.
    #[error("storage: {reason}")]
    Storage {
        /// What was being done, to which file, and the system's word for it.
        reason: String,
    },

    /// The recommender was closed. Open another.
    #[error("the recommender is closed")]
    Closed,

    /// A fault of this library or of a model. Report it.
    #[error("internal: {reason}")]
    Internal {
        /// What happened.
        reason: String,
    },
}

impl RecommenderError {
    /// An [`RecommenderError::InvalidInput`] for `field`.
    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), reason: reason.into() }
    }

    /// Puts `path` before the field of an [`RecommenderError::InvalidInput`].
    pub(crate) fn within(self, path: &str) -> Self {
        match self {
            Self::InvalidInput { field, reason } => {
                Self::InvalidInput { field: format!("{path}.{field}"), reason }
            }
            other => other,
        }
    }
}
