//! Releases: the manifest, its signature, and all that happens before one is active.

pub mod experiment;
pub mod manifest;
pub mod plan;

pub use experiment::{Arm, Experiment, Policy};
pub use manifest::{Architecture, FileEntry, Manifest, ReleaseName, TensorEntry};
pub use plan::{Candidates, Consumed, Context, Diversity, Exploration, Plan, Surface};
