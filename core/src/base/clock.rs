//! Time comes in as an argument, so that a night can be replayed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Tells the wall-clock time and the zone.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
    /// The device's offset from UTC in minutes, east positive.
    fn offset_minutes(&self) -> i32 {
        0
    }
    /// Milliseconds of a clock that nobody can set, from any moment before this process made the
    /// clock; none where there is no such clock.
    fn monotonic_ms(&self) -> Option<u64> {
        None
    }
}

/// When this process first asked for the time.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// The clock of the device, with the zone offset that the app told.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock {
    /// Offset from UTC in minutes, east positive.
    pub offset_minutes: i32,
}

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        // A clock before 1970 counts backwards instead of failing.
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        }
    }

    fn offset_minutes(&self) -> i32 {
        self.offset_minutes
    }

    fn monotonic_ms(&self) -> Option<u64> {
        u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_millis()).ok()
    }
}

/// A clock that stands where it is put: for simulations, replays and tests.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now_ms`.
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the clock to `now_ms`, forwards or backwards.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
