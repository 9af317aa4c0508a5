//! Hyper-parameters of SASRec.

use noctule_core::base::limits::{BLOCKS_MAX, DIMENSIONS_MAX, LAYER_WIDTH_MAX, POSITIONS_MAX};
use noctule_core::release::{Architecture, Nonlinearity, RankerDesign};
use serde::{Deserialize, Serialize};

use super::{Loss, Sampling};
use crate::training::neural::FitSettings;
use crate::training::parallel;
use crate::{Error, Result};

/// Added to a variance before its root is taken.
const NORM_EPSILON: f32 = 1e-5;
/// Items drawn for one row or one batch, at most.
const NEGATIVES_MAX: usize = 65_536;

/// Hyper-parameters of SASRec and of its training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SasrecSettings {
    /// Length of the vectors, 1 to 1,024.
    pub dimensions: usize,
    /// Blocks, 1 to 16.
    pub blocks: usize,
    /// Heads of attention; they divide the dimensions.
    pub heads: usize,
    /// Items of a history that count, the newest, 1 to 2,000.
    pub positions: usize,
    /// Width between the two layers of a feed-forward part, up to 4,096; 0 for the dimensions.
    pub feed_forward: usize,
    /// Between those layers.
    pub activation: Nonlinearity,
    /// Whether to normalise in front of each part, or behind its sum.
    pub norm_first: bool,
    /// Whether item vectors are multiplied by the root of the dimensions on the way in.
    pub scale_embedding: bool,
    /// Standard deviation of the first item and position vectors, above 0.
    pub initial_scale: f32,
    /// Share of values left out in training, 0 to below 1.
    pub dropout: f32,
    /// What is made small.
    pub loss: Loss,
    /// Users of a batch, at least 1.
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
    /// Whether, for the release, the network is trained once more on all events, for the epochs
    /// that were best; otherwise the release gets the network that was measured.
    pub refit: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; they change no result.
    pub threads: usize,
}

impl Default for SasrecSettings {
    fn default() -> Self {
        Self {
            dimensions: 64,
            blocks: 2,
            heads: 1,
            positions: 50,
            feed_forward: 0,
            activation: Nonlinearity::Relu,
            norm_first: true,
            scale_embedding: true,
            initial_scale: 0.02,
            dropout: 0.3,
            loss: Loss::CrossEntropy,
            batch: 128,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            epochs: 200,
            patience: 10,
            validation_users: 10_000,
            refit: true,
            seed: 1,
            threads: parallel::available(),
        }
    }
}

impl SasrecSettings {
    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Setting`] with the first that is outside what is allowed.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("dimensions", self.dimensions, 1, DIMENSIONS_MAX),
            ("blocks", self.blocks, 1, BLOCKS_MAX),
            ("heads", self.heads, 1, self.dimensions),
            ("positions", self.positions, 1, POSITIONS_MAX),
            ("feed_forward", self.feed_forward, 0, LAYER_WIDTH_MAX),
            ("batch", self.batch, 1, 1 << 20),
            ("epochs", self.epochs, 0, 100_000),
            ("validation_users", self.validation_users, 1, usize::MAX),
            ("threads", self.threads, 1, 1_024),
        ];
        for (field, value, least, limit) in counts {
            if value < least || value > limit {
                let reason = format!("{value} is not between {least} and {limit}");
                return Err(Error::setting(field, reason));
            }
        }
        if !self.dimensions.is_multiple_of(self.heads) {
            let reason = format!("{} do not divide {} dimensions", self.heads, self.dimensions);
            return Err(Error::setting("heads", reason));
        }
        let above_zero = |value: f64| value.is_finite() && value > 0.0;
        let numbers = [
            ("initial_scale", above_zero(self.initial_scale.into()), "above 0"),
            ("learning_rate", above_zero(self.learning_rate), "above 0"),
            ("dropout", (0.0..1.0).contains(&self.dropout), "at least 0 and below 1"),
            (
                "weight_decay",
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "at least 0",
            ),
        ];
        for (field, is_allowed, what) in numbers {
            if !is_allowed {
                return Err(Error::setting(field, format!("must be {what}")));
            }
        }
        self.check_loss()
    }

    fn check_loss(&self) -> Result<()> {
        let (negatives, share) = match self.loss {
            Loss::CrossEntropy | Loss::Bce => return Ok(()),
            Loss::SampledSoftmax { negatives, sampling } => match sampling {
                Sampling::Uniform => (negatives, None),
                Sampling::Popularity { exponent } => (negatives, Some(("exponent", exponent))),
            },
            Loss::Gbce { negatives, t } => (negatives, Some(("t", t))),
        };
        if negatives == 0 || negatives > NEGATIVES_MAX {
            let reason = format!("{negatives} is not between 1 and {NEGATIVES_MAX}");
            return Err(Error::setting("negatives", reason));
        }
        match share {
            Some((field, value)) if !(0.0..=1.0).contains(&value) => {
                Err(Error::setting(field, format!("{value} is not between 0 and 1")))
            }
            _ => Ok(()),
        }
    }

    /// The architecture of a release with such a network, whose candidates are ranked by
    /// `ranker_features`.
    #[must_use]
    pub fn architecture(&self, ranker_features: Vec<String>) -> Architecture {
        Architecture::Sasrec {
            dimensions: self.dimensions,
            blocks: self.blocks,
            heads: self.heads,
            positions: self.positions,
            feed_forward: if self.feed_forward == 0 { self.dimensions } else { self.feed_forward },
            activation: self.activation,
            norm_first: self.norm_first,
            final_norm: true,
            norm_epsilon: NORM_EPSILON,
            scale_embedding: self.scale_embedding,
            newest_last: true,
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
        assert!(SasrecSettings::default().check().is_ok());
        for (json, expected) in [
            (r#"{"dimensions": 0}"#, "dimensions"),
            (r#"{"heads": 3}"#, "heads"),
            (r#"{"positions": 2001}"#, "positions"),
            (r#"{"dropout": 1.0}"#, "dropout"),
            (r#"{"learning_rate": 0.0}"#, "learning_rate"),
            (r#"{"weight_decay": -1.0}"#, "weight_decay"),
            (r#"{"epochs": 100001}"#, "epochs"),
            (r#"{"loss": {"gbce": {"negatives": 0, "t": 0.5}}}"#, "negatives"),
            (r#"{"loss": {"gbce": {"negatives": 4, "t": 1.5}}}"#, "t"),
            (
                r#"{"loss": {"sampled_softmax": {"negatives": 9,
                "sampling": {"popularity": {"exponent": 2.0}}}}}"#,
                "exponent",
            ),
        ] {
            let settings: SasrecSettings = serde_json::from_str(json).unwrap();
            let error = settings.check().unwrap_err();
            assert!(matches!(error, Error::Setting { field, .. } if field == expected), "{json}");
        }
        assert!(serde_json::from_str::<SasrecSettings>(r#"{"layers": 2}"#).is_err());
    }

    #[test]
    fn the_architecture_is_one_that_a_release_may_have() {
        let settings = SasrecSettings { heads: 2, feed_forward: 0, ..SasrecSettings::default() };
        settings.architecture(vec!["fold_in".into()]).validate(2).unwrap();
    }
}
