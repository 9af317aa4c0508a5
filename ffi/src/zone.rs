//! The clock of the device, in a zone that may change while a profile is open.

use std::sync::atomic::{AtomicI64, Ordering};

use noctule_core::base::{Clock, SystemClock};
use noctule_core::store::local_time;

use crate::{RecommenderError, Result};

/// No zone is further from UTC: 18 hours, the bound of ISO 8601 libraries.
const UTC_OFFSET_MINUTES_MAX: i32 = 18 * 60;
const MINUTE_MS: i64 = 60_000;

/// The system's time, with the offset that the app tells or else the system's own.
///
/// The system is asked at the first call of each minute of the clock: what is asked often costs
/// nothing, a changed zone is seen within a minute, and summer time at once, since it begins and
/// ends with a minute.
#[derive(Debug)]
pub(crate) struct ZoneClock(AtomicI64);

/// What the clock goes by. One number, so that no thread sees half of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// What the app told, in minutes.
    Told(i32),
    /// What the system said in the minute `asked` of the clock; the last that it could say.
    Followed { asked: i64, minutes: i32 },
}

impl Zone {
    /// Followed, and nothing known yet: UTC, in a minute that no clock of 64 bits comes to.
    const UNASKED: Self = Self::Followed { asked: -(1 << 49), minutes: 0 };

    const fn packed(self) -> i64 {
        let (asked, minutes, told) = match self {
            Self::Told(minutes) => (0, minutes, 1),
            Self::Followed { asked, minutes } => (asked, minutes, 0),
        };
        // The minute of a clock of 64 bits takes 49 of them, the offset 12.
        (asked << 13) | (((minutes + UTC_OFFSET_MINUTES_MAX) as i64) << 1) | told
    }

    const fn of(packed: i64) -> Self {
        let minutes = ((packed >> 1) & 0xfff) as i32 - UTC_OFFSET_MINUTES_MAX;
        match packed & 1 {
            1 => Self::Told(minutes),
            _ => Self::Followed { asked: packed >> 13, minutes },
        }
    }
}

impl Default for ZoneClock {
    fn default() -> Self {
        Self(AtomicI64::new(Zone::UNASKED.packed()))
    }
}

impl ZoneClock {
    /// From now on this many minutes east of UTC; none follows the system, which is asked anew.
    pub(crate) fn set(&self, minutes: Option<i32>) -> Result<()> {
        let zone = minutes.map_or(Zone::UNASKED, Zone::Told);
        if minutes.is_some_and(|minutes| !exists(minutes)) {
            let most = UTC_OFFSET_MINUTES_MAX;
            let reason = format!("must be between -{most} and {most}");
            return Err(RecommenderError::invalid("utc_offset_minutes", reason));
        }
        self.0.store(zone.packed(), Ordering::Relaxed);
        Ok(())
    }

    fn offset_at(&self, now_ms: i64, ask: impl FnOnce(i64) -> Option<i32>) -> i32 {
        let seen = self.0.load(Ordering::Relaxed);
        let now = now_ms.div_euclid(MINUTE_MS);
        match Zone::of(seen) {
            Zone::Told(minutes) => minutes,
            Zone::Followed { asked, minutes } if asked == now => minutes,
            Zone::Followed { minutes, .. } => {
                let minutes = ask(now_ms).filter(|&said| exists(said)).unwrap_or(minutes);
                let zone = Zone::Followed { asked: now, minutes };
                let (packed, order) = (zone.packed(), Ordering::Relaxed);
                // Not over what the app has told meanwhile, or another thread was told.
                let _ = self.0.compare_exchange(seen, packed, order, order);
                minutes
            }
        }
    }
}

fn exists(minutes: i32) -> bool {
    (-UTC_OFFSET_MINUTES_MAX..=UTC_OFFSET_MINUTES_MAX).contains(&minutes)
}

impl Clock for ZoneClock {
    fn now_ms(&self) -> i64 {
        SystemClock::default().now_ms()
    }

    fn offset_minutes(&self) -> i32 {
        self.offset_at(self.now_ms(), local_time::utc_offset_minutes)
    }

    fn monotonic_ms(&self) -> Option<u64> {
        SystemClock::default().monotonic_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unasked(_: i64) -> Option<i32> {
        panic!("asked");
    }

    #[test]
    fn a_zone_that_does_not_exist_is_refused_and_the_one_before_stays() {
        let clock = ZoneClock::default();
        clock.set(Some(-360)).unwrap();
        assert!(clock.set(Some(18 * 60 + 1)).is_err());
        assert!(clock.set(Some(i32::MIN)).is_err());
        assert_eq!(clock.offset_minutes(), -360);
    }

    #[test]
    fn what_the_app_told_holds_until_it_takes_it_back() {
        let clock = ZoneClock::default();
        for minutes in [-1_080, 0, 330, 1_080] {
            clock.set(Some(minutes)).unwrap();
            assert_eq!(clock.offset_at(0, unasked), minutes);
        }
        clock.set(None).unwrap();
        assert_eq!(clock.offset_at(0, |_| Some(60)), 60);
        assert_eq!(clock.offset_at(0, unasked), 60);
        // Asked anew, also in the same minute.
        clock.set(None).unwrap();
        assert_eq!(clock.offset_at(0, |_| Some(120)), 120);
    }

    #[test]
    fn the_system_is_asked_once_in_a_minute_of_the_clock() {
        let clock = ZoneClock::default();
        for minute in [29_000_000, 29_000_010, 28_000_000, 0, -5] {
            let begin = minute * MINUTE_MS;
            assert_eq!(clock.offset_at(begin + 59_999, |at| Some((at - begin) as i32 % 7)), 2);
            assert_eq!(clock.offset_at(begin, unasked), 2);
            assert_eq!(clock.offset_at(begin + MINUTE_MS, |_| Some(-90)), -90);
        }
        for end in [i64::MIN, i64::MAX] {
            assert_eq!(clock.offset_at(end, |_| Some(1_080)), 1_080);
            assert_eq!(clock.offset_at(end, unasked), 1_080);
        }
    }

    #[test]
    fn a_system_that_cannot_say_leaves_the_zone_as_it_was_and_utc_at_first() {
        let clock = ZoneClock::default();
        assert_eq!(clock.offset_at(0, |_| None), 0);
        assert_eq!(clock.offset_at(0, unasked), 0);
        assert_eq!(clock.offset_at(MINUTE_MS, |_| Some(-1_080)), -1_080);
        assert_eq!(clock.offset_at(2 * MINUTE_MS, |_| Some(1_081)), -1_080);
        assert_eq!(clock.offset_at(3 * MINUTE_MS, |_| None), -1_080);
    }

    #[test]
    fn what_the_app_tells_while_the_system_is_asked_holds() {
        let clock = ZoneClock::default();
        let asked = clock.offset_at(0, |_| {
            clock.set(Some(60)).unwrap();
            Some(120)
        });
        assert_eq!((asked, clock.offset_at(0, unasked)), (120, 60));
    }
}
