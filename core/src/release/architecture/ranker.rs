//! How a ranker is built, as the manifest says it.

use serde::{Deserialize, Deserializer, Serialize};

use crate::base::json;
use crate::base::limits::LAYERS_MAX;

/// What a hidden layer does to its sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nonlinearity {
    /// max(x, 0).
    #[default]
    Relu,
    /// x times the normal distribution function of x (Hendrycks and Gimpel, 2016), by erf.
    Gelu,
}

/// What kind of function a ranker is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankerKind {
    /// A weighted sum of the features.
    #[default]
    Linear,
    /// Hidden layers, then a weighted sum.
    Mlp,
    /// Deep and Cross Network, version 2 (Wang et al., WWW 2021).
    DcnV2,
}

/// How the deep part of a cross network stands to its cross layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Both read the features; the weighted sum reads the two side by side, cross layers first.
    #[default]
    Parallel,
    /// The deep part reads what the cross layers give.
    Stacked,
}

/// How the sum of a ranker becomes the log-odds of a choice: `slope * sum + intercept` (Platt,
/// 1999), then the table where there is one. Rising, so that it never changes an order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calibration {
    /// Above 0; 1 over a temperature.
    pub slope: f32,
    /// What is added.
    pub intercept: f32,
    /// Points of the table `ranker.calibration`, 0 for none.
    pub points: usize,
}

impl Default for Calibration {
    /// Changes nothing.
    fn default() -> Self {
        Self { slope: 1.0, intercept: 0.0, points: 0 }
    }
}

/// How a ranker is built; the default is a weighted sum without calibration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RankerDesign {
    /// What kind of function it is.
    pub kind: RankerKind,
    /// Widths of the hidden layers, the first to read the features first.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "layers")]
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    #[serde(skip_serializing_if = "is_default")]
    pub activation: Nonlinearity,
    /// Number of cross layers; of a cross network only.
    #[serde(skip_serializing_if = "is_default")]
    pub cross_layers: usize,
    /// Rank of the cross layers' weights, 0 for full ones.
    #[serde(skip_serializing_if = "is_default")]
    pub rank: usize,
    /// Of a cross network with hidden layers.
    #[serde(skip_serializing_if = "is_default")]
    pub structure: Structure,
    /// How its sum becomes log-odds.
    #[serde(skip_serializing_if = "is_default")]
    pub calibration: Calibration,
}

impl RankerDesign {
    /// Whether this is the weighted sum that a manifest without a design means.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Values that the final weighted sum reads, for rows of `width` features.
    #[must_use]
    pub fn last_width(&self, width: usize) -> usize {
        match (self.kind, self.hidden.last()) {
            (RankerKind::Linear, _) | (_, None) => width,
            (RankerKind::DcnV2, Some(last)) if self.structure == Structure::Parallel => {
                width + last
            }
            (_, Some(last)) => *last,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Widths of layers: one more than there may be is kept, so that too many are seen.
pub(super) fn layers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<usize>, D::Error> {
    json::up_to::<LAYERS_MAX, _, _>(from)
}
