//! Rates and their differences, with intervals that respect who was observed.
//!
//! Visits of one installation are alike, so that they are not independent observations: the
//! installation is the unit (the cluster). A rate is the ratio of two sums over clusters, and its
//! variance follows from the delta method (Cochran, Sampling Techniques, 3rd ed. 1977, chapter 6;
//! Deng, Knoblich and Lu, Applying the Delta Method in Metric Analytics, KDD 2018). Quantiles are
//! those of Student's t, with one degree of freedom less than there are clusters, and for the
//! difference of two independent rates with those of Welch and Satterthwaite (Biometrics 2, 1946).

use serde::Serialize;

use crate::distributions::student_t_quantile;

/// A number with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate itself.
    pub value: f64,
    /// Its standard error; absent with fewer than two clusters, or when all clusters agree exactly,
    /// which says nothing about how far they could differ.
    pub standard_error: Option<f64>,
    /// Lower end of the interval; absent like the standard error.
    pub low: Option<f64>,
    /// Upper end of the interval; absent like the standard error.
    pub high: Option<f64>,
    /// Degrees of freedom of the interval.
    pub degrees_of_freedom: Option<f64>,
    /// Installations behind it.
    pub clusters: u64,
}

impl Estimate {
    fn new(value: f64, variance: Option<f64>, degrees: f64, clusters: usize, level: f64) -> Self {
        let clusters = clusters as u64;
        let usable = |variance: &f64| variance.is_finite() && *variance > 0.0 && degrees > 0.0;
        let Some(variance) = variance.filter(usable) else {
            let (standard_error, low, high, degrees_of_freedom) = (None, None, None, None);
            return Self { value, standard_error, low, high, degrees_of_freedom, clusters };
        };
        let standard_error = variance.sqrt();
        let half = student_t_quantile(0.5 + level / 2.0, degrees) * standard_error;
        Self {
            value,
            standard_error: Some(standard_error),
            low: Some(value - half),
            high: Some(value + half),
            degrees_of_freedom: Some(degrees),
            clusters,
        }
    }

    /// A rate's interval ends where rates end.
    fn within_unit(self) -> Self {
        let clamp = |end: Option<f64>| end.map(|end| end.clamp(0.0, 1.0));
        Self { low: clamp(self.low), high: clamp(self.high), ..self }
    }

    /// Whether the interval is there and excludes zero.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        matches!((self.low, self.high), (Some(low), Some(high)) if low > 0.0 || high < 0.0)
    }
}

/// What one cluster adds to a ratio: successes among trials.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Trials with success.
    pub successes: f64,
    /// Trials.
    pub trials: f64,
}

impl Tally {
    /// Counts one trial.
    pub fn count(&mut self, success: bool) {
        self.successes += f64::from(u8::from(success));
        self.trials += 1.0;
    }
}

/// Sums, ratio and the clusters' residuals in units of the ratio.
struct Linearised {
    rate: f64,
    residuals: Vec<f64>,
}

fn linearise(clusters: &[Tally]) -> Option<Linearised> {
    let successes: f64 = clusters.iter().map(|cluster| cluster.successes).sum();
    let trials: f64 = clusters.iter().map(|cluster| cluster.trials).sum();
    if trials <= 0.0 {
        return None;
    }
    let rate = successes / trials;
    let residual = |cluster: &Tally| (cluster.successes - rate * cluster.trials) / trials;
    Some(Linearised { rate, residuals: clusters.iter().map(residual).collect() })
}

/// Variance of a sum of residuals over `n` clusters.
fn variance(residuals: impl Iterator<Item = f64>, n: usize) -> Option<f64> {
    let n = n as f64;
    (n >= 2.0).then(|| n / (n - 1.0) * residuals.map(|residual| residual * residual).sum::<f64>())
}

/// The rate of successes over all trials, one tally a cluster. None without any trial.
///
/// ```
/// use noctule_reports::{Tally, rate};
/// let tally = |successes, trials| Tally { successes, trials };
/// let estimate = rate(&[tally(1.0, 4.0), tally(3.0, 6.0), tally(2.0, 2.0)], 0.95).unwrap();
/// assert_eq!(estimate.value, 0.5);
/// ```
#[must_use]
pub fn rate(clusters: &[Tally], level: f64) -> Option<Estimate> {
    let taking_part: Vec<Tally> =
        clusters.iter().copied().filter(|cluster| cluster.trials > 0.0).collect();
    let n = taking_part.len();
    let Linearised { rate, residuals } = linearise(&taking_part)?;
    let variance = variance(residuals.into_iter(), n);
    Some(Estimate::new(rate, variance, n as f64 - 1.0, n, level).within_unit())
}

/// `a - b` of two estimates from different installations.
#[must_use]
pub fn difference(a: &Estimate, b: &Estimate, level: f64) -> Estimate {
    let value = a.value - b.value;
    let clusters = (a.clusters + b.clusters) as usize;
    let parts = [a, b].map(|part| Some((part.standard_error?.powi(2), part.degrees_of_freedom?)));
    let [Some((of_a, degrees_a)), Some((of_b, degrees_b))] = parts else {
        return Estimate::new(value, None, 0.0, clusters, level);
    };
    let variance = of_a + of_b;
    let degrees = variance.powi(2) / (of_a.powi(2) / degrees_a + of_b.powi(2) / degrees_b);
    Estimate::new(value, Some(variance), degrees, clusters, level)
}

/// The change of a rate from `before` to `after`, over the installations with trials in both.
///
/// `pairs` holds (before, after) by installation. An installation is compared with itself: what
/// makes it accept more or less than others cancels out. None when none has trials in both.
#[must_use]
pub fn paired_change(pairs: &[(Tally, Tally)], level: f64) -> Option<Estimate> {
    let both = |pair: &&(Tally, Tally)| pair.0.trials > 0.0 && pair.1.trials > 0.0;
    let (before, after): (Vec<Tally>, Vec<Tally>) = pairs.iter().filter(both).copied().unzip();
    let n = before.len();
    let (before, after) = (linearise(&before)?, linearise(&after)?);
    let residuals = after.residuals.iter().zip(&before.residuals).map(|(late, early)| late - early);
    let variance = variance(residuals, n);
    Some(Estimate::new(after.rate - before.rate, variance, n as f64 - 1.0, n, level))
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    fn tallies<const N: usize>(pairs: [(f64, f64); N]) -> [Tally; N] {
        pairs.map(|(successes, trials)| Tally { successes, trials })
    }

    fn close(value: Option<f64>, expected: f64) {
        let value = value.unwrap();
        assert!((value - expected).abs() < 1e-9, "{value} {expected}");
    }

    #[test]
    fn a_rate_agrees_with_numpy() {
        // python3 -c "import numpy as np; from scipy.stats import t
        // a=np.array([1,3,0,5]); v=np.array([4,6,3,8]); r=a.sum()/v.sum(); n=len(a)
        // se=np.sqrt(n/(n-1)*((a-r*v)**2).sum())/v.sum()
        // h=t.ppf(.975,n-1)*se; print(r,se,r-h,r+h)"
        let estimate =
            rate(&tallies([(1.0, 4.0), (3.0, 6.0), (0.0, 3.0), (5.0, 8.0)]), 0.95).unwrap();
        close(Some(estimate.value), 0.42857142857142855);
        close(estimate.standard_error, 0.1206724235433113);
        close(estimate.low, 0.0445379201163868);
        close(estimate.high, 0.8126049370264703);
    }

    #[test]
    fn one_visit_an_installation_gives_the_usual_proportion() {
        // With equal clusters of one the estimator is the sample proportion with variance
        // p (1 - p) / (n - 1).
        let clusters: Vec<Tally> = (0..50)
            .map(|index| Tally { successes: f64::from(u8::from(index % 5 == 0)), trials: 1.0 })
            .collect();
        let estimate = rate(&clusters, 0.95).unwrap();
        close(Some(estimate.value), 0.2);
        close(estimate.standard_error, (0.2f64 * 0.8 / 49.0).sqrt());
    }

    #[test]
    fn a_difference_agrees_with_welch() {
        // python3 -c "import numpy as np; from scipy.stats import ttest_ind
        // a=[1,0,1,1,0,1]; b=[0,0,1,0]; r=ttest_ind(a,b,equal_var=False)
        // c=r.confidence_interval(.95); print(np.mean(a)-np.mean(b), r.df, c.low, c.high)"
        let ones = |values: &[f64]| {
            let tally = |successes: &f64| Tally { successes: *successes, trials: 1.0 };
            rate(&values.iter().map(tally).collect::<Vec<_>>(), 0.95).unwrap()
        };
        let (a, b) = (ones(&[1.0, 0.0, 1.0, 1.0, 0.0, 1.0]), ones(&[0.0, 0.0, 1.0, 0.0]));
        let estimate = difference(&a, &b, 0.95);
        close(Some(estimate.value), 0.41666666666666663);
        close(estimate.degrees_of_freedom, 6.7390315980904765);
        close(estimate.low, -0.3627334104547093);
        close(estimate.high, 1.1960667437880426);
    }

    #[test]
    fn a_paired_change_agrees_with_the_paired_t_test() {
        // python3 -c "from scipy.stats import ttest_rel
        // r=ttest_rel([.6,.8,.4,1.,.6],[.4,.2,.4,.6,.2]); c=r.confidence_interval(.95)
        // print(c.low, c.high)"
        let pair = |before: f64, after: f64| {
            let tally = |rate: f64| Tally { successes: rate * 5.0, trials: 5.0 };
            (tally(before), tally(after))
        };
        let pairs =
            [pair(0.4, 0.6), pair(0.2, 0.8), pair(0.4, 0.4), pair(0.6, 1.0), pair(0.2, 0.6)];
        let with_absent = [pairs.as_slice(), &[(Tally::default(), pairs[0].1)]].concat();
        let estimate = paired_change(&with_absent, 0.95).unwrap();
        close(Some(estimate.value), 0.32);
        close(estimate.low, 0.03685704460354555);
        close(estimate.high, 0.6031429553964545);
        assert_eq!(estimate.clusters, 5, "an installation of one night only is left out");
    }

    #[test]
    fn without_trials_or_variation_nothing_is_claimed() {
        assert_eq!(rate(&[], 0.95), None);
        assert_eq!(rate(&tallies([(0.0, 0.0)]), 0.95), None);
        assert_eq!(paired_change(&[], 0.95), None);
        let one = rate(&tallies([(1.0, 2.0)]), 0.95).unwrap();
        assert_eq!((one.value, one.low, one.standard_error), (0.5, None, None));
        let same = rate(&tallies([(0.0, 2.0), (0.0, 3.0)]), 0.95).unwrap();
        assert_eq!((same.value, same.high), (0.0, None));
        assert!(!difference(&one, &same, 0.95).excludes_zero());
    }

    /// An installation with its own rate and its own number of visits.
    fn installation(random: &mut SeededRandom, mean: f64) -> Tally {
        let own = (mean + 0.15 * random.normal()).clamp(0.0, 1.0);
        let mut tally = Tally::default();
        for _ in 0..1 + random.below(12) {
            tally.count(random.chance(own));
        }
        tally
    }

    #[test]
    fn intervals_of_clustered_data_cover_the_truth_as_often_as_they_say() {
        const RUNS: usize = 1_000;
        let mut random = SeededRandom::new(Seed(20_261_124));
        let (mut rates, mut differences, mut naive) = (0, 0, 0);
        for _ in 0..RUNS {
            let mut arm =
                |mean| (0..40).map(|_| installation(&mut random, mean)).collect::<Vec<_>>();
            // Clamping moves the mean by far less than an interval is wide.
            let (a, b) = (arm(0.5), arm(0.4));
            let (rate_a, rate_b) = (rate(&a, 0.95).unwrap(), rate(&b, 0.95).unwrap());
            let holds = |estimate: &Estimate, truth: f64| {
                usize::from(estimate.low.unwrap() <= truth && truth <= estimate.high.unwrap())
            };
            rates += holds(&rate_a, 0.5);
            differences += holds(&difference(&rate_a, &rate_b, 0.95), 0.1);
            let trials: f64 = a.iter().map(|tally| tally.trials).sum();
            let half = 1.96 * (rate_a.value * (1.0 - rate_a.value) / trials).sqrt();
            naive += usize::from((rate_a.value - 0.5).abs() <= half);
        }
        // The count of 1,000 intervals of 95 % has a standard deviation of 6.9.
        assert!((925..=975).contains(&rates), "{rates}");
        assert!((925..=975).contains(&differences), "{differences}");
        assert!(naive < 900, "clustering matters: {naive} of 1,000 naive intervals hold");
    }

    #[test]
    fn intervals_of_paired_changes_cover_the_truth_as_often_as_they_say() {
        let mut random = SeededRandom::new(Seed(20_261_125));
        let holds = (0..1_000).filter(|_| {
            let pairs: Vec<(Tally, Tally)> = (0..40)
                .map(|_| {
                    let own = 0.2 * (random.uniform() - 0.5);
                    let mut night = |mean: f64| {
                        let mut tally = Tally::default();
                        for _ in 0..1 + random.below(4) {
                            tally.count(random.chance(mean + own));
                        }
                        tally
                    };
                    (night(0.3), night(0.45))
                })
                .collect();
            let change = paired_change(&pairs, 0.95).unwrap();
            change.low.unwrap() <= 0.15 && 0.15 <= change.high.unwrap()
        });
        let holds = holds.count();
        assert!((925..=975).contains(&holds), "{holds}");
    }
}
