//! The logistic regression that a cross network begins as.

use super::labels::RowLabel;

/// Rounds of expectation maximisation over what was looked at, each with one step of Newton.
const ROUNDS: usize = 30;
/// Weight of the squared norm of the weights, for each unit of the labels' weight: features that
/// are one another's sum then have one answer.
const RIDGE: f64 = 1e-4;
/// How far a weight moves in one round, at most.
const STEP_MAX: f64 = 2.0;

/// The weighted sum of the greatest likelihood over `which` of `rows`: a weight for each feature,
/// and the bias. Rows are in the scale of training.
pub(super) fn logistic(
    rows: &[f32],
    features: usize,
    labels: &[RowLabel],
    which: &[u32],
) -> (Vec<f64>, f64) {
    let n = features + 1;
    let total: f64 = which.iter().map(|row| f64::from(labels[*row as usize].weight)).sum();
    let mut weights = vec![0.0; n];
    let mut x = vec![1.0; n];
    for _ in 0..ROUNDS {
        let (mut gradient, mut curve) = (vec![0.0; n], vec![0.0; n * n]);
        for at in which {
            let (row, label) = (*at as usize * features, &labels[*at as usize]);
            x.iter_mut().zip(&rows[row..row + features]).for_each(|(x, v)| *x = f64::from(*v));
            let z: f64 = weights.iter().zip(&x).map(|(weight, x)| weight * x).sum();
            let s = 1.0 / (1.0 + (-z).exp());
            // That of the expected log-likelihood, which is never negative.
            let bend = label.weight_given(s) * (s * (1.0 - s)).max(1e-6);
            let slope = label.loss(z).1;
            for (i, (sum, curve)) in gradient.iter_mut().zip(curve.chunks_exact_mut(n)).enumerate()
            {
                *sum += slope * x[i];
                curve.iter_mut().zip(&x).for_each(|(curve, x_j)| *curve += bend * x[i] * x_j);
            }
        }
        for i in 0..n {
            gradient[i] += if i < features { RIDGE * total * weights[i] } else { 0.0 };
            curve[i * n + i] += RIDGE * total;
        }
        solve(&mut curve, &mut gradient);
        for (weight, step) in weights.iter_mut().zip(&gradient) {
            *weight -= step.clamp(-STEP_MAX, STEP_MAX);
        }
    }
    let bias = weights.pop().unwrap_or_default();
    (weights, bias)
}

/// Solves A x = b by elimination; `b` becomes x. A is positive definite: it has a ridge.
fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    for k in 0..n {
        for i in k + 1..n {
            let factor = a[i * n + k] / a[k * n + k];
            for j in k..n {
                a[i * n + j] -= factor * a[k * n + j];
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k * n + j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k * n + k];
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};
    use noctule_core::release::RankerKind;

    use super::super::{
        CalibrationKind, LabelledRows, NetworkSettings, RankerRun, RankerSettings, train_network,
    };
    use super::*;
    use crate::training::fairness::Treatment;
    use crate::training::{Session, TrainStep};

    /// Rows whose log-odds are a weighted sum and a product, and their labels.
    fn crossed() -> (Vec<f32>, Vec<RowLabel>) {
        let mut random = SeededRandom::new(Seed(12));
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for at in 0..4_000 {
            let (a, b) = (random.normal(), random.normal());
            let positive = random.chance(1.0 / (1.0 + (-(a - b + 2.0 * a * b)).exp()));
            let user = at / 10;
            labels.push(RowLabel { positive, weight: 1.0, examination: None, user, item: 0 });
            rows.extend([a as f32, b as f32]);
        }
        (rows, labels)
    }

    /// How far the sum at the corners of a square is from that of a plane.
    fn bend(network: NetworkSettings) -> f32 {
        let network = NetworkSettings { calibration: CalibrationKind::None, epochs: 8, ..network };
        let kind = RankerKind::DcnV2;
        let settings = RankerSettings { kind, network, ..RankerSettings::default() };
        let ((rows, labels), silent) = (crossed(), |_: TrainStep, _, _| ());
        let session = Session::of(&silent);
        let (name, seed, threads) = ("ranker", 1, 1);
        let (groups, treatment) = (None, Treatment::None);
        let run = RankerRun { session: &session, name, seed, threads, groups, treatment };
        let rows = LabelledRows { rows: &rows, features: 2, labels: &labels };
        let ranker = train_network(rows, &settings, &run).unwrap().ranker().unwrap();
        let at = ranker.score(&[1.0, 1.0, -1.0, -1.0, 1.0, -1.0, -1.0, 1.0], 2).unwrap();
        assert!(at[2] > at[3] + 0.5, "the weighted sum is there: {at:?}");
        (at[0] + at[1] - at[2] - at[3]).abs()
    }

    #[test]
    fn a_cross_network_begins_as_a_weighted_sum_and_learns_the_product_unless_it_is_shrunk() {
        let settings = NetworkSettings { learning_rate: 0.01, ..NetworkSettings::default() };
        let still = NetworkSettings { learning_rate: 1e-9, ..settings.clone() };
        assert!(bend(still) < 1e-3);
        let shrunk = NetworkSettings { shrinkage: Some(90.0), ..settings.clone() };
        assert!(bend(shrunk) < 0.5);
        assert!(bend(settings) > 4.0);
    }

    #[test]
    fn the_weights_that_made_clicks_are_found_whatever_the_position_hid() {
        let mut random = SeededRandom::new(Seed(11));
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for at in 0..60_000u32 {
            let (a, b) = (random.normal(), random.normal() + 1.0);
            let relevance = 1.0 / (1.0 + (-(1.5 * a - 0.7 * b - 0.5)).exp());
            let examination = 1.0 / f64::from(at % 4 + 1);
            let positive = random.chance(relevance * examination);
            // Clicks and skips weigh as weak labels do.
            let weight = (1.0 / examination) as f32;
            let hidden = (!positive).then_some(examination as f32);
            labels.push(RowLabel { positive, weight, examination: hidden, user: 0, item: 0 });
            rows.extend([a as f32, b as f32, 0.0]);
        }
        let all: Vec<u32> = (0..labels.len() as u32).collect();
        let (weights, bias) = logistic(&rows, 3, &labels, &all);
        // At the greatest likelihood the slopes are those of the ridge alone.
        let mut slopes = [0.0; 4];
        let mut total = 0.0;
        for (row, label) in rows.chunks_exact(3).zip(&labels) {
            let x = [f64::from(row[0]), f64::from(row[1]), f64::from(row[2]), 1.0];
            let z: f64 = weights.iter().chain([&bias]).zip(x).map(|(w, x)| w * x).sum();
            let slope = label.loss(z).1;
            slopes.iter_mut().zip(x).for_each(|(sum, x)| *sum += slope * x);
            total += f64::from(label.weight);
        }
        assert!(slopes.iter().all(|slope| (slope / total).abs() < 3e-4), "{slopes:?} of {total}");
        // And that is within four standard errors of the truth.
        for (found, expected) in weights.iter().chain([&bias]).zip([1.5, -0.7, 0.0, -0.5]) {
            assert!((found - expected).abs() < 0.12, "{weights:?} {bias}");
        }
    }

    #[test]
    fn labels_that_are_all_alike_give_finite_weights() {
        let label = RowLabel { positive: true, weight: 1.0, examination: None, user: 0, item: 0 };
        let (weights, bias) = logistic(&[1.0, 2.0, 1.0, 3.0], 2, &[label; 2], &[0, 1]);
        assert!(weights.iter().chain([&bias]).all(|value| value.is_finite()));
    }
}
