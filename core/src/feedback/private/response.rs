//! k-ary randomised response (Warner, 1965; Kairouz, Bonawitz and Ramage, ICML 2016).

use crate::base::{Error, Result};
use crate::release::EPSILON;

/// Weight of each other value in a draw.
const OTHER: u64 = 1 << 32;

/// Tells the true value with the weight e^epsilon and each other value with the weight 1: no
/// answer is more than e^epsilon times as likely from one value than from any other.
///
/// It draws from integers alone, so that what is promised holds exactly and not up to the rounding
/// of floating-point numbers (Mironov, CCS 2012).
///
/// ```
/// use noctule_core::feedback::private::RandomisedResponse;
/// let (truth, other) = RandomisedResponse::new(4, 1.0)?.probabilities();
/// assert!((truth / other - 1.0f64.exp()).abs() < 1e-8);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandomisedResponse {
    values: u32,
    /// Weight of the true value; over [`OTHER`] at most e^epsilon.
    truth: u64,
}

impl RandomisedResponse {
    /// For `values` values, at least 2 and at most 65,536, and `epsilon` from 0.01 to 16; or 0,
    /// with which every value is as likely and nothing is told.
    ///
    /// # Errors
    /// [`Error::InvalidInput`].
    pub fn new(values: u32, epsilon: f64) -> Result<Self> {
        if !(2..=65_536).contains(&values) {
            let reason = format!("{values} is not between 2 and 65536");
            return Err(Error::invalid("values", reason));
        }
        if epsilon == 0.0 {
            return Ok(Self { values, truth: OTHER });
        }
        if !EPSILON.contains(&epsilon) {
            let (low, high) = (EPSILON.start(), EPSILON.end());
            let reason = format!("{epsilon} is not between {low} and {high}");
            return Err(Error::invalid("epsilon", reason));
        }
        // Less two units in 2^32, so that the rounding of exp cannot lift it above the bound.
        let truth = (libm::exp(epsilon) * OTHER as f64 * (1.0 - 1e-15)) as u64 - 2;
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
    /// [`Error::InvalidInput`] when `value` is none of the values.
    pub fn respond(&self, value: u32, below: &mut dyn FnMut(u64) -> u64) -> Result<u32> {
        if value >= self.values {
            let reason = format!("{value} is not below {}", self.values);
            return Err(Error::invalid("value", reason));
        }
        let draw = below(self.total());
        let Some(rest) = draw.checked_sub(self.truth) else { return Ok(value) };
        let other = (rest / OTHER) as u32;
        Ok(if other < value { other } else { other + 1 })
    }
}
