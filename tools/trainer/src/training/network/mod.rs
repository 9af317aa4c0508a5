//! The road of a network from interactions to a release, whichever its architecture.
//!
//! ```text
//! Trainable (SASRec, two-tower) -> fit_network: checkpoints, threads, the weights as a release
//!   ^                                 `-> train_network: measured once, fitted again, written
//!   `-- Retraining: weights to begin with, which are trained, how much of new data (Mix)
//! ```

mod fitting;
mod mix;
mod pipeline;
mod retrained;
mod scorer;
#[cfg(test)]
mod tests;
mod validation;
mod weights;

use noctule_core::release::Architecture;

pub use fitting::{Job, Treated, remove_checkpoints};
pub(super) use fitting::{fit_network, on_device, released_values};
pub use mix::Mix;
pub use pipeline::{UNTREATED_TOWERS, train_network};
pub use retrained::{RetrainRecord, Retraining, unseen};
pub use scorer::NetworkScorer;
pub use validation::{HeldOut, Known};
pub use weights::{WEIGHTS_FILE, Warm, Weights};

use super::neural::{Fitted, Parameters, Task};
use crate::Result;

/// Names of the vectors of items and of words.
pub(super) const EMBEDDING: &str = "embedding";
pub(super) const WORDS: &str = "words";

/// A tensor by name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValues {
    /// Its name in `model.safetensors`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// A network that is trained for a release.
pub trait Trainable: Task {
    /// Its architecture; its candidates are ranked by its score alone.
    fn architecture(&self) -> Architecture;

    /// The weights, to name those that are trained.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// Names of the last layers, those that are trained when only the last are asked for.
    fn last_layers(&self) -> Vec<String>;

    /// The words of the rows of word vectors.
    fn words(&self) -> &[String] {
        &[]
    }

    /// The item vectors \[items, d\] of a release, and the other tensors of `model.safetensors` but
    /// for those of the ranker.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`].
    fn released(&self) -> Result<(Vec<f32>, Vec<NamedValues>)>;
}

/// A trained network, as a release holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedNetwork {
    /// Its architecture; its candidates are ranked by its score alone.
    pub architecture: Architecture,
    /// Contexts of the plan that it was trained for; 0 where it does not look at them.
    pub contexts: usize,
    /// Item vectors, \[items, d\].
    pub embedding: Vec<f32>,
    /// The other tensors, those of `model.safetensors`.
    pub tensors: Vec<NamedValues>,
    /// All weights, to begin another run with.
    pub weights: Weights,
    /// What was trained, and what it began with.
    pub retrained: RetrainRecord,
    /// How training went.
    pub fitted: Fitted,
}

impl TrainedNetwork {
    /// Scores as the phone computes them.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when a weight is not finite.
    pub fn scorer(&self) -> Result<NetworkScorer<'_>> {
        NetworkScorer::new(&self.architecture, self.contexts, &self.tensors, &self.embedding)
    }
}
