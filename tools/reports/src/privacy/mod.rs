//! Local differential privacy: what phones do to an answer before it leaves them, and how the
//! truth of many is found in what arrives.
//!
//! | mechanism | of what | what arrives |
//! |---|---|---|
//! | [`frequencies`] | one of k values, as the item chosen | a value, often another |
//! | [`GeometricNoise`] | the counts of a histogram | counts with noise, below 0 at times |
//!
//! Both draw from integers alone, so that what is promised holds exactly and not up to the rounding
//! of floating-point numbers (Mironov, CCS 2012). Where they draw from is the caller's: phones must
//! use the system's cryptographic source. The estimates add no bias; nothing is cut off at 0, so
//! that sums and means of them stay unbiased too.
//!
//! Epsilons add up: two answers about the same thing cost the sum of their epsilons, unless the
//! second repeats the first.

mod geometric;
mod response;

pub use geometric::GeometricNoise;
pub use response::frequencies;

/// An unbiased estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrivateEstimate {
    /// The estimate; below 0 at times.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl PrivateEstimate {
    /// The 95 % interval by the normal distribution.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        let half = 1.959_963_984_540_054 * self.standard_error;
        (self.value - half, self.value + half)
    }
}

#[cfg(test)]
mod tests;
