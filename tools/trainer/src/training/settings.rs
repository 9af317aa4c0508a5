//! What a training run is asked for.

use noctule_core::base::limits::DIMENSIONS_MAX;
use serde::{Deserialize, Serialize};

use super::fairness::Treatment;
use super::sasrec::SasrecSettings;
use super::{Labels, RankerSettings, WeakSettings, parallel};
use crate::evaluation::Protocol;
use crate::{Error, Result};

/// The architecture to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Popularity by context alone.
    Popularity,
    /// iALS with a ranker.
    MatrixFactorization,
    /// A causal transformer over what each user chose.
    Sasrec,
}

/// How one side is solved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IalsSolver {
    /// Exactly, each row by one Cholesky factorisation in double precision.
    #[default]
    Exact,
    /// iALS++: blocks of eight coordinates one after another, in single precision.
    Blocks,
}

/// Hyper-parameters of iALS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IalsSettings {
    /// Length of the vectors, 1 to 1,024.
    pub dimensions: usize,
    /// Passes over both sides, 1 to 1,000.
    pub epochs: usize,
    /// w0, weight of every pair, observed or not.
    pub unobserved_weight: f32,
    /// lambda.
    pub regularization: f32,
    /// nu, 0 (every row alike) to 1 (in proportion to its observations).
    pub regularization_exponent: f32,
    /// How one side is solved.
    pub solver: IalsSolver,
    /// Standard deviation of the first item vectors, before division by sqrt(dimensions).
    pub initial_scale: f32,
    /// Seed of the first item vectors.
    pub seed: u64,
    /// Threads; changes no result.
    pub threads: usize,
}

impl Default for IalsSettings {
    fn default() -> Self {
        Self {
            dimensions: 64,
            epochs: 12,
            unobserved_weight: 0.03,
            regularization: 0.01,
            regularization_exponent: 1.0,
            solver: IalsSolver::Exact,
            initial_scale: 0.1,
            seed: 1,
            threads: parallel::available(),
        }
    }
}

impl IalsSettings {
    pub(crate) fn check(&self) -> Result<()> {
        let counts = [
            ("dimensions", self.dimensions, DIMENSIONS_MAX),
            ("epochs", self.epochs, 1_000),
            ("threads", self.threads, 1_024),
        ];
        for (field, value, limit) in counts {
            if value == 0 || value > limit {
                return Err(Error::setting(field, format!("{value} is not between 1 and {limit}")));
            }
        }
        let numbers = [
            ("unobserved_weight", self.unobserved_weight),
            ("regularization", self.regularization),
            ("regularization_exponent", self.regularization_exponent),
            ("initial_scale", self.initial_scale),
        ];
        for (field, value) in numbers {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(field, format!("{value} is not at least 0")));
            }
        }
        Ok(())
    }
}

/// Settings of a training run. Seed and threads here overrule those of [`IalsSettings`]
/// and [`SasrecSettings`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// The architecture.
    pub model: Model,
    /// The factorisation.
    pub ials: IalsSettings,
    /// The transformer.
    pub sasrec: SasrecSettings,
    /// The ranker.
    pub ranker: RankerSettings,
    /// What is done about a ranker that serves groups unequally; needs groups.
    pub treatment: Treatment,
    /// What the ranker learns from.
    pub labels: Labels,
    /// How it learns from feedback.
    pub weak: WeakSettings,
    /// Factor on the confidence of events of the very context a slate is made for, at least 0.
    pub context_weight: f32,
    /// Pseudo-count of every item in the shares of popularity, at least 0.
    pub smoothing: f64,
    /// Held-out events of one user that the ranker learns from, at most.
    pub positives: usize,
    /// Candidates that each of them is set against, at most.
    pub negatives: usize,
    /// Users that the ranker learns from, and users that are evaluated, at most.
    pub users_max: usize,
    /// Length of the lists that are evaluated.
    pub k: usize,
    /// Which items are ranked when a SASRec is measured.
    pub protocol: Protocol,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; changes no result.
    pub threads: usize,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            model: Model::MatrixFactorization,
            ials: IalsSettings::default(),
            sasrec: SasrecSettings::default(),
            ranker: RankerSettings::default(),
            treatment: Treatment::None,
            labels: Labels::default(),
            weak: WeakSettings::default(),
            context_weight: 2.0,
            smoothing: 0.1,
            positives: 5,
            negatives: 20,
            users_max: 5_000,
            k: 10,
            protocol: Protocol::Full,
            seed: 1,
            threads: parallel::available(),
        }
    }
}

impl TrainSettings {
    /// The factorisation's settings with the seed and threads of this run.
    #[must_use]
    pub fn ials(&self) -> IalsSettings {
        IalsSettings { seed: self.seed, threads: self.threads, ..self.ials.clone() }
    }

    /// The transformer's settings with the seed and threads of this run.
    #[must_use]
    pub fn sasrec(&self) -> SasrecSettings {
        SasrecSettings { seed: self.seed, threads: self.threads, ..self.sasrec.clone() }
    }

    pub(super) fn check(&self) -> Result<()> {
        let numbers =
            [("context_weight", f64::from(self.context_weight)), ("smoothing", self.smoothing)];
        for (field, value) in numbers {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(field, format!("{value} is not at least 0")));
            }
        }
        let counts = [
            ("positives", self.positives),
            ("negatives", self.negatives),
            ("users_max", self.users_max),
            ("k", self.k),
            ("threads", self.threads),
        ];
        for (field, value) in counts {
            if value == 0 {
                return Err(Error::setting(field, "must be at least 1"));
            }
        }
        Ok(())
    }
}

/// Where a training run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainStep {
    /// Factorising what is not held out, for the ranker and the measurement.
    Fitting,
    /// Training the ranker.
    Ranker,
    /// Measuring on the test events.
    Measuring,
    /// Factorising all events, for the release.
    Refitting,
}
