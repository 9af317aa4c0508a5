//! Why a bundle for replay is refused.

/// What is wrong with a bundle, or with what it is replayed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefusal {
    /// The user has not agreed, or nobody said so: a bundle holds personal data.
    #[error("the user's consent was not given: a bundle holds personal data")]
    NoConsent,
    /// There is no slate of this surface and context.
    #[error("there is no slate {key}")]
    NoSlate {
        /// Surface and context.
        key: String,
    },
    /// What the slate was made from is not kept.
    #[error("what the slate {key} was made from is not kept: it is kept by the next night")]
    NotKept {
        /// Surface and context.
        key: String,
    },
    /// The first bytes are others: no bundle.
    #[error("this is no bundle for replay")]
    Magic,
    /// Written in another version of the format.
    #[error("the bundle is of format {found}, {known} is read")]
    Format {
        /// Format of the bundle.
        found: u32,
        /// The format that is known.
        known: u32,
    },
    /// Made by another version of the library, which may compute otherwise.
    #[error("the bundle was made by version {found} of the library, this is {own}: replay with it")]
    Library {
        /// Version that made the bundle.
        found: String,
        /// This version.
        own: String,
    },
    /// The bundle is not what was exported.
    #[error("the bundle was changed or cut: {reason}")]
    Changed {
        /// What does not hold.
        reason: String,
    },
    /// The release that was given is another.
    #[error("the slate was made from {name}, manifest {wanted}; the release given has {found}")]
    OtherRelease {
        /// Release of the bundle, as `name@version`.
        name: String,
        /// SHA-256 of its manifest.
        wanted: String,
        /// SHA-256 of the manifest that was given.
        found: String,
    },
    /// The plan has no such surface or context.
    #[error("the plan has no slate {key}")]
    NotInPlan {
        /// Surface and context.
        key: String,
    },
}
