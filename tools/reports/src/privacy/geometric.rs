//! The two-sided geometric mechanism (Ghosh, Roughgarden and Sundararajan, STOC 2009), drawn
//! exactly as Canonne, Kamath and Steinke do (NeurIPS 2020, algorithm 2).

use super::PrivateEstimate;
use crate::error::{Error, Result};

/// Adds an integer X to a count, P(X = x) in proportion to exp(-|x| epsilon / sensitivity).
///
/// `sensitivity` is by how much all counts of a histogram together can differ between two users: 1
/// where a user counts once, 2 where one may be in another bin instead.
///
/// ```
/// use noctule_reports::privacy::GeometricNoise;
/// let noise = GeometricNoise::new(1_000, 2)?;
/// let estimate = noise.sum(4_321, 10_000)?;
/// assert!(estimate.standard_error < 300.0);
/// # Ok::<(), noctule_reports::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeometricNoise {
    epsilon_thousandths: u32,
    sensitivity: u32,
}

impl GeometricNoise {
    /// With an epsilon in thousandths, 10 to 16,000, and a sensitivity of 1 to 1,000.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn new(epsilon_thousandths: u32, sensitivity: u32) -> Result<Self> {
        let wrong = |setting, reason| Err(Error::InvalidSetting { setting, reason });
        if !(10..=16_000).contains(&epsilon_thousandths) {
            let reason = format!("{epsilon_thousandths} is not between 10 and 16000");
            return wrong("epsilon_thousandths", reason);
        }
        if !(1..=1_000).contains(&sensitivity) {
            return wrong("sensitivity", format!("{sensitivity} is not between 1 and 1000"));
        }
        Ok(Self { epsilon_thousandths, sensitivity })
    }

    /// By which factor the probability falls from one integer to the next: exp(-epsilon /
    /// sensitivity).
    #[must_use]
    pub fn decay(&self) -> f64 {
        (-f64::from(self.epsilon_thousandths) / (1_000.0 * f64::from(self.sensitivity))).exp()
    }

    /// The variance of the noise: 2 a / (1 - a)² with the decay a.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let decay = self.decay();
        2.0 * decay / (1.0 - decay).powi(2)
    }

    /// Draws the noise. `below` gives a uniform integer below its argument.
    pub fn draw(&self, below: &mut dyn FnMut(u64) -> u64) -> i64 {
        // exp(-epsilon / sensitivity) = exp(-s / t).
        let s = u64::from(self.epsilon_thousandths);
        let t = 1_000 * u64::from(self.sensitivity);
        loop {
            let within = below(t);
            if !bernoulli_exp(within, t, below) {
                continue;
            }
            let mut whole = 0;
            while bernoulli_exp(1, 1, below) {
                whole += 1;
            }
            let size = (within + t * whole) / s;
            let negative = below(2) == 1;
            // 0 has one sign only.
            if !(negative && size == 0) {
                let size = size.cast_signed();
                return if negative { -size } else { size };
            }
        }
    }

    /// What `answers` noisy counts with the sum `sum` say of the sum without noise.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] without an answer.
    pub fn sum(&self, sum: i64, answers: u64) -> Result<PrivateEstimate> {
        if answers == 0 {
            let reason = "there is none".to_owned();
            return Err(Error::InvalidSetting { setting: "answers", reason });
        }
        let standard_error = (answers as f64 * self.variance()).sqrt();
        Ok(PrivateEstimate { value: sum as f64, standard_error })
    }
}

/// True with probability exp(-`over` / `under`), for `over` at most `under`, from integers alone:
/// von Neumann's series.
fn bernoulli_exp(over: u64, under: u64, below: &mut dyn FnMut(u64) -> u64) -> bool {
    let mut turn = 1;
    // Turn k is reached with probability 1 / k!: nobody will see the product overflow.
    while below(under.saturating_mul(turn)) < over {
        turn += 1;
    }
    turn % 2 == 1
}
