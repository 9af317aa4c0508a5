//! What a night may spend, and how it is stopped.

use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::sync::Mutex;
use super::sync::atomic::{AtomicBool, Ordering};
use super::{Error, Result, usage};

/// Bytes of the reason that comes with a cancellation.
const REASON_BYTES_MAX: usize = 200;

/// Without a reserve of the caller's, a tenth of the wall-clock budget is kept for closing, at most
/// this: publishing a slate and noting the end take some milliseconds, a slow flash a second.
const RESERVE_MAX: Duration = Duration::from_secs(2);

/// How often the system is asked what was spent: asking takes some microseconds.
const ASKED_EVERY: Duration = Duration::from_millis(2);

/// Stops long work from another thread. Clones share one flag; cancelling is final.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<Cancelled>);

#[derive(Debug, Default)]
struct Cancelled {
    flag: AtomicBool,
    reason: Mutex<Option<String>>,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop at its next step.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::SeqCst);
    }

    /// The same with the reason that the platform gave, for the journal of nights; the first one
    /// counts, and at most 200 bytes of it.
    pub fn cancel_because(&self, reason: &str) {
        {
            let mut kept = self.0.reason.lock().unwrap_or_else(PoisonError::into_inner);
            let bound = REASON_BYTES_MAX.min(reason.len());
            let end = (0..=bound).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
            kept.get_or_insert_with(|| reason[..end].to_owned());
        }
        self.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.flag.load(Ordering::SeqCst)
    }

    /// The reason that came with the cancellation.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    /// Processor time of this process from the begin of the call; none means no limit. Counted on
    /// Linux and Android; elsewhere give a wall-clock limit too.
    pub cpu: Option<Duration>,
    /// Bytes of memory that the work may take beyond what the process holds when it begins; none
    /// means no limit. What is mapped from files does not count: the system takes it back at will.
    pub memory: Option<u64>,
    /// Threads that may compute; one when absent. More than one are used where the whole matrix is
    /// searched.
    pub threads: Option<u32>,
    /// Part of the wall-clock time that is kept for closing: the work ends so much earlier. When
    /// absent, a tenth of it, at most two seconds.
    pub reserve: Option<Duration>,
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
        Self { wall: Some(limit), ..Self::default() }
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for no thread at all.
    pub fn check(&self) -> Result<()> {
        match self.threads {
            Some(0) => Err(Error::invalid("budget.threads", "is 0, at least 1 is needed")),
            _ => Ok(()),
        }
    }

    /// The wall-clock time without the reserve.
    fn for_work(&self) -> Option<Duration> {
        let wall = self.wall?;
        let reserve = self.reserve.unwrap_or_else(|| (wall / 10).min(RESERVE_MAX));
        Some(wall.saturating_sub(reserve))
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
    /// The memory budget.
    OutOfMemory,
}

/// A budget being spent: asked between and inside steps whether the work may go on.
#[derive(Debug)]
pub struct Spending<'a> {
    budget: Budget,
    cancel: &'a CancelToken,
    began: Instant,
    began_cpu: Duration,
    began_memory: u64,
    /// Behind a lock, since the threads of a search ask too.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// When the system was asked last.
    asked: Option<Instant>,
    stopped: Option<StopReason>,
}

impl<'a> Spending<'a> {
    /// Begins to spend now.
    #[must_use]
    pub fn begin(budget: Budget, cancel: &'a CancelToken) -> Self {
        Self {
            budget,
            cancel,
            began: Instant::now(),
            began_cpu: usage::cpu_time(),
            began_memory: usage::private_bytes(),
            known: Mutex::default(),
        }
    }

    /// The reason to stop now, if there is one; once there was, it stays.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.stopped.is_none() {
            known.stopped = self.look(&mut known.asked);
        }
        known.stopped
    }

    /// Threads that may compute.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        let threads = self.budget.threads.and_then(|threads| usize::try_from(threads).ok());
        threads.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
    }

    /// For the inside of long loops: an error when the work has to stop.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Self::stop_reason`] says why.
    pub fn check(&self) -> Result<()> {
        if self.stop_reason().is_some() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The reason not to begin a piece that is expected to take so long and to need so many bytes.
    #[must_use]
    pub fn no_room_for(&self, expected: Duration, bytes: u64) -> Option<StopReason> {
        if let Some(reason) = self.stop_reason() {
            return Some(reason);
        }
        let late = |limit| self.began.elapsed().saturating_add(expected) > limit;
        if self.budget.for_work().is_some_and(late) {
            return Some(StopReason::OutOfTime);
        }
        let costly = |limit| self.cpu_spent().saturating_add(expected) > limit;
        if self.budget.cpu.is_some_and(costly) {
            return Some(StopReason::OutOfCpu);
        }
        let large = |limit| self.memory_taken().saturating_add(bytes) > limit;
        self.budget.memory.is_some_and(large).then_some(StopReason::OutOfMemory)
    }

    fn look(&self, last_asked: &mut Option<Instant>) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        if self.budget.for_work().is_some_and(|limit| self.began.elapsed() >= limit) {
            return Some(StopReason::OutOfTime);
        }
        let now = Instant::now();
        if last_asked.is_some_and(|asked| now.duration_since(asked) < ASKED_EVERY) {
            return None;
        }
        *last_asked = Some(now);
        if self.budget.cpu.is_some_and(|limit| self.cpu_spent() >= limit) {
            return Some(StopReason::OutOfCpu);
        }
        let large = |limit| self.memory_taken() > limit;
        self.budget.memory.is_some_and(large).then_some(StopReason::OutOfMemory)
    }

    /// Wall-clock time since the begin.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Processor time of this process since the begin.
    #[must_use]
    pub fn cpu_spent(&self) -> Duration {
        usage::cpu_time().saturating_sub(self.began_cpu)
    }

    /// Bytes that the process holds beyond those at the begin; 0 where it cannot be told.
    #[must_use]
    pub fn memory_taken(&self) -> u64 {
        usage::private_bytes().saturating_sub(self.began_memory)
    }
}

#[cfg(all(test, loom))]
#[path = "budget_schedules.rs"]
mod schedules;

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
        let cancelled = Spending::begin(Budget::unlimited(), &token);
        assert_eq!(cancelled.stop_reason(), Some(StopReason::Cancelled));
        assert!(matches!(cancelled.check(), Err(Error::Cancelled)));
    }

    #[test]
    fn the_first_reason_to_cancel_is_kept_and_cut_between_characters() {
        let token = CancelToken::new();
        assert_eq!(token.reason(), None);
        token.cancel_because(&"\u{20ac}".repeat(100));
        token.cancel_because("battery low");
        assert!(token.is_cancelled());
        assert_eq!(token.reason().map(|reason| reason.len()), Some(198));
    }

    #[test]
    fn the_reserve_is_taken_from_the_wall_clock_time() {
        let work = |wall, reserve: Option<u64>| {
            let reserve = reserve.map(Duration::from_millis);
            Budget { reserve, ..Budget::wall(Duration::from_millis(wall)) }.for_work()
        };
        assert_eq!(work(1_000, None), Some(Duration::from_millis(900)));
        assert_eq!(work(600_000, None), Some(Duration::from_millis(598_000)));
        assert_eq!(work(1_000, Some(300)), Some(Duration::from_millis(700)));
        assert_eq!(work(1_000, Some(3_000)), Some(Duration::ZERO));
    }

    #[test]
    fn a_piece_that_does_not_fit_is_not_begun() {
        let token = CancelToken::new();
        let (hour, second) = (Duration::from_secs(3_600), Duration::from_secs(1));
        let timed = Spending::begin(Budget::wall(hour), &token);
        assert_eq!(timed.no_room_for(second, 1 << 40), None);
        assert_eq!(timed.no_room_for(2 * hour, 0), Some(StopReason::OutOfTime));
        let budget = Budget { cpu: Some(hour), memory: Some(1 << 40), ..Budget::default() };
        let counted = Spending::begin(budget, &token);
        assert_eq!(counted.no_room_for(second, 1 << 20), None);
        assert_eq!(counted.no_room_for(2 * hour, 0), Some(StopReason::OutOfCpu));
        assert_eq!(counted.no_room_for(second, 1 << 41), Some(StopReason::OutOfMemory));
    }

    #[test]
    fn no_thread_at_all_is_refused() {
        let with = |threads| Budget { threads, ..Budget::default() }.check();
        assert!(matches!(with(Some(0)), Err(Error::InvalidInput { .. })));
        assert!(with(Some(1)).is_ok() && with(None).is_ok());
    }

    #[test]
    fn processor_time_is_counted_and_ends_the_budget() {
        let token = CancelToken::new();
        let budget = Budget { cpu: Some(Duration::from_millis(30)), ..Budget::default() };
        let spending = Spending::begin(budget, &token);
        if !std::path::Path::new("/proc/self/stat").exists() {
            return;
        }
        let begun = Instant::now();
        while spending.stop_reason().is_none() && begun.elapsed() < Duration::from_secs(20) {
            std::hint::black_box((0..10_000u64).map(std::hint::black_box).sum::<u64>());
        }
        assert_eq!(spending.stop_reason(), Some(StopReason::OutOfCpu));
    }

    #[test]
    fn memory_is_counted_and_ends_the_budget() {
        if !std::path::Path::new("/proc/self/status").exists() {
            return;
        }
        let token = CancelToken::new();
        let budget = Budget { memory: Some(8 << 20), ..Budget::default() };
        let spending = Spending::begin(budget, &token);
        let taken = vec![1u8; 256 << 20];
        assert_eq!(spending.stop_reason(), Some(StopReason::OutOfMemory));
        assert_eq!(std::hint::black_box(taken)[99], 1);
    }
}
