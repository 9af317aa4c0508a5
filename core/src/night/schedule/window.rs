//! When it is night for this device.

/// Minutes of a day.
const DAY: u32 = 24 * 60;
/// Hours of a window that was learned.
const LEARNED_HOURS: usize = 8;
/// Observations from which on a window is learned: some nights of asking once an hour.
const LEARNED_FROM: u32 = 24;
/// An hour's count at which all are halved, so that a habit that changes is learned anew.
const COUNT_MAX: u16 = 64;

/// The local hours of a night.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First minute of the local day, 0 to 1439.
    pub from: u32,
    /// The minute after the last; at or before `from` it is on the day after.
    pub until: u32,
}

impl Window {
    /// Minutes from its begin to its end, 1 to 1440.
    #[must_use]
    pub fn length(self) -> u32 {
        let (from, until) = (self.from % DAY, self.until % DAY);
        if until > from { until - from } else { until + DAY - from }
    }

    /// Minutes since it last began, at `minute` of the local day: 0 to 1439.
    #[must_use]
    pub fn since_begin(self, minute: u32) -> u32 {
        (minute % DAY + DAY - self.from % DAY) % DAY
    }

    /// Whether `minute` of the local day lies in it.
    #[must_use]
    pub fn holds(self, minute: u32) -> bool {
        self.since_begin(minute) < self.length()
    }
}

/// How often the device was seen charging and unused, by hour of the local day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GoodHours(pub [u16; 24]);

impl GoodHours {
    /// Notes that the device charges unused at `minute` of the local day.
    pub fn note(&mut self, minute: u32) {
        let hour = (minute % DAY / 60) as usize;
        if self.0[hour] >= COUNT_MAX {
            self.0.iter_mut().for_each(|count| *count /= 2);
        }
        self.0[hour] += 1;
    }

    /// The eight hours in which the device charges unused most often, once that is known: with 24
    /// observations, two thirds of them within these hours. Of equal ones that which begins nearest
    /// to `usual`. None otherwise.
    #[must_use]
    pub fn window(&self, usual: Window) -> Option<Window> {
        let total: u32 = self.0.iter().map(|count| u32::from(*count)).sum();
        if total < LEARNED_FROM {
            return None;
        }
        let within = |from: usize| -> u32 {
            (from..from + LEARNED_HOURS).map(|hour| u32::from(self.0[hour % 24])).sum()
        };
        let apart = |from: usize| {
            let ahead = usual.since_begin(from as u32 * 60);
            ahead.min(DAY - ahead)
        };
        let best = (0..24).max_by_key(|from| (within(*from), std::cmp::Reverse(apart(*from))))?;
        let from = best as u32 * 60;
        let until = (from + LEARNED_HOURS as u32 * 60) % DAY;
        (within(best) * 3 >= total * 2).then_some(Window { from, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Window = Window { from: 22 * 60, until: 6 * 60 };

    #[test]
    fn a_window_may_span_midnight_or_the_whole_day() {
        assert_eq!(USUAL.length(), 8 * 60);
        let holds = [0, 359, 360, 1_319, 1_320, 1_439].map(|minute| USUAL.holds(minute));
        assert_eq!(holds, [true, true, false, false, true, true]);
        let day = Window { from: 60, until: 60 };
        assert!((0..DAY).all(|minute| day.holds(minute)));
        let noon = Window { from: 600, until: 900 };
        assert!(noon.holds(600) && !noon.holds(900) && noon.since_begin(599) == 1_439);
    }

    #[test]
    fn who_sleeps_by_day_has_the_night_by_day() {
        let mut hours = GoodHours::default();
        assert_eq!(hours.window(USUAL), None);
        for _ in 0..5 {
            for hour in [8, 9, 10, 11, 12, 13, 14, 15, 3] {
                hours.note(hour * 60);
            }
        }
        assert_eq!(hours.window(USUAL), Some(Window { from: 480, until: 960 }));
    }

    #[test]
    fn without_a_habit_nothing_is_learned_and_of_equal_hours_the_usual_ones_are_taken() {
        let mut any = GoodHours([4; 24]);
        assert_eq!(any.window(USUAL), None);
        any = GoodHours::default();
        (0..30).for_each(|_| any.note(2 * 60));
        assert_eq!(any.window(USUAL), Some(USUAL));
    }

    #[test]
    fn a_new_habit_outweighs_the_old_one_and_counts_stay_small() {
        let mut hours = GoodHours::default();
        (0..100_000).for_each(|_| hours.note(23 * 60));
        (0..300).for_each(|_| hours.note(11 * 60));
        assert!(hours.0.iter().all(|count| *count <= COUNT_MAX));
        assert!(hours.window(USUAL).is_some_and(|window| window.holds(11 * 60)));
    }
}
