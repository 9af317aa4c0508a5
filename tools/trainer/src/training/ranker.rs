//! The ranker: a logistic regression, or a network with hidden and cross layers.
//!
//! ```text
//! examples, weak labels -> RowLabel -> train_ranker (linear)         -+-> RankerModel
//!                                  \-> train_network (mlp, dcn_v2)    -+
//!                                      RankerTask -> fit -> calibrate
//! ```

mod calibrate;
mod labels;
mod logistic;
mod model;
mod network;
mod settings;
mod task;
#[cfg(test)]
mod tests;
mod training;

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use noctule_core::model::Ranker;

pub use labels::{LabelledRows, RowLabel};
pub use model::RankerModel;
pub use network::RankerNetwork;
pub use settings::{CalibrationKind, NetworkSettings, RankerSettings};
pub use training::{
    CHECKPOINT, CHECKPOINT_TREATED, RankerRun, remove_ranker_checkpoints, train_network,
};

use crate::{Error, Result};

/// A trained ranker: log-odds = weight . row + bias.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedRanker {
    /// One weight a feature.
    pub weight: Vec<f32>,
    /// The bias.
    pub bias: f32,
    /// The loss before each step.
    pub losses: Vec<f32>,
}

impl TrainedRanker {
    /// The ranker as the device runs it.
    ///
    /// # Errors
    /// [`Error::Core`] when a weight is not finite.
    pub fn ranker(&self) -> Result<Ranker> {
        Ok(Ranker::new(self.weight.clone(), self.bias)?)
    }
}

/// Fits a logistic regression to `rows` ([m, features], row-major), `labels` (0 or 1) and
/// `weights` (at least 0): the weighted mean of the cross-entropy plus `l2` * |w|².
///
/// Features are brought to mean 0 and deviation 1 first, and the weights back to the features'
/// own scale afterwards; a feature that never varies gets the weight 0. The problem is convex and
/// begins at 0, so there is no randomness in it.
///
/// # Errors
/// [`Error::Setting`], [`Error::Data`] for shapes, labels or weights that do not fit, and
/// [`Error::Diverged`] when the loss is not finite.
pub fn train_ranker(
    rows: &[f32],
    features: usize,
    labels: &[f32],
    weights: &[f32],
    settings: &RankerSettings,
) -> Result<TrainedRanker> {
    check(rows, features, labels, weights, settings)?;
    let (mean, deviation) = moments(rows, features);
    let standard: Vec<f32> =
        rows.chunks_exact(features)
            .flat_map(|row| row.iter().zip(mean.iter().zip(&deviation)))
            .map(|(value, (mean, deviation))| {
                if *deviation > 0.0 { ((f64::from(*value) - mean) / deviation) as f32 } else { 0.0 }
            })
            .collect();
    let (weight, bias, losses) = descend(standard, features, labels, weights, settings)?;
    let scaled: Vec<f64> = weight
        .iter()
        .zip(&deviation)
        .map(
            |(weight, deviation)| {
                if *deviation > 0.0 { f64::from(*weight) / deviation } else { 0.0 }
            },
        )
        .collect();
    let shift: f64 = scaled.iter().zip(&mean).map(|(weight, mean)| weight * mean).sum();
    Ok(TrainedRanker {
        weight: scaled.iter().map(|weight| *weight as f32).collect(),
        bias: (f64::from(bias) - shift) as f32,
        losses,
    })
}

fn check(
    rows: &[f32],
    features: usize,
    labels: &[f32],
    weights: &[f32],
    settings: &RankerSettings,
) -> Result<()> {
    let m = labels.len();
    if features == 0 || m == 0 || rows.len() != m * features || weights.len() != m {
        let sizes = (rows.len(), features, m, weights.len());
        return Err(Error::data(format!(
            "values, features, labels, weights: {sizes:?} do not fit"
        )));
    }
    if rows.iter().any(|value| !value.is_finite()) {
        return Err(Error::data("a feature is not finite"));
    }
    if labels.iter().any(|label| *label != 0.0 && *label != 1.0) {
        return Err(Error::data("a label is neither 0 nor 1"));
    }
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    if weights.iter().any(|weight| weight.is_nan() || *weight < 0.0)
        || !(total > 0.0 && total.is_finite())
    {
        return Err(Error::data("weights must be at least 0, finite, and not all 0"));
    }
    settings.check_linear()
}

/// Mean and standard deviation of each feature; deviations lost in rounding are 0.
fn moments(rows: &[f32], features: usize) -> (Vec<f64>, Vec<f64>) {
    let m = (rows.len() / features) as f64;
    let column =
        |feature: usize| rows.iter().skip(feature).step_by(features).copied().map(f64::from);
    let mean: Vec<f64> = (0..features).map(|feature| column(feature).sum::<f64>() / m).collect();
    let deviation = |feature: usize| {
        let square = column(feature).map(|value| (value - mean[feature]).powi(2)).sum::<f64>() / m;
        let deviation = square.sqrt();
        if deviation > mean[feature].abs() * 1e-6 { deviation } else { 0.0 }
    };
    let deviations = (0..features).map(deviation).collect();
    (mean, deviations)
}

/// Weight, bias and losses in the scale of `rows`.
fn descend(
    rows: Vec<f32>,
    features: usize,
    labels: &[f32],
    weights: &[f32],
    settings: &RankerSettings,
) -> Result<(Vec<f32>, f32, Vec<f32>)> {
    let device = Device::Cpu;
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let share: Vec<f32> = weights.iter().map(|w| (f64::from(*w) / total) as f32).collect();
    let rows = Tensor::from_vec(rows, (labels.len(), features), &device)?;
    let labels = Tensor::new(labels, &device)?;
    let share = Tensor::new(share.as_slice(), &device)?;
    let weight = Var::zeros((features, 1), candle_core::DType::F32, &device)?;
    let bias = Var::zeros(1, candle_core::DType::F32, &device)?;
    let begin = ParamsAdamW { lr: settings.learning_rate, weight_decay: 0.0, ..Default::default() };
    let mut optimizer = AdamW::new(vec![weight.clone(), bias.clone()], begin)?;
    let mut losses = Vec::with_capacity(settings.steps);
    for step in 0..settings.steps {
        let logits = rows.matmul(&weight)?.squeeze(1)?.broadcast_add(&bias)?;
        let entropy = (cross_entropy(&logits, &labels)? * &share)?.sum_all()?;
        let loss = (entropy + (weight.sqr()?.sum_all()? * settings.l2)?)?;
        let value = loss.to_scalar::<f32>()?;
        if !value.is_finite() {
            let reason = format!("the loss is {value}");
            return Err(Error::Diverged { epoch: step + 1, reason });
        }
        losses.push(value);
        let left = 1.0 - step as f64 / settings.steps as f64;
        optimizer.set_learning_rate(settings.learning_rate * left);
        optimizer.backward_step(&loss)?;
    }
    let weight = weight.flatten_all()?.to_vec1::<f32>()?;
    let bias = bias.to_vec1::<f32>()?.first().copied().unwrap_or_default();
    Ok((weight, bias, losses))
}

/// max(z, 0) - z y + ln(1 + exp(-|z|)): the cross-entropy of log-odds z without overflow.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> candle_core::Result<Tensor> {
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    logits.relu()? - (logits * labels)? + tail
}
