//! What a training run is asked for.

use noctule_core::base::limits::DIMENSIONS_MAX;
use serde::{Deserialize, Serialize};

use super::fairness::Treatment;
use super::neural::DeviceChoice;
use super::sasrec::SasrecSettings;
use super::two_tower::{SoftmaxSettings, TwoTowerSettings};
use super::{Labels, RankerSettings, RetrainSettings, WeakSettings, parallel};
use crate::evaluation::{EvaluationSettings, Protocol};
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
    /// A tower over means of what each user chose beside one over the items.
    TwoTower,
    /// Item factors by softmax, the user a linear map of their mean; ships as two towers.
    SoftmaxFactorization,
}

impl Model {
    /// Its name, as in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::MatrixFactorization => "matrix_factorization",
            Self::Sasrec => "sasrec",
            Self::TwoTower => "two_tower",
            Self::SoftmaxFactorization => "softmax_factorization",
        }
    }

    /// Whether it is trained by epochs that may be stopped and gone on with.
    #[must_use]
    pub fn is_network(self) -> bool {
        matches!(self, Self::Sasrec | Self::TwoTower | Self::SoftmaxFactorization)
    }
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
    /// Three steps of conjugate gradients for each row from where it was, in single precision.
    ConjugateGradients,
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

/// Settings of a training run. Seed and threads here overrule those of [`IalsSettings`],
/// [`SasrecSettings`] and [`TwoTowerSettings`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSettings {
    /// The architecture.
    pub model: Model,
    /// The factorisation.
    pub ials: IalsSettings,
    /// The transformer.
    pub sasrec: SasrecSettings,
    /// The towers.
    pub two_tower: TwoTowerSettings,
    /// The factorisation by softmax.
    pub softmax_factorization: SoftmaxSettings,
    /// How a network is trained again when there is an older one.
    #[serde(skip_serializing_if = "RetrainSettings::is_default")]
    pub retraining: RetrainSettings,
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
    /// Which items are ranked when a network is measured.
    pub protocol: Protocol,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; changes no result.
    pub threads: usize,
    /// Where networks are trained: `cpu`, or `cuda` and `cuda:N` in a build with the feature.
    pub device: DeviceChoice,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            model: Model::MatrixFactorization,
            ials: IalsSettings::default(),
            sasrec: SasrecSettings::default(),
            two_tower: TwoTowerSettings::default(),
            softmax_factorization: SoftmaxSettings::default(),
            retraining: RetrainSettings::default(),
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
            device: DeviceChoice::Cpu,
        }
    }
}

impl TrainSettings {
    /// How the run ranks; `exclude_seen` where a plan lets nobody see what was chosen before.
    #[must_use]
    pub fn evaluation(&self, exclude_seen: bool) -> EvaluationSettings {
        EvaluationSettings {
            k: self.k,
            protocol: self.protocol,
            exclude_seen,
            users_max: Some(self.users_max),
            seed: self.seed,
            threads: self.threads,
        }
    }

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

    /// The settings of the towers, or of the factorisation that ships as such, with the seed,
    /// threads and context weight of this run.
    #[must_use]
    pub fn two_tower(&self) -> TwoTowerSettings {
        let (seed, threads, context_weight) = (self.seed, self.threads, self.context_weight);
        let towers = match self.model {
            Model::SoftmaxFactorization => self.softmax_factorization.towers(),
            _ => self.two_tower.clone(),
        };
        TwoTowerSettings { seed, threads, context_weight, ..towers }
    }

    fn epochs_of_network(&self) -> Option<usize> {
        match self.model {
            Model::Sasrec => Some(self.sasrec.epochs),
            Model::TwoTower => Some(self.two_tower.epochs),
            Model::SoftmaxFactorization => Some(self.softmax_factorization.epochs),
            Model::Popularity | Model::MatrixFactorization => None,
        }
    }

    /// Whether a network is trained once more on all events for the release.
    pub(super) fn refits(&self) -> bool {
        match self.model {
            Model::Sasrec => self.sasrec.refit,
            Model::TwoTower => self.two_tower.refit,
            Model::SoftmaxFactorization => self.softmax_factorization.refit,
            Model::Popularity | Model::MatrixFactorization => true,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        self.retraining.check()?;
        if !self.model.is_network() && !self.retraining.is_default() {
            let reason = "only networks begin with other weights, or train some of theirs";
            return Err(Error::setting("retraining", reason));
        }
        if self.retraining.warm_start.is_none() && self.epochs_of_network() == Some(0) {
            return Err(Error::setting("epochs", "0 needs a warm start"));
        }
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
