//! The logistic ranker, trained with automatic differentiation.

use candle_core::{Device, Tensor, Var};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use noctule_core::model::Ranker;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Settings of the ranker's training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankerSettings {
    /// Steps over all rows at once, 1 to 100,000.
    pub steps: usize,
    /// Step size of AdamW (Loshchilov and Hutter, ICLR 2019) at the begin; falls linearly to 0.
    pub learning_rate: f64,
    /// Weight of the squared norm of the (standardised) weights in the loss.
    pub l2: f64,
}

impl Default for RankerSettings {
    fn default() -> Self {
        Self { steps: 300, learning_rate: 0.1, l2: 1e-4 }
    }
}

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
    if settings.steps == 0 || settings.steps > 100_000 {
        return Err(Error::setting("steps", "must be between 1 and 100000"));
    }
    for (field, value) in [("learning_rate", settings.learning_rate), ("l2", settings.l2)] {
        if !(value.is_finite() && value >= 0.0) {
            return Err(Error::setting(field, format!("{value} is not at least 0")));
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    /// Rows of two informative features, one far from 0, and one that never varies.
    fn sample(m: usize) -> (Vec<f32>, Vec<f32>) {
        let mut random = SeededRandom::new(Seed(3));
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..m {
            let (a, b) = (random.normal(), 500.0 + 20.0 * random.normal());
            let log_odds = 2.0 * a - 0.05 * (b - 500.0) - 1.0;
            labels.push(f32::from(u8::from(random.chance(1.0 / (1.0 + (-log_odds).exp())))));
            rows.extend([a as f32, b as f32, 7.0]);
        }
        (rows, labels)
    }

    #[test]
    fn the_weights_that_made_the_labels_are_found_in_the_features_own_scale() {
        let (rows, labels) = sample(20_000);
        let ones = vec![1.0; labels.len()];
        let settings = RankerSettings::default();
        let trained = train_ranker(&rows, 3, &labels, &ones, &settings).unwrap();
        assert!((trained.weight[0] - 2.0).abs() < 0.1, "{trained:?}");
        assert!((trained.weight[1] + 0.05).abs() < 0.005, "{trained:?}");
        assert_eq!(trained.weight[2], 0.0);
        let at_origin = trained.ranker().unwrap().score(&[0.0, 500.0, 7.0], 3).unwrap()[0];
        assert!((at_origin + 1.0).abs() < 0.1, "{at_origin}");
        assert!(trained.losses[299] < trained.losses[0]);
    }

    #[test]
    fn the_same_data_give_the_same_weights() {
        let (rows, labels) = sample(500);
        let ones = vec![1.0; labels.len()];
        let train = || train_ranker(&rows, 3, &labels, &ones, &RankerSettings::default()).unwrap();
        assert_eq!(train(), train());
    }

    #[test]
    fn the_gradient_vanishes_at_the_solution() {
        let (rows, labels) = sample(400);
        let ones = vec![1.0; labels.len()];
        let settings = RankerSettings { steps: 3_000, l2: 0.0, ..RankerSettings::default() };
        let trained = train_ranker(&rows, 3, &labels, &ones, &settings).unwrap();
        let scores = trained.ranker().unwrap().score(&rows, 3).unwrap();
        let errors = scores.iter().zip(&labels).map(|(z, y)| 1.0 / (1.0 + (-z).exp()) - y);
        let errors: Vec<f32> = errors.collect();
        let mean = errors.iter().sum::<f32>() / 400.0;
        let first = errors.iter().zip(rows.chunks_exact(3)).map(|(e, row)| e * row[0]).sum::<f32>();
        assert!(mean.abs() < 1e-4 && (first / 400.0).abs() < 1e-4, "{mean} {first}");
    }

    #[test]
    fn a_row_of_weight_two_counts_as_two_rows() {
        let (rows, labels) = sample(300);
        let mut weights = vec![1.0; 300];
        weights[7] = 2.0;
        let (mut twice, mut twice_labels) = (rows.clone(), labels.clone());
        twice.extend(&rows[21..24]);
        twice_labels.push(labels[7]);
        let settings = RankerSettings { steps: 2_000, ..RankerSettings::default() };
        let once = train_ranker(&rows, 3, &labels, &weights, &settings).unwrap();
        let doubled = train_ranker(&twice, 3, &twice_labels, &[1.0; 301], &settings).unwrap();
        assert!((once.weight[0] - doubled.weight[0]).abs() < 1e-3);
        assert!((once.bias - doubled.bias).abs() < 2e-2);
    }

    #[test]
    fn what_does_not_fit_is_a_typed_error() {
        let train = |rows: &[f32], labels: &[f32], weights: &[f32]| {
            train_ranker(rows, 1, labels, weights, &RankerSettings::default())
        };
        let cases: [(&[f32], &[f32], &[f32]); 6] = [
            (&[], &[], &[]),
            (&[1.0], &[1.0, 0.0], &[1.0, 1.0]),
            (&[f32::NAN], &[1.0], &[1.0]),
            (&[1.0], &[0.5], &[1.0]),
            (&[1.0], &[1.0], &[0.0]),
            (&[1.0], &[1.0], &[f32::NAN]),
        ];
        for (rows, labels, weights) in cases {
            assert!(matches!(train(rows, labels, weights), Err(Error::Data { .. })));
        }
        let settings = RankerSettings { steps: 0, ..RankerSettings::default() };
        let error = train_ranker(&[1.0], 1, &[1.0], &[1.0], &settings).unwrap_err();
        assert!(matches!(error, Error::Setting { field: "steps", .. }));
    }
}
