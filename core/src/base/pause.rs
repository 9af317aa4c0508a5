//! The pause after a failed transfer.

use bincode::{Decode, Encode};
use serde::Serialize;

use super::SeededRandom;

/// First pause after a failure: long enough for a lift, short enough for a walk.
pub const BACKOFF_BASE_MS: u64 = 5_000;
/// Longest pause: a server that was down at night is asked again in the morning.
pub const BACKOFF_CAP_MS: u64 = 6 * 60 * 60 * 1_000;
/// Longest pause a server may ask for.
pub const RETRY_AFTER_CAP_MS: u64 = 24 * 60 * 60 * 1_000;
/// No pause is longer.
const PAUSE_MAX_MS: i64 = RETRY_AFTER_CAP_MS as i64;

/// Exponential backoff with full jitter that honours `Retry-After`, as it is kept on disk.
///
/// ```
/// use noctule_core::base::{Pause, Seed, SeededRandom};
/// let mut pause = Pause::default();
/// pause.failed(1_000, Some(60), &mut SeededRandom::new(Seed(1)));
/// assert!(pause.until(1_000).is_some_and(|until_ms| until_ms >= 61_000));
/// pause.over();
/// assert_eq!(pause.until(1_000), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Pause {
    /// Failures in a row.
    failures: u32,
    /// Not before, Unix milliseconds.
    not_before_ms: i64,
}

impl Pause {
    /// The end of the pause, Unix milliseconds; none when `now_ms` is not in one.
    #[must_use]
    pub fn until(&self, now_ms: i64) -> Option<i64> {
        // No pause is longer than the cap: one that seems so was set by a clock that ran ahead.
        let left_ms = self.not_before_ms.saturating_sub(now_ms);
        (left_ms > 0 && left_ms <= PAUSE_MAX_MS).then_some(self.not_before_ms)
    }

    /// Begins a pause after one more failure; `retry_after_s` is what the server asked for.
    pub fn failed(&mut self, now_ms: i64, retry_after_s: Option<u64>, random: &mut SeededRandom) {
        self.failures = self.failures.saturating_add(1);
        let asked_ms = retry_after_s.map_or(0, |seconds| seconds.saturating_mul(1_000));
        let pause_ms = backoff_ms(self.failures, random).max(asked_ms.min(RETRY_AFTER_CAP_MS));
        self.not_before_ms = now_ms.saturating_add(pause_ms as i64);
    }

    /// Ends the pause: something went well.
    pub fn over(&mut self) {
        *self = Self::default();
    }
}

/// Full jitter: uniform between nothing and the exponential bound.
fn backoff_ms(failures: u32, random: &mut SeededRandom) -> u64 {
    let doubled = BACKOFF_BASE_MS.saturating_mul(1 << failures.min(20));
    (random.uniform() * doubled.min(BACKOFF_CAP_MS) as f64) as u64 + BACKOFF_BASE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn pauses_grow_to_their_cap_and_no_further() {
        let mut random = SeededRandom::new(Seed(3));
        let mut pause = Pause::default();
        let mut longest = 0;
        for _ in 0..200 {
            pause.failed(0, None, &mut random);
            longest = longest.max(pause.until(0).unwrap());
        }
        assert!(longest > BACKOFF_CAP_MS as i64 / 2);
        assert!(longest <= (BACKOFF_CAP_MS + BACKOFF_BASE_MS) as i64);
    }

    #[test]
    fn the_jitter_is_full_and_uniform() {
        let mut random = SeededRandom::new(Seed(15));
        let n = 10_000;
        let draw = |_| {
            let mut pause = Pause { failures: 30, not_before_ms: 0 };
            pause.failed(0, None, &mut random);
            let beyond_ms = pause.not_before_ms - BACKOFF_BASE_MS as i64;
            beyond_ms as f64 / BACKOFF_CAP_MS as f64
        };
        let mut shares: Vec<f64> = (0..n).map(draw).collect();
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        shares.sort_by(f64::total_cmp);
        // Kolmogorov and Smirnov: 1.63 is the 99 % point of the distance times the root of n.
        let n = f64::from(n);
        let above = |(rank, share): (usize, &f64)| (*share - rank as f64 / n).abs();
        let distance = shares.iter().enumerate().map(above).fold(0.0, f64::max) + 1.0 / n;
        assert!(distance * n.sqrt() < 1.63, "{distance}");
    }

    #[test]
    fn a_server_that_is_down_for_a_week_is_asked_less_than_200_times_a_day() {
        let mut random = SeededRandom::new(Seed(16));
        let (mut pause, mut now_ms, mut first_day, mut all) = (Pause::default(), 0, 0, 0);
        let day_ms = 24 * 60 * 60 * 1_000;
        while now_ms < 7 * day_ms {
            all += 1;
            first_day += i32::from(now_ms < day_ms);
            pause.failed(now_ms, None, &mut random);
            now_ms = pause.until(now_ms).unwrap();
        }
        assert!(first_day <= 200 && all <= 7 * 200, "{first_day} on the first day, {all}");
        assert!(all >= 30, "{all}: a server that is up again is noticed");
    }

    #[test]
    fn a_server_cannot_ask_for_more_than_a_day() {
        let mut pause = Pause::default();
        pause.failed(0, Some(u64::MAX), &mut SeededRandom::new(Seed(3)));
        assert_eq!(pause.until(0), Some(RETRY_AFTER_CAP_MS as i64));
    }

    #[test]
    fn a_pause_set_by_a_clock_that_ran_ahead_is_none() {
        let mut pause = Pause::default();
        pause.failed(i64::MAX / 2, None, &mut SeededRandom::new(Seed(3)));
        assert_eq!(pause.until(0), None);
    }
}
