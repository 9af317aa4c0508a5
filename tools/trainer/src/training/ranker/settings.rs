//! Settings of the ranker.

use noctule_core::release::{Nonlinearity, RankerDesign, RankerKind, Structure};
use serde::{Deserialize, Serialize};

use crate::training::neural::FitSettings;
use crate::{Error, Result};

/// Settings of the ranker's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankerSettings {
    /// What kind of function it is.
    pub kind: RankerKind,
    /// Of a linear ranker: steps over all rows at once, 1 to 100,000.
    pub steps: usize,
    /// Of a linear ranker: step size of AdamW (Loshchilov and Hutter, ICLR 2019) at the begin;
    /// falls linearly to 0.
    pub learning_rate: f64,
    /// Of a linear ranker: weight of the squared norm of the (standardised) weights in the loss.
    pub l2: f64,
    /// Of the other kinds.
    pub network: NetworkSettings,
}

impl Default for RankerSettings {
    fn default() -> Self {
        Self {
            kind: RankerKind::Linear,
            steps: 300,
            learning_rate: 0.1,
            l2: 1e-4,
            network: NetworkSettings::default(),
        }
    }
}

/// How a network's sum becomes the log-odds of a choice; fitted to what is held out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationKind {
    /// It is taken for them.
    None,
    /// By a rising line (Platt, 1999).
    #[default]
    Platt,
    /// By that line and a rising table (Zadrozny and Elkan, KDD 2002).
    Isotonic,
}

/// Hyper-parameters of the kinds `mlp` and `dcn_v2`, and of their training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Widths of the hidden layers, up to 8 of 1 to 4,096; a `dcn_v2` may have none.
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: Nonlinearity,
    /// Cross layers of a `dcn_v2`, 1 to 8.
    pub cross_layers: usize,
    /// Rank of their weights, 0 for full ones.
    pub rank: usize,
    /// How the hidden layers of a `dcn_v2` stand to its cross layers.
    pub structure: Structure,
    /// Share of the hidden values left out in training, 0 to below 1.
    pub dropout: f32,
    /// Rows of a batch, at least 1.
    pub batch: usize,
    /// Step size of Adam, above 0.
    pub learning_rate: f64,
    /// Decoupled weight decay, at least 0.
    pub weight_decay: f64,
    /// That of the hidden and cross layers where they have one of their own: what these add to a
    /// weighted sum stays small unless the rows ask for it. No weight grows beyond 1 / `shrinkage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrinkage: Option<f64>,
    /// Whether a `dcn_v2` whose final sum reads its cross layers begins as the logistic regression
    /// over the rows, and so says the same of what was never shown until the rows ask for more.
    pub linear_start: bool,
    /// Epochs, 1 to 100,000, at most.
    pub epochs: usize,
    /// Epochs without a better validation after which training ends; 0 for all epochs.
    pub patience: usize,
    /// Share of the users (of the installations, for feedback) whose rows are held out for
    /// validation and calibration, 0 to below 1.
    pub validation_share: f64,
    /// Whether the loss of a batch is divided by the weights of its own rows (self-normalised,
    /// Swaminathan and Joachims, NIPS 2015) or by what a batch weighs on average.
    pub self_normalised: bool,
    /// How its sum becomes log-odds.
    pub calibration: CalibrationKind,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            // A row has a handful of features; wider layers follow chance where nothing was shown.
            hidden: vec![8],
            activation: Nonlinearity::Relu,
            cross_layers: 2,
            rank: 0,
            structure: Structure::Parallel,
            dropout: 0.0,
            batch: 512,
            learning_rate: 3e-3,
            weight_decay: 1e-3,
            shrinkage: None,
            linear_start: true,
            epochs: 60,
            patience: 6,
            validation_share: 0.1,
            self_normalised: true,
            calibration: CalibrationKind::Platt,
        }
    }
}

impl RankerSettings {
    /// The design of an uncalibrated ranker of this kind.
    #[must_use]
    pub fn design(&self) -> RankerDesign {
        let NetworkSettings { hidden, activation, cross_layers, rank, structure, .. } =
            self.network.clone();
        let (kind, calibration) = (self.kind, noctule_core::release::Calibration::default());
        match kind {
            RankerKind::Linear => RankerDesign::default(),
            RankerKind::Mlp => {
                RankerDesign { kind, hidden, activation, calibration, ..RankerDesign::default() }
            }
            RankerKind::DcnV2 => RankerDesign {
                kind,
                hidden,
                activation,
                cross_layers,
                rank,
                structure,
                calibration,
            },
        }
    }

    /// Checks every setting of the kind.
    ///
    /// # Errors
    /// [`Error::Setting`] with the first that is outside what is allowed.
    pub fn check(&self) -> Result<()> {
        if self.kind == RankerKind::Linear { self.check_linear() } else { self.network.check(self) }
    }

    pub(super) fn check_linear(&self) -> Result<()> {
        if self.steps == 0 || self.steps > 100_000 {
            return Err(Error::setting("steps", "must be between 1 and 100000"));
        }
        for (field, value) in [("learning_rate", self.learning_rate), ("l2", self.l2)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(field, format!("{value} is not at least 0")));
            }
        }
        Ok(())
    }
}

impl NetworkSettings {
    fn check(&self, ranker: &RankerSettings) -> Result<()> {
        let counts = [("batch", self.batch, 1 << 20), ("epochs", self.epochs, 100_000)];
        for (field, value, limit) in counts {
            if value == 0 || value > limit {
                return Err(Error::setting(field, format!("{value} is not between 1 and {limit}")));
            }
        }
        let share = 0.0..1.0;
        let numbers = [
            ("dropout", share.contains(&f64::from(self.dropout)), "at least 0 and below 1"),
            ("validation_share", share.contains(&self.validation_share), "at least 0 and below 1"),
            (
                "learning_rate",
                self.learning_rate.is_finite() && self.learning_rate > 0.0,
                "above 0",
            ),
            (
                "weight_decay",
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "at least 0",
            ),
            (
                "shrinkage",
                self.shrinkage.is_none_or(|decay| decay.is_finite() && decay >= 0.0),
                "at least 0",
            ),
        ];
        for (field, is_allowed, what) in numbers {
            if !is_allowed {
                return Err(Error::setting(field, format!("must be {what}")));
            }
        }
        let architecture = super::network::architecture(&ranker.design(), 1);
        architecture.validate(0).map_err(|refusal| Error::setting("ranker", refusal.to_string()))
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
        for (json, expected) in [
            (r#"{"steps": 0}"#, "steps"),
            (r#"{"l2": -1.0}"#, "l2"),
            (r#"{"kind": "mlp", "network": {"batch": 0}}"#, "batch"),
            (r#"{"kind": "mlp", "network": {"epochs": 100001}}"#, "epochs"),
            (r#"{"kind": "mlp", "network": {"dropout": 1.0}}"#, "dropout"),
            (r#"{"kind": "mlp", "network": {"validation_share": 1.0}}"#, "validation_share"),
            (r#"{"kind": "mlp", "network": {"learning_rate": 0.0}}"#, "learning_rate"),
            (r#"{"kind": "mlp", "network": {"weight_decay": -1.0}}"#, "weight_decay"),
            (r#"{"kind": "mlp", "network": {"shrinkage": -1.0}}"#, "shrinkage"),
            (r#"{"kind": "mlp", "network": {"hidden": []}}"#, "ranker"),
            (r#"{"kind": "mlp", "network": {"hidden": [0]}}"#, "ranker"),
            (r#"{"kind": "dcn_v2", "network": {"cross_layers": 9}}"#, "ranker"),
        ] {
            let settings: RankerSettings = serde_json::from_str(json).unwrap();
            let error = settings.check().unwrap_err();
            assert!(matches!(error, Error::Setting { field, .. } if field == expected), "{json}");
        }
        assert!(serde_json::from_str::<RankerSettings>(r#"{"depth": 2}"#).is_err());
    }

    #[test]
    fn the_defaults_of_every_kind_are_allowed() {
        for kind in [RankerKind::Linear, RankerKind::Mlp, RankerKind::DcnV2] {
            RankerSettings { kind, ..RankerSettings::default() }.check().unwrap();
        }
    }
}
