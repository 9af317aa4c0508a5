//! Means with intervals that bootstrap resampling of users gives.

use noctule_core::base::{Seed, SeededRandom};
use serde::{Deserialize, Serialize};

use crate::training::parallel;
use crate::{Error, Result};

/// How intervals are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BootstrapSettings {
    /// How often the users are drawn anew, 20 to 1,000,000.
    pub resamples: usize,
    /// Probability with which an interval holds the truth, between 0 and 1.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
    /// Threads; changes no result.
    pub threads: usize,
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self { resamples: 1_000, confidence: 0.95, seed: 1, threads: parallel::available() }
    }
}

impl BootstrapSettings {
    pub(super) fn check(&self) -> Result<()> {
        if !(20..=1_000_000).contains(&self.resamples) {
            let reason = format!("{} is not between 20 and 1,000,000", self.resamples);
            return Err(Error::setting("resamples", reason));
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            let reason = format!("{} is not between 0 and 1", self.confidence);
            return Err(Error::setting("confidence", reason));
        }
        Ok(())
    }
}

/// A mean and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Users that it is the mean of.
    pub users: usize,
}

/// The mean of each column of `rows` over the rows that have it, with the percentile interval of
/// the bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13): rows
/// are drawn with repetition, all columns of a row together. None for a column that no row has.
///
/// # Errors
/// [`Error::Setting`] for settings out of range.
pub fn bootstrap_means<const N: usize>(
    rows: &[[Option<f64>; N]],
    settings: &BootstrapSettings,
) -> Result<[Option<Estimate>; N]> {
    settings.check()?;
    let means = |indices: &mut dyn Iterator<Item = usize>| {
        let (mut sums, mut counts) = ([0.0; N], [0usize; N]);
        for index in indices {
            for (column, value) in rows[index].iter().enumerate() {
                if let Some(value) = value {
                    sums[column] += value;
                    counts[column] += 1;
                }
            }
        }
        let mean =
            |column: usize| (counts[column] > 0).then(|| sums[column] / counts[column] as f64);
        (std::array::from_fn::<_, N, _>(mean), counts)
    };
    let (values, users) = means(&mut (0..rows.len()));
    let draws = parallel::map(0..settings.resamples, settings.threads, |resample| {
        let purpose = ["bootstrap", &resample.to_string()];
        let mut random = SeededRandom::new(Seed(settings.seed).derive(&purpose));
        Ok(means(&mut (0..rows.len()).map(|_| random.below(rows.len()))).0)
    })?;
    Ok(std::array::from_fn(|column| {
        let value = values[column]?;
        let mut drawn: Vec<f64> = draws.iter().filter_map(|means| means[column]).collect();
        let (low, high) = interval(&mut drawn, settings.confidence)?;
        Some(Estimate { value, low, high, users: users[column] })
    }))
}

/// The ends between which the middle share `confidence` of `drawn` lies, interpolated.
pub(crate) fn interval(drawn: &mut [f64], confidence: f64) -> Option<(f64, f64)> {
    drawn.sort_by(f64::total_cmp);
    let last = drawn.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let below = drawn[place.floor() as usize];
        below + (drawn[place.ceil() as usize] - below) * place.fract()
    };
    let tail = (1.0 - confidence) / 2.0;
    Some((at(tail), at(1.0 - tail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_that_of_the_binomial() {
        let rows: Vec<[Option<f64>; 1]> =
            (0..1_000).map(|i| [Some(f64::from(i % 5 == 0))]).collect();
        let settings = BootstrapSettings { resamples: 4_000, ..BootstrapSettings::default() };
        let [Some(found)] = bootstrap_means(&rows, &settings).unwrap() else { panic!() };
        let half = 1.96 * (0.2f64 * 0.8 / 1_000.0).sqrt();
        assert!((found.value - 0.2).abs() < 1e-12);
        assert!((found.high - found.value - half).abs() < 0.002, "{found:?}");
        assert!((found.value - found.low - half).abs() < 0.002, "{found:?}");
    }

    #[test]
    fn threads_change_nothing_and_missing_values_are_left_out() {
        let rows: Vec<[Option<f64>; 2]> =
            (0..50).map(|i| [Some(f64::from(i)), (i < 2).then_some(1.0)]).collect();
        let of = |threads| {
            bootstrap_means(&rows, &BootstrapSettings { threads, ..BootstrapSettings::default() })
        };
        assert_eq!(of(1).unwrap(), of(3).unwrap());
        assert_eq!(of(1).unwrap()[1].unwrap().users, 2);
        let none: [Option<Estimate>; 1] =
            bootstrap_means(&[[None]], &BootstrapSettings::default()).unwrap();
        assert_eq!(none, [None]);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for (resamples, confidence) in [(5, 0.95), (100, 1.0), (100, f64::NAN)] {
            let settings =
                BootstrapSettings { resamples, confidence, ..BootstrapSettings::default() };
            let result = bootstrap_means(&[[Some(1.0)]], &settings);
            assert!(matches!(result, Err(Error::Setting { .. })));
        }
    }
}
