//! The truth of many in the answers of a randomised response.

use noctule_core::feedback::private::RandomisedResponse;

use super::PrivateEstimate;
use crate::error::{Error, Result};

/// The share of each value among those who answered, from how often each answer arrived.
///
/// With n answers, p and q as in [`RandomisedResponse::probabilities`] and the share s of an
/// answer among them: (s - q) / (p - q). The standard error counts both the noise and who
/// happened to answer, sqrt(s (1 - s) / n) / (p - q). The estimates sum to 1.
///
/// ```
/// use noctule_core::feedback::private::RandomisedResponse;
/// use noctule_reports::privacy::frequencies;
/// let response = RandomisedResponse::new(4, 1.0)?;
/// // All that arrived from 1,000 phones.
/// let estimates = frequencies(&response, &[400, 250, 200, 150])?;
/// assert!((estimates.iter().map(|share| share.value).sum::<f64>() - 1.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`] when there is not one count a value, or no answer.
pub fn frequencies(response: &RandomisedResponse, counts: &[u64]) -> Result<Vec<PrivateEstimate>> {
    let n: u64 = counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
    if counts.len() != response.values() as usize || n == 0 {
        let reason =
            format!("{} counts with {n} answers for {} values", counts.len(), response.values());
        return Err(Error::InvalidSetting { setting: "counts", reason });
    }
    let (p, q) = response.probabilities();
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
