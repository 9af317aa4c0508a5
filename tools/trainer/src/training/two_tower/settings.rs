//! Hyper-parameters of the two towers.

use noctule_core::base::limits::{DIMENSIONS_MAX, HISTORY_ITEMS_MAX, LAYER_WIDTH_MAX, LAYERS_MAX};
use noctule_core::release::{Architecture, Nonlinearity, RankerDesign};
use serde::{Deserialize, Serialize};

use super::Correction;
use crate::training::neural::FitSettings;
use crate::training::parallel;
use crate::training::sasrec::Sampling;
use crate::{Error, Result};

/// Items drawn for one batch, at most.
const NEGATIVES_MAX: usize = 65_536;
/// Choices of a batch, at most; in-batch losses hold the square of it.
const BATCH_MAX: usize = 8_192;

/// What the training of the towers makes small: -ln of the share of the choice in a softmax.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TowerLoss {
    /// Over the whole catalogue.
    CrossEntropy,
    /// Over the choice and items drawn for the batch, corrected for how often each was to be
    /// expected.
    SampledSoftmax {
        /// Items drawn, with repetition.
        negatives: usize,
        /// How.
        sampling: Sampling,
    },
    /// Over the choices of the batch, which are drawn by popularity (Yi et al., RecSys 2019).
    InBatch {
        /// Correction for popularity (logQ).
        correction: Correction,
    },
}

/// Hyper-parameters of the two towers and of their training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TwoTowerSettings {
    /// Length of the vectors, 1 to 1,024.
    pub dimensions: usize,
    /// Widths of the user tower's hidden layers: at most 8, each 1 to 4,096.
    pub hidden: Vec<usize>,
    /// Widths of the item tower's hidden layers; without any, an item's vector is the sum of its
    /// own and its words'.
    pub item_hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: Nonlinearity,
    /// Whether both vectors are scaled to length 1.
    pub normalize: bool,
    /// What scores are divided by in training, above 0: small where vectors have length 1.
    pub temperature: f32,
    /// Whether the item tower reads the words of items' attributes.
    pub words: bool,
    /// Choices of a history that count, the newest, 1 to 2,000.
    pub history: usize,
    /// Factor on choices of the very context that is asked for; that of the run.
    #[serde(skip, default = "one")]
    pub context_weight: f32,
    /// Standard deviation of the first item and word vectors, above 0.
    pub initial_scale: f32,
    /// Share of values of means and hidden layers left out in training, 0 to below 1.
    pub dropout: f32,
    /// What is made small.
    pub loss: TowerLoss,
    /// Choices of a batch, 1 to 8,192.
    pub batch: usize,
    /// Step size of Adam, above 0.
    pub learning_rate: f64,
    /// Decoupled weight decay, at least 0.
    pub weight_decay: f64,
    /// Epochs, up to 100,000, at most; 0 for the weights that a warm start gives.
    pub epochs: usize,
    /// Epochs without a better validation after which training ends; 0 for all epochs.
    pub patience: usize,
    /// Users that are validated after each epoch, at most.
    pub validation_users: usize,
    /// Whether, for the release, the towers are trained once more on all events, for the epochs
    /// that were best; otherwise the release gets the towers that were measured.
    pub refit: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; they change no result.
    pub threads: usize,
}

fn one() -> f32 {
    1.0
}

impl Default for TwoTowerSettings {
    fn default() -> Self {
        Self {
            dimensions: 64,
            hidden: Vec::new(),
            item_hidden: Vec::new(),
            activation: Nonlinearity::Relu,
            normalize: true,
            temperature: 0.07,
            words: true,
            history: 500,
            context_weight: 1.0,
            initial_scale: 0.05,
            dropout: 0.2,
            loss: TowerLoss::InBatch { correction: Correction::Drawn },
            batch: 512,
            learning_rate: 2e-3,
            weight_decay: 0.0,
            epochs: 100,
            patience: 5,
            validation_users: 10_000,
            refit: true,
            seed: 1,
            threads: parallel::available(),
        }
    }
}

impl TwoTowerSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] with the first that is outside what is allowed.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("dimensions", self.dimensions, 1, DIMENSIONS_MAX),
            ("hidden", self.hidden.len(), 0, LAYERS_MAX),
            ("item_hidden", self.item_hidden.len(), 0, LAYERS_MAX),
            ("history", self.history, 1, HISTORY_ITEMS_MAX),
            ("batch", self.batch, 1, BATCH_MAX),
            ("epochs", self.epochs, 0, 100_000),
            ("validation_users", self.validation_users, 1, usize::MAX),
            ("threads", self.threads, 1, 1_024),
        ];
        let widths = self.hidden.iter().map(|width| ("hidden", *width, 1, LAYER_WIDTH_MAX));
        let others =
            self.item_hidden.iter().map(|width| ("item_hidden", *width, 1, LAYER_WIDTH_MAX));
        for (field, value, least, limit) in counts.into_iter().chain(widths).chain(others) {
            if value < least || value > limit {
                let reason = format!("{value} is not between {least} and {limit}");
                return Err(Error::setting(field, reason));
            }
        }
        let above_zero = |value: f64| value.is_finite() && value > 0.0;
        let at_least_zero = |value: f64| value.is_finite() && value >= 0.0;
        let numbers = [
            ("temperature", above_zero(self.temperature.into()), "above 0"),
            ("initial_scale", above_zero(self.initial_scale.into()), "above 0"),
            ("learning_rate", above_zero(self.learning_rate), "above 0"),
            ("dropout", (0.0..1.0).contains(&self.dropout), "at least 0 and below 1"),
            ("weight_decay", at_least_zero(self.weight_decay), "at least 0"),
            ("context_weight", at_least_zero(self.context_weight.into()), "at least 0"),
        ];
        for (field, is_allowed, what) in numbers {
            if !is_allowed {
                return Err(Error::setting(field, format!("must be {what}")));
            }
        }
        self.check_loss()
    }

    fn check_loss(&self) -> Result<()> {
        let TowerLoss::SampledSoftmax { negatives, sampling } = self.loss else { return Ok(()) };
        if negatives == 0 || negatives > NEGATIVES_MAX {
            let reason = format!("{negatives} is not between 1 and {NEGATIVES_MAX}");
            return Err(Error::setting("negatives", reason));
        }
        match sampling {
            Sampling::Popularity { exponent } if !(0.0..=1.0).contains(&exponent) => {
                Err(Error::setting("exponent", format!("{exponent} is not between 0 and 1")))
            }
            _ => Ok(()),
        }
    }

    /// The architecture of a release with such towers, whose candidates are ranked by
    /// `ranker_features`.
    #[must_use]
    pub fn architecture(&self, ranker_features: Vec<String>) -> Architecture {
        Architecture::TwoTower {
            dimensions: self.dimensions,
            hidden: self.hidden.clone(),
            activation: self.activation,
            normalize: self.normalize,
            context_weight: self.context_weight,
            ranker_features,
            ranker: RankerDesign::default(),
        }
    }

    /// When to stop and how far to step.
    #[must_use]
    pub fn fit(&self) -> FitSettings {
        FitSettings {
            epochs: self.epochs,
            patience: self.patience,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_outside_its_range_is_named() {
        assert!(TwoTowerSettings::default().check().is_ok());
        for (json, expected) in [
            (r#"{"dimensions": 0}"#, "dimensions"),
            (r#"{"hidden": [8, 0]}"#, "hidden"),
            (r#"{"item_hidden": [5000]}"#, "item_hidden"),
            (r#"{"hidden": [1, 1, 1, 1, 1, 1, 1, 1, 1]}"#, "hidden"),
            (r#"{"temperature": 0.0}"#, "temperature"),
            (r#"{"dropout": 1.0}"#, "dropout"),
            (r#"{"history": 0}"#, "history"),
            (r#"{"batch": 8193}"#, "batch"),
            (r#"{"learning_rate": 0.0}"#, "learning_rate"),
            (r#"{"weight_decay": -1.0}"#, "weight_decay"),
            (r#"{"epochs": 100001}"#, "epochs"),
            (
                r#"{"loss": {"sampled_softmax": {"negatives": 0, "sampling": "uniform"}}}"#,
                "negatives",
            ),
            (
                r#"{"loss": {"sampled_softmax": {"negatives": 9,
                "sampling": {"popularity": {"exponent": 2.0}}}}}"#,
                "exponent",
            ),
        ] {
            let settings: TwoTowerSettings = serde_json::from_str(json).unwrap();
            let error = settings.check().unwrap_err();
            assert!(matches!(error, Error::Setting { field, .. } if field == expected), "{json}");
        }
        assert!(serde_json::from_str::<TwoTowerSettings>(r#"{"layers": 2}"#).is_err());
    }

    #[test]
    fn the_architecture_is_one_that_a_release_may_have() {
        let settings = TwoTowerSettings { hidden: vec![32, 16], ..TwoTowerSettings::default() };
        settings.architecture(vec!["fold_in".into()]).validate(2).unwrap();
    }
}
