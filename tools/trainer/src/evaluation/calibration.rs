//! Whether what is said to happen with probability p happens in so many cases.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Predictions of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower end of the probabilities, inclusive.
    pub from: f64,
    /// Upper end, exclusive but for 1.
    pub to: f64,
    /// Sum of the weights of the predictions.
    pub weight: f64,
    /// Mean of the predicted probabilities; 0 in an empty bin.
    pub predicted: f64,
    /// Share of what happened; 0 in an empty bin.
    pub happened: f64,
}

/// Calibration of predicted probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error: mean of |predicted - happened| over the bins, by weight (Naeini
    /// et al., AAAI 2015).
    pub error: f64,
    /// Largest difference of a bin that holds anything.
    pub largest: f64,
    /// Brier score: mean squared difference of probability and outcome.
    pub brier: f64,
    /// Predictions.
    pub predictions: usize,
    /// Bins of equal width.
    pub bins: Vec<ReliabilityBin>,
}

/// Bins `probabilities` of outcomes (`happened`) into `bins` of equal width, each with its weight.
///
/// # Errors
/// [`Error::Data`] when the three are not of one length, at least 1, or a probability is not
/// between 0 and 1, or a weight is not above 0; [`Error::Setting`] for no bin or more than 1,000.
pub fn calibration(
    probabilities: &[f64],
    happened: &[bool],
    weights: &[f64],
    bins: usize,
) -> Result<Calibration> {
    let n = probabilities.len();
    if n == 0 || happened.len() != n || weights.len() != n {
        let lengths = [n, happened.len(), weights.len()];
        return Err(Error::data(format!("{lengths:?} probabilities, outcomes and weights")));
    }
    if bins == 0 || bins > 1_000 {
        return Err(Error::setting("bins", format!("{bins} is not between 1 and 1,000")));
    }
    if let Some(wrong) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::data(format!("{wrong} is not a probability")));
    }
    if let Some(wrong) = weights.iter().find(|w| !(**w > 0.0 && w.is_finite())) {
        return Err(Error::data(format!("{wrong} is not a weight")));
    }
    let mut sums = vec![[0.0f64; 3]; bins];
    let (mut brier, mut total) = (0.0, 0.0);
    for ((p, happened), weight) in probabilities.iter().zip(happened).zip(weights) {
        let outcome = f64::from(u8::from(*happened));
        let bin = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        bin[0] += weight;
        bin[1] += weight * p;
        bin[2] += weight * outcome;
        brier += weight * (p - outcome).powi(2);
        total += weight;
    }
    let width = 1.0 / bins as f64;
    let bin = |(index, [weight, predicted, happened]): (usize, &[f64; 3])| {
        let mean = |sum: f64| if *weight > 0.0 { sum / weight } else { 0.0 };
        ReliabilityBin {
            from: index as f64 * width,
            to: (index + 1) as f64 * width,
            weight: *weight,
            predicted: mean(*predicted),
            happened: mean(*happened),
        }
    };
    let bins: Vec<ReliabilityBin> = sums.iter().enumerate().map(bin).collect();
    let gap = |bin: &ReliabilityBin| (bin.predicted - bin.happened).abs();
    Ok(Calibration {
        error: bins.iter().map(|bin| bin.weight * gap(bin)).sum::<f64>() / total,
        largest: bins.iter().map(gap).fold(0.0, f64::max),
        brier: brier / total,
        predictions: n,
        bins,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_set_by_hand() {
        let found =
            calibration(&[0.1, 0.3, 1.0, 0.9], &[false, true, true, false], &[1.0; 4], 2).unwrap();
        let (low, high) = (found.bins[0], found.bins[1]);
        assert!((low.predicted - 0.2).abs() < 1e-12 && low.happened == 0.5);
        assert!((high.predicted - 0.95).abs() < 1e-12 && high.happened == 0.5);
        assert!((found.error - (0.5 * 0.3 + 0.5 * 0.45)).abs() < 1e-12);
        assert!((found.largest - 0.45).abs() < 1e-12);
        assert!((found.brier - (0.01 + 0.49 + 0.0 + 0.81) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_weight_counts_as_so_many_cases() {
        let weighted = calibration(&[0.2, 0.2], &[true, false], &[1.0, 4.0], 10).unwrap();
        assert!(weighted.error < 1e-12);
        assert_eq!(weighted.bins[0].weight, 0.0);
    }

    #[test]
    fn what_is_no_probability_is_refused() {
        for (p, weight) in [(1.5, 1.0), (f64::NAN, 1.0), (0.5, 0.0), (0.5, f64::INFINITY)] {
            assert!(calibration(&[p], &[true], &[weight], 10).is_err());
        }
        assert!(calibration(&[], &[], &[], 10).is_err());
        assert!(calibration(&[0.5], &[true], &[1.0], 0).is_err());
    }
}
