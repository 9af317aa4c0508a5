//! The clock of the device, in a zone that may change while a profile is open.

use std::sync::atomic::{AtomicI32, Ordering};

use noctule_core::base::{Clock, SystemClock};

use crate::{RecommenderError, Result};

/// No zone is further from UTC: 18 hours, the bound of ISO 8601 libraries.
const UTC_OFFSET_MINUTES_MAX: i32 = 18 * 60;

/// The system's time with an offset that the app tells.
#[derive(Debug, Default)]
pub(crate) struct ZoneClock(AtomicI32);

impl ZoneClock {
    /// From now on this many minutes east of UTC.
    pub(crate) fn set(&self, minutes: i32) -> Result<()> {
        let allowed = -UTC_OFFSET_MINUTES_MAX..=UTC_OFFSET_MINUTES_MAX;
        if !allowed.contains(&minutes) {
            let reason = format!("must be between {} and {}", allowed.start(), allowed.end());
            return Err(RecommenderError::invalid("utc_offset_minutes", reason));
        }
        self.0.store(minutes, Ordering::Relaxed);
        Ok(())
    }

    fn system(&self) -> SystemClock {
        SystemClock { offset_minutes: self.offset_minutes() }
    }
}

impl Clock for ZoneClock {
    fn now_ms(&self) -> i64 {
        self.system().now_ms()
    }

    fn offset_minutes(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> Option<u64> {
        self.system().monotonic_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_does_not_exist_is_refused_and_the_one_before_stays() {
        let clock = ZoneClock::default();
        clock.set(-360).unwrap();
        assert!(clock.set(18 * 60 + 1).is_err());
        assert!(clock.set(i32::MIN).is_err());
        assert_eq!(clock.offset_minutes(), -360);
    }
}
