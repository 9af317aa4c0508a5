//! Whether one run is better than another for the same users, or only luckier.

use noctule_core::base::{Seed, SeededRandom};
use serde::{Deserialize, Serialize};

use super::bootstrap::{BootstrapSettings, Estimate, bootstrap_means};
use crate::training::parallel;
use crate::{Error, Result};

/// Up to so many differences that are not zero, all their signs are tried.
const EXACT_MAX: usize = 16;

/// A two-sided test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// What the test looks at.
    pub statistic: f64,
    /// Probability of a statistic at least as extreme if the two are alike.
    pub p: f64,
}

/// Two runs compared by one measure, user by user.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedComparison {
    /// Mean of the first minus the second with its bootstrap interval.
    pub difference: Estimate,
    /// Share of the users for whom the first is better.
    pub wins: f64,
    /// Share of the users for whom the second is better.
    pub losses: f64,
    /// Fisher's randomisation test of the mean difference ([`randomisation`]).
    pub randomisation: Test,
    /// Wilcoxon's signed-rank test ([`wilcoxon`]); none where no user differs.
    pub wilcoxon: Option<Test>,
}

/// Compares `first` with `second`, values of the same users in the same order. As many sign flips
/// are drawn as ten times the resamples of the bootstrap.
///
/// # Errors
/// [`Error::Data`] when the two are not of the same number of users, at least one, or hold a value
/// that is not finite; [`Error::Setting`].
pub fn compare(
    first: &[f64],
    second: &[f64],
    settings: &BootstrapSettings,
) -> Result<PairedComparison> {
    if first.len() != second.len() || first.is_empty() {
        let reason = format!("{} and {} users cannot be paired", first.len(), second.len());
        return Err(Error::data(reason));
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    if differences.iter().any(|difference| !difference.is_finite()) {
        return Err(Error::data("a value that is not finite cannot be compared"));
    }
    let rows: Vec<[Option<f64>; 1]> = differences.iter().map(|value| [Some(*value)]).collect();
    let [difference] = bootstrap_means(&rows, settings)?;
    let Some(difference) = difference else { return Err(Error::data("there is no user")) };
    let share = |wanted: &dyn Fn(&f64) -> bool| {
        differences.iter().filter(|difference| wanted(difference)).count() as f64
            / differences.len() as f64
    };
    Ok(PairedComparison {
        difference,
        wins: share(&|difference| *difference > 0.0),
        losses: share(&|difference| *difference < 0.0),
        randomisation: randomisation(&differences, settings)?,
        wilcoxon: wilcoxon(&differences),
    })
}

/// Fisher's randomisation test for pairs (Smucker, Allan and Carterette, CIKM 2007): if the two are
/// alike, each difference could as well have the other sign. The statistic is the mean difference;
/// p is the share of sign patterns whose mean is at least as far from zero. Up to 16 differences
/// that are not zero all patterns are counted, beyond that ten times `resamples` are drawn and the
/// observed one counts as one of them.
///
/// # Errors
/// [`Error::Setting`] for settings out of range.
pub fn randomisation(differences: &[f64], settings: &BootstrapSettings) -> Result<Test> {
    settings.check()?;
    let values: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    let observed: f64 = values.iter().sum();
    // Sums in another order differ in their last bits.
    let least = observed.abs() * (1.0 - 1e-12);
    let n = values.len();
    let statistic = observed / differences.len().max(1) as f64;
    if n <= EXACT_MAX {
        let far = (0u64..1 << n).filter(|signs| flipped(&values, *signs).abs() >= least).count();
        return Ok(Test { statistic, p: far as f64 / (1u64 << n) as f64 });
    }
    let draws = settings.resamples * 10;
    let far = parallel::map(0..draws, settings.threads, |draw| {
        let purpose = ["randomisation", &draw.to_string()];
        let mut random = SeededRandom::new(Seed(settings.seed).derive(&purpose));
        let sum: f64 = values.chunks(64).map(|values| flipped(values, random.next_u64())).sum();
        Ok(u64::from(sum.abs() >= least))
    })?;
    let p = (far.iter().sum::<u64>() + 1) as f64 / (draws + 1) as f64;
    Ok(Test { statistic, p })
}

/// The sum of at most 64 values, each negated where its bit of `signs` is set.
fn flipped(values: &[f64], signs: u64) -> f64 {
    let sign = |index: usize| if signs >> index & 1 == 1 { -1.0 } else { 1.0 };
    values.iter().enumerate().map(|(index, value)| sign(index) * value).sum()
}

/// Wilcoxon's signed-rank test (1945): differences of zero are left out, equal ones get their mean
/// rank, and p follows from the normal approximation with the correction for ties and none for
/// continuity, as SciPy's `wilcoxon(method="asymptotic")`. The statistic is the smaller of the two
/// sums of ranks. None when all differences are zero.
#[must_use]
pub fn wilcoxon(differences: &[f64]) -> Option<Test> {
    let mut values: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    values.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = values.len() as f64;
    let (mut positive, mut ties, mut before) = (0.0, 0.0, 0usize);
    for equal in values.chunk_by(|a, b| a.abs() == b.abs()) {
        let t = equal.len() as f64;
        let rank = before as f64 + (t + 1.0) / 2.0;
        positive += rank * equal.iter().filter(|value| **value > 0.0).count() as f64;
        ties += t * t * t - t;
        before += equal.len();
    }
    let total = n * (n + 1.0) / 2.0;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    if variance <= 0.0 {
        return None;
    }
    let z = (positive - total / 2.0) / variance.sqrt();
    let p = libm::erfc(z.abs() / std::f64::consts::SQRT_2);
    Some(Test { statistic: positive.min(total - positive), p })
}

/// P values of several tests at once, so adjusted that the chance of any false alarm stays below
/// the level (Holm, 1979); in the order of `values`.
#[must_use]
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut adjusted, mut least) = (vec![0.0; values.len()], 0.0f64);
    for (rank, index) in order.iter().enumerate() {
        least = least.max((values[*index] * (values.len() - rank) as f64).min(1.0));
        adjusted[*index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings() -> BootstrapSettings {
        BootstrapSettings { threads: 2, ..BootstrapSettings::default() }
    }

    #[test]
    fn all_signs_are_counted_for_few_users() {
        // Of eight sign patterns of 1, 2, 3 two reach 6.
        let found = randomisation(&[1.0, 2.0, 0.0, 3.0], &settings()).unwrap();
        assert_eq!((found.statistic, found.p), (1.5, 0.25));
        assert_eq!(randomisation(&[0.0, 0.0], &settings()).unwrap().p, 1.0);
    }

    #[test]
    fn a_clear_difference_is_found_and_noise_is_not() {
        let mut random = SeededRandom::new(Seed(3));
        let noise: Vec<f64> = (0..500).map(|_| random.normal()).collect();
        let other: Vec<f64> = (0..500).map(|_| random.normal()).collect();
        let better: Vec<f64> = other.iter().map(|value| value + 0.5).collect();
        let same = compare(&noise, &other, &settings()).unwrap();
        assert!(same.randomisation.p > 0.05 && same.wilcoxon.unwrap().p > 0.05, "{same:?}");
        let found = compare(&better, &noise, &settings()).unwrap();
        assert!(found.randomisation.p < 0.001 && found.difference.low > 0.0, "{found:?}");
    }

    #[test]
    fn holm_by_hand() {
        let found = holm(&[0.04, 0.01, 0.03]);
        for (found, expected) in found.iter().zip([0.06, 0.03, 0.06]) {
            assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn what_cannot_be_paired_is_refused() {
        assert!(compare(&[1.0], &[1.0, 2.0], &settings()).is_err());
        assert!(compare(&[], &[], &settings()).is_err());
        assert!(compare(&[f64::NAN], &[1.0], &settings()).is_err());
    }

    proptest! {
        #[test]
        fn exchanging_the_runs_changes_the_sign_alone(
            values in prop::collection::vec(-3i8..4, 1..14),
        ) {
            let ahead: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
            let behind: Vec<f64> = ahead.iter().map(|value| -value).collect();
            let p = |values: &[f64]| wilcoxon(values).map(|test| test.p);
            prop_assert_eq!(p(&ahead), p(&behind));
            let test = |values: &[f64]| randomisation(values, &settings()).unwrap();
            let (a, b) = (test(&ahead), test(&behind));
            prop_assert_eq!((a.p, a.statistic), (b.p, -b.statistic));
        }
    }
}
