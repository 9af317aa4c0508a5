//! Softmax matrix factorisation: item factors, and a user who is a linear map of their mean.
//!
//! The user factor of the textbook is a free vector for each user, which a phone that folds in
//! would have to find by gradient descent on the softmax: the exact fold-in solves a sum of
//! squares, and is another model. So users are what they chose, as in FISM (Kabbur, Ning and
//! Karypis, KDD 2013): a linear map of the mean of their items' factors and of ln(1 + count),
//! trained by cross-entropy over the catalogue. That is a `two_tower` without hidden layers, and a
//! phone computes it exactly.

use noctule_core::release::Nonlinearity;
use serde::{Deserialize, Serialize};

use super::{TowerLoss, TwoTowerSettings};
use crate::training::parallel;

/// Hyper-parameters of a softmax matrix factorisation and of its training; each as in
/// [`TwoTowerSettings`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SoftmaxSettings {
    /// Length of the vectors.
    pub dimensions: usize,
    /// Choices of a history that count, the newest.
    pub history: usize,
    /// Standard deviation of the first item factors.
    pub initial_scale: f32,
    /// Share of values of means left out in training.
    pub dropout: f32,
    /// What is made small.
    pub loss: TowerLoss,
    /// Choices of a batch.
    pub batch: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Epochs, at most.
    pub epochs: usize,
    /// Epochs without a better validation after which training ends.
    pub patience: usize,
    /// Users that are validated after each epoch, at most.
    pub validation_users: usize,
    /// Whether, for the release, all is trained once more on all events.
    pub refit: bool,
}

impl Default for SoftmaxSettings {
    fn default() -> Self {
        let towers = TwoTowerSettings::default();
        Self {
            dimensions: towers.dimensions,
            history: towers.history,
            initial_scale: 0.05,
            dropout: 0.3,
            loss: TowerLoss::CrossEntropy,
            batch: 256,
            learning_rate: 2e-3,
            weight_decay: 0.0,
            epochs: towers.epochs,
            patience: towers.patience,
            validation_users: towers.validation_users,
            refit: towers.refit,
        }
    }
}

impl SoftmaxSettings {
    /// The two towers that it is.
    #[must_use]
    pub fn towers(&self) -> TwoTowerSettings {
        TwoTowerSettings {
            dimensions: self.dimensions,
            hidden: Vec::new(),
            item_hidden: Vec::new(),
            activation: Nonlinearity::Relu,
            normalize: false,
            temperature: 1.0,
            words: false,
            history: self.history,
            context_weight: 1.0,
            initial_scale: self.initial_scale,
            dropout: self.dropout,
            loss: self.loss,
            batch: self.batch,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            epochs: self.epochs,
            patience: self.patience,
            validation_users: self.validation_users,
            refit: self.refit,
            seed: 1,
            threads: parallel::available(),
        }
    }
}
