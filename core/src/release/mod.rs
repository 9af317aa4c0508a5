//! Releases: the manifest, its signature, and all that happens before one is active.
//!
//! A release arrives as a directory ([`manifest`] names every file in it). It is verified from the
//! signature to the last value ([`verify`]), copied to where the device keeps it ([`install`]) and
//! opened from there ([`open`]). The format stands in `core/docs/formats/release.md`.

pub mod activation;
mod architecture;
pub mod checks;
pub mod delta;
pub mod digest;
pub mod experiment;
mod health;
pub mod install;
pub mod integrity;
pub mod manifest;
pub mod open;
mod pass;
pub mod plan;
mod private_answer;
mod ranges;
pub mod rows;
pub mod rules;
pub mod runtime;
mod schema;
pub mod seen_file;
pub mod signature;
mod validate;
mod validate_rules;
pub mod values;
pub mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::base::{dtype, tensors};
pub use activation::{Activation, Probation, RefusedRelease, RevertReason, Reverted};
pub use architecture::{
    Architecture, Calibration, NamedShape, Nonlinearity, RankerDesign, RankerKind, Structure,
    feature_width,
};
pub use checks::{Check, CheckEvent, CheckKind, Checks, Demand, Level, Situation, WithinTop};
pub use digest::{FileDigests, digests_of_file, sha256_hex, sha256_of_file};
pub use dtype::Dtype;
pub use experiment::{Arm, Experiment, Policy};
pub use health::{Health, Histogram, References, SCORE_REFERENCE};
pub use install::{installed_path, prune, stage, stage_owned, take_back};
pub use integrity::{Fingerprint, check_installed, check_installed_while};
pub use manifest::{
    CATALOGUE_FILE, CHECKS_FILE, FileEntry, ITEMS_FILE, MANIFEST_FILE, MANIFEST_FORMAT, MODEL_FILE,
    Manifest, ReleaseName, SIGNATURE_FILE, TensorEntry,
};
pub use open::OpenRelease;
pub use pass::Chunks;
pub use plan::{Candidates, Consumed, Context, Diversity, Exploration, Plan, Surface};
pub use private_answer::{EPSILON, PrivateAnswer, PrivateBudget};
pub use rules::{Action, Attribute, Cap, Exposure, Group, Pin, Rule, Scaling, Selector};
pub use runtime::RUNTIME_VERSION;
pub use tensors::{TensorInfo, TensorLayout};
pub use values::check_finite;
pub use verify::{
    SeenRelease, SignatureRule, Trust, VerifiedRelease, check_offer, manifest_sha256,
    read_manifest, verify_directory, verify_directory_with,
};
