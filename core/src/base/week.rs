//! The week in local minutes: opening hours and the contexts of a plan.

use serde::{Deserialize, Serialize};

/// Minutes of a day.
pub const DAY_MINUTES: u32 = 24 * 60;
/// Minutes of a week.
pub const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;

/// A minute of the local week, from Monday 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WeekMinute(pub u32);

impl WeekMinute {
    /// The minute of the week at `now_ms` (Unix milliseconds) `offset_minutes` east of UTC.
    #[must_use]
    pub fn at(now_ms: i64, offset_minutes: i32) -> Self {
        // 1970-01-01 was a Thursday: three days after a Monday.
        let minutes = now_ms.div_euclid(60_000) + i64::from(offset_minutes);
        let since_monday = minutes + 3 * i64::from(DAY_MINUTES);
        Self(since_monday.rem_euclid(i64::from(WEEK_MINUTES)) as u32)
    }

    /// Day of the week, Monday 0 to Sunday 6.
    #[must_use]
    pub fn day(self) -> u32 {
        self.0 / DAY_MINUTES
    }

    /// Minute of the day.
    #[must_use]
    pub fn minute(self) -> u32 {
        self.0 % DAY_MINUTES
    }
}

/// Days on which a [`Span`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Days {
    /// Every day.
    Every,
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
}

impl Days {
    /// Whether the day (Monday 0) is among them.
    #[must_use]
    pub fn holds(self, day: u32) -> bool {
        match self {
            Self::Every => true,
            Self::Weekday => day < 5,
            Self::Weekend => day >= 5,
        }
    }
}

/// A daily span of local time, `from` included, `until` excluded, in minutes of the day.
///
/// When `until` is not after `from` the span goes past midnight and belongs to the day on which it
/// begins; `from == until` is a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The days on which the span begins.
    pub days: Days,
    /// First minute, 0 to 1439.
    pub from: u32,
    /// Minute after the last, 0 to 1440.
    pub until: u32,
}

impl Span {
    /// Whether both ends are minutes of a day: `from` up to 1439, `until` up to 1440.
    #[must_use]
    pub fn is_in_range(self) -> bool {
        self.from < DAY_MINUTES && self.until <= DAY_MINUTES
    }

    /// Length in minutes.
    #[must_use]
    pub fn length(self) -> u32 {
        if self.until > self.from {
            self.until - self.from
        } else {
            DAY_MINUTES - self.from + self.until
        }
    }

    /// Whether the span holds at `moment`.
    #[must_use]
    pub fn holds(self, moment: WeekMinute) -> bool {
        let since = |day: u32| {
            (moment.0 + WEEK_MINUTES - (day * DAY_MINUTES + self.from) % WEEK_MINUTES)
                % WEEK_MINUTES
        };
        (0..7).any(|day| self.days.holds(day) && since(day) < self.length())
    }

    /// The middle of the span on the first day on which it begins: the moment that stands for it.
    #[must_use]
    pub fn middle(self) -> WeekMinute {
        let first = (0..7).find(|day| self.days.holds(*day)).unwrap_or(0);
        WeekMinute((first * DAY_MINUTES + self.from + self.length() / 2) % WEEK_MINUTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(day: u32, hour: u32) -> WeekMinute {
        WeekMinute(day * DAY_MINUTES + hour * 60)
    }

    #[test]
    fn the_epoch_was_a_thursday_and_offsets_cross_midnight() {
        assert_eq!(WeekMinute::at(0, 0), at(3, 0));
        assert_eq!(WeekMinute::at(0, -60), at(2, 23));
        assert_eq!(WeekMinute::at(-1, 0).day(), 2);
    }

    #[test]
    fn a_span_past_midnight_belongs_to_the_day_it_begins() {
        let late = Span { days: Days::Weekend, from: 22 * 60, until: 2 * 60 };
        assert_eq!(late.length(), 240);
        assert!(late.holds(at(6, 23)) && late.holds(at(0, 1)));
        assert!(!late.holds(at(5, 1)), "Friday night is no weekend span");
        assert!(!late.holds(at(0, 2)));
    }

    #[test]
    fn the_middle_lies_inside() {
        for (from, until) in [(420, 660), (1320, 120), (0, 0), (0, 1440)] {
            for days in [Days::Every, Days::Weekday, Days::Weekend] {
                let span = Span { days, from, until };
                assert!(span.holds(span.middle()), "{span:?}");
            }
        }
    }
}
