//! Whom a device trusts for releases, in the roles of The Update Framework (TUF).
//!
//! A repository holds four kinds of signed metadata: the *root* names the keys of all roles and
//! how many of them must sign; *targets* lists the releases; *snapshot* and *timestamp* say which
//! metadata belong together and that they are fresh. A device begins with one root file that its
//! app was built with and follows the specification's client workflow from there.
//!
//! Nothing here fetches: [`Update`] says what it wants next and judges the bytes it is given, so
//! that an app's own HTTP client, a folder ([`read_directory`]) and a test drive the same code.
//! Formats, limits and the answer to each attack stand in `core/docs/formats/trust.md`.
//!
//! ```no_run
//! use noctule_core::trust::{TrustedSet, Update};
//! # fn fetch(path: &str, length_max: u64) -> Option<Vec<u8>> { None }
//! # let (root, now_ms) = (Vec::new(), 1_790_000_000_000);
//! let mut update = Update::begin(TrustedSet::from_root(&root)?, now_ms);
//! while let Some(wanted) = update.wanted() {
//!     match fetch(&wanted.path, wanted.length_max) {
//!         Some(bytes) => update.accept(&bytes)?,
//!         None => update.missing()?,
//!     }
//! }
//! let set = update.finish()?;
//! let release = set.current(now_ms)?.choose("town", "pseudonym-of-the-installation");
//! # Ok::<(), noctule_core::base::Error>(())
//! ```

mod current;
mod directory;
mod fields;
pub mod json;
mod metadata;
mod root;
pub mod rows;
mod set;
mod signed;
mod targets;
mod update;

#[cfg(test)]
mod tests;

pub use current::{Current, in_rollout, rollout_point};
pub use directory::read_directory;
pub use fields::date_time_ms;
pub use root::Role;
pub use set::TrustedSet;
pub use targets::{DeltaTarget, ReleaseTarget, TargetFile};
pub use update::{Update, Wanted};

/// Folder of the metadata in a repository.
pub const METADATA_FOLDER: &str = "metadata";
/// Folder of the content-addressed files in a repository.
pub const BLOBS_FOLDER: &str = "blobs";
