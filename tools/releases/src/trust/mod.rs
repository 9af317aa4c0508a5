//! The backend's side of trust: root files, their rotation, and the metadata of a repository.
//!
//! The format stands in `core/docs/formats/trust.md`, the procedure for a lost key in
//! `tools/docs/key-compromise.md`. Everything here is a function of its arguments; whoever holds a
//! key signs a [`Document`] with it, one holder after another, on whatever machine.
//!
//! ```
//! use noctule_releases::SecretKey;
//! use noctule_releases::trust::{Role, RootPlan};
//! let (ann, bob) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]));
//! let online = SecretKey::from_seed(&[3; 32]);
//! let mut plan = RootPlan::first(1_900_000_000_000);
//! plan.set(Role::Root, &[ann.public(), bob.public()], 2);
//! plan.set(Role::Targets, &[ann.public(), bob.public()], 1);
//! plan.set(Role::Snapshot, &[online.public()], 1);
//! plan.set(Role::Timestamp, &[online.public()], 1);
//! let mut root = plan.document()?;
//! root.sign(&ann);
//! root.sign(&bob);
//! noctule_core::trust::TrustedSet::from_root(&root.to_bytes()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod folder;
mod metadata;
mod root;

#[cfg(test)]
mod tests;

pub use document::{Document, key_id};
pub use folder::{Status, draft_root, newest_root, sign_file, status};
pub use metadata::{Expiries, RepositoryKeys, TargetList, Versions, write_metadata, write_online};
pub use noctule_core::trust::{DeltaTarget, ReleaseTarget, Role};
pub use root::RootPlan;
