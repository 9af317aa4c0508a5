//! What a night may spend, and how it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stops long work from another thread. Clones share one flag; cancelling is final.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop at its next step.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What one slice of the night may spend.
///
/// ```
/// use std::time::Duration;
/// let nine_minutes = noctule_core::base::Budget::wall(Duration::from_secs(9 * 60));
/// assert!(nine_minutes.wall.is_some());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Wall-clock time from the begin of the call; none means no limit.
    pub wall: Option<Duration>,
    /// Processor time of this process from the begin of the call; none means no limit.
    pub cpu: Option<Duration>,
}

impl Budget {
    /// No limit at all.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Only a limit of wall-clock time.
    #[must_use]
    pub fn wall(limit: Duration) -> Self {
        Self { wall: Some(limit), cpu: None }
    }
}

/// Why work stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The cancel token.
    Cancelled,
    /// The wall-clock budget.
    OutOfTime,
    /// The processor-time budget.
    OutOfCpu,
}

/// A budget being spent: asked between steps whether the work may go on.
#[derive(Debug)]
pub struct Spending<'a> {
    budget: Budget,
    cancel: &'a CancelToken,
    began: Instant,
    began_cpu: Duration,
}

impl<'a> Spending<'a> {
    /// Begins to spend now.
    #[must_use]
    pub fn begin(budget: Budget, cancel: &'a CancelToken) -> Self {
        Self { budget, cancel, began: Instant::now(), began_cpu: process_cpu_time() }
    }

    /// The reason to stop now, if there is one.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        if self.budget.wall.is_some_and(|limit| self.began.elapsed() >= limit) {
            return Some(StopReason::OutOfTime);
        }
        let spent = || process_cpu_time().saturating_sub(self.began_cpu);
        if self.budget.cpu.is_some_and(|limit| spent() >= limit) {
            return Some(StopReason::OutOfCpu);
        }
        None
    }

    /// Wall-clock time since the begin.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Processor time of this process, user and system, to 10 ms; zero where it cannot be told.
///
/// Read from `/proc/self/stat` (proc(5)), which Linux and Android have; the unit there is
/// `USER_HZ`, fixed at 100 on both. Elsewhere the wall-clock budget alone holds.
fn process_cpu_time() -> Duration {
    const TICK_MS: u64 = 10;
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return Duration::ZERO };
    // The command name, in parentheses, may hold spaces: count the fields behind it.
    let Some((_, fields)) = stat.rsplit_once(')') else { return Duration::ZERO };
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks.saturating_mul(TICK_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_token_stops_at_once_and_a_zero_budget_too() {
        let token = CancelToken::new();
        assert_eq!(Spending::begin(Budget::unlimited(), &token).stop_reason(), None);
        let zero = Spending::begin(Budget::wall(Duration::ZERO), &token);
        assert_eq!(zero.stop_reason(), Some(StopReason::OutOfTime));
        token.clone().cancel();
        assert_eq!(zero.stop_reason(), Some(StopReason::Cancelled));
    }

    #[test]
    fn processor_time_is_counted_and_ends_the_budget() {
        let token = CancelToken::new();
        let budget = Budget { wall: None, cpu: Some(Duration::from_millis(30)) };
        let spending = Spending::begin(budget, &token);
        if process_cpu_time().is_zero() && !std::path::Path::new("/proc/self/stat").exists() {
            return;
        }
        let begun = Instant::now();
        while spending.stop_reason().is_none() && begun.elapsed() < Duration::from_secs(20) {
            std::hint::black_box((0..10_000u64).map(std::hint::black_box).sum::<u64>());
        }
        assert_eq!(spending.stop_reason(), Some(StopReason::OutOfCpu));
    }
}
