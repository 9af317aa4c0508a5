//! k-ary randomised response (Warner, 1965; Kairouz, Bonawitz and Ramage, ICML 2016).

use super::PrivateEstimate;
use crate::error::{Error, Result};

/// Weight of each other value in a draw.
const OTHER: u64 = 1 << 32;

/// Tells the true value with the weight e^epsilon and each other value with the weight 1: no
/// answer is more than e^epsilon times as likely from one value than from any other.
///
/// ```
/// use noctule_reports::privacy::RandomisedResponse;
/// let response = RandomisedResponse::new(4, 1.0)?;
/// // All that arrived from 1,000 phones.
/// let estimates = response.frequencies(&[400, 250, 200, 150])?;
/// assert!((estimates.iter().map(|share| share.value).sum::<f64>() - 1.0).abs() < 1e-12);
/// # Ok::<(), noctule_reports::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomisedResponse {
    values: u32,
    /// Weight of the true value; over [`OTHER`] at most e^epsilon.
    truth: u64,
}

impl RandomisedResponse {
    /// For `values` values, at least 2 and at most 65,536, and `epsilon` from 0.01 to 16.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn new(values: u32, epsilon: f64) -> Result<Self> {
        let wrong = |setting, reason| Err(Error::InvalidSetting { setting, reason });
        if !(2..=65_536).contains(&values) {
            return wrong("values", format!("{values} is not between 2 and 65536"));
        }
        if !(0.01..=16.0).contains(&epsilon) {
            return wrong("epsilon", format!("{epsilon} is not between 0.01 and 16"));
        }
        // Less two units in 2^32, so that the rounding of exp cannot lift it above the bound.
        let truth = (epsilon.exp() * OTHER as f64 * (1.0 - 1e-15)) as u64 - 2;
        Ok(Self { values, truth })
    }

    /// Number of values.
    #[must_use]
    pub fn values(&self) -> u32 {
        self.values
    }

    /// Probability of an answer that is the true value, and of one that is a given other value.
    #[must_use]
    pub fn probabilities(&self) -> (f64, f64) {
        let all = self.total() as f64;
        (self.truth as f64 / all, OTHER as f64 / all)
    }

    fn total(&self) -> u64 {
        // At most e^16 2^32 + 2^48, far below 2^64.
        self.truth + u64::from(self.values - 1) * OTHER
    }

    /// The answer for `value`. `below` gives a uniform integer below its argument.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] when `value` is none of the values.
    pub fn respond(&self, value: u32, below: &mut dyn FnMut(u64) -> u64) -> Result<u32> {
        if value >= self.values {
            let reason = format!("{value} is not below {}", self.values);
            return Err(Error::InvalidSetting { setting: "value", reason });
        }
        let draw = below(self.total());
        let Some(rest) = draw.checked_sub(self.truth) else { return Ok(value) };
        let other = (rest / OTHER) as u32;
        Ok(if other < value { other } else { other + 1 })
    }

    /// The share of each value among those who answered, from how often each answer arrived.
    ///
    /// With n answers, p and q as in [`RandomisedResponse::probabilities`] and the share s of an
    /// answer among them: (s - q) / (p - q). The standard error counts both the noise and who
    /// happened to answer, sqrt(s (1 - s) / n) / (p - q). The estimates sum to 1.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] when there is not one count a value, or no answer.
    pub fn frequencies(&self, counts: &[u64]) -> Result<Vec<PrivateEstimate>> {
        let n: u64 = counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
        if counts.len() != self.values as usize || n == 0 {
            let reason =
                format!("{} counts with {n} answers for {} values", counts.len(), self.values);
            return Err(Error::InvalidSetting { setting: "counts", reason });
        }
        let (p, q) = self.probabilities();
        let estimate = |count: &u64| {
            let share = *count as f64 / n as f64;
            // An answer comes at least with q and at most with p, however few have arrived.
            let spread = share.clamp(q, p);
            PrivateEstimate {
                value: (share - q) / (p - q),
                standard_error: (spread * (1.0 - spread) / n as f64).sqrt() / (p - q),
            }
        };
        Ok(counts.iter().map(estimate).collect())
    }
}
