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

    /// What is given to sign in at a server cannot be sent.
    #[error("signing in: {reason}")]
    SignIn {
        /// What is wrong with it.
        reason: &'static str,
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

    /// A name map names a tensor that its architecture does not have.
    #[error("map: {target}: is none of the tensors of {architecture}: {known}")]
    UnknownTarget {
        /// The name.
        target: String,
        /// The architecture.
        architecture: &'static str,
        /// The tensors that it has.
        known: String,
    },

    /// A name map does not say what a tensor is made of.
    #[error("map: {target} {shape:?}: is missing")]
    NotMapped {
        /// The tensor.
        target: String,
        /// Its shape.
        shape: Vec<u64>,
    },

    /// Other people's weights have no such tensor.
    #[error("{tensor:?} for {target}: is not among the weights: {names}")]
    NoTensor {
        /// The tensor that was to be made of it.
        target: String,
        /// The name that the map has.
        tensor: String,
        /// Some of the names that there are.
        names: String,
    },

    /// Of a tensor of other people's weights, what the map says cannot be made.
    #[error("{tensor:?} ({dtype} {shape:?}) for {target}: {reason}")]
    Misfit {
        /// Its name among the weights.
        tensor: String,
        /// Type of its values.
        dtype: String,
        /// Its shape.
        shape: Vec<u64>,
        /// The tensor that was to be made of it.
        target: String,
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

    /// A folder or an object store refused.
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

    /// What was asked for is no release, alias, percentage or place.
    #[error("{text}: {reason}")]
    Reference {
        /// What was asked for.
        text: String,
        /// What is needed.
        reason: String,
    },

    /// The registry has no such release, or no such alias.
    #[error("{what}: is not in the registry")]
    NotInRegistry {
        /// What was asked for.
        what: String,
    },

    /// Another release of this name and version was published before.
    #[error("{release}: is published already with another manifest: count the version up")]
    Taken {
        /// Name and version.
        release: String,
    },

    /// The version is halted and is offered to nobody until that is taken back.
    #[error("{release}: is halted: resume it first")]
    Halted {
        /// Name and version.
        release: String,
    },

    /// The release fails checks of its own, as `noctule verify` shows.
    #[error("{release}: failed {failed} of {total} checks and is not published: {first}")]
    ExamFailed {
        /// Name and version.
        release: String,
        /// Checks that failed.
        failed: usize,
        /// All checks.
        total: u32,
        /// What the first of them says.
        first: String,
    },

    /// Devices may trust another root of this version already.
    #[error("{path}: is there already with other bytes: rotate to the next version")]
    RootTaken {
        /// The root file.
        path: String,
    },

    /// An object of a registry, or an answer, is not what it should be.
    #[error("{place}: is damaged: {reason}")]
    Damaged {
        /// The object.
        place: String,
        /// What is wrong.
        reason: String,
    },

    /// A blob is missing, or its bytes are not those of its name.
    #[error("blobs/{sha256}: {reason}: publish the release again to mend it")]
    BlobDamaged {
        /// Its name.
        sha256: String,
        /// What is wrong.
        reason: String,
    },

    /// A collection of garbage is under way.
    #[error("a collection of garbage is under way; it ends before {until_ms} (Unix ms)")]
    Sweeping {
        /// When it is over at the latest, Unix milliseconds.
        until_ms: i64,
    },

    /// The object store is none that a registry can live in.
    #[error(
        "{place}: writes over an object that was to be made only where there is none \
         (If-None-Match: *): use a store that heeds it, or two publishers lose commits"
    )]
    Unconditional {
        /// The registry.
        place: String,
    },

    /// Others made commits the whole time.
    #[error("{place}: {attempts} attempts at a commit lost against others: try again")]
    Contended {
        /// The registry.
        place: String,
        /// How often it was tried.
        attempts: u32,
    },

    /// An MLflow server did not do what it was asked.
    #[error("{url}: {reason}")]
    Http {
        /// The address.
        url: String,
        /// Its answer, or why there is none.
        reason: String,
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

    /// Wraps an error of a store with the object and the action that failed.
    pub(crate) fn store(
        place: impl Into<String>,
        action: &'static str,
    ) -> impl FnOnce(object_store::Error) -> Self {
        let place = place.into();
        move |source| Self::Store { place, action, source: Box::new(source) }
    }

    pub(crate) fn reference(text: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Reference { text: text.into(), reason: reason.into() }
    }

    pub(crate) fn not_in_registry(what: impl std::fmt::Display) -> Self {
        Self::NotInRegistry { what: what.to_string() }
    }

    pub(crate) fn damaged(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), reason: reason.into() }
    }

    pub(crate) fn blob_damaged(sha256: &str, reason: impl Into<String>) -> Self {
        Self::BlobDamaged { sha256: sha256.to_owned(), reason: reason.into() }
    }

    /// An [`Error::Part`].
    pub fn part(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Part { field: field.into(), reason: reason.into() }
    }
}
