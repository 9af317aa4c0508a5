//! Days, counted and as dates.

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A day, counted from 1970-01-01; displayed as `YYYY-MM-DD`.
///
/// ```
/// use noctule_core::base::Day;
/// assert_eq!(Day::at(1_790_000_000_000, 0).to_string(), "2026-09-21");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment (Unix milliseconds), `offset_minutes` east of UTC.
    #[must_use]
    pub fn at(at_ms: i64, offset_minutes: i32) -> Self {
        Self(at_ms.saturating_add(i64::from(offset_minutes) * 60_000).div_euclid(DAY_MS))
    }

    /// The minute of the day of a moment, 0 to 1439.
    #[must_use]
    pub fn minute(at_ms: i64, offset_minutes: i32) -> u32 {
        let minutes = at_ms.div_euclid(60_000).saturating_add(i64::from(offset_minutes));
        minutes.rem_euclid(24 * 60) as u32
    }

    /// Year, month and day of the month in the proleptic Gregorian calendar, by the algorithm
    /// `civil_from_days` of Howard Hinnant (chrono-Compatible Low-Level Date Algorithms, 2021).
    #[must_use]
    pub fn date(self) -> (i64, i64, i64) {
        let shifted = self.0 + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }

    /// The day of a date in the proleptic Gregorian calendar, by the algorithm `days_from_civil`
    /// of the same source; `None` when there is no such day.
    #[must_use]
    pub fn of_date(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let shifted_year = year - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = (month + 9) % 12;
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let found = Self(era * 146_097 + day_of_era - 719_468);
        // The 31st of a shorter month would be the first of the next one.
        (found.date() == (year, month, day)).then_some(found)
    }

    /// Short English name of the day of the week.
    #[must_use]
    pub fn weekday(self) -> &'static str {
        // 1970-01-01 was a Thursday.
        ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][self.0.rem_euclid(7) as usize]
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates_and_names() {
        // python3 -c "import datetime as d
        // x = d.date(1970,1,1) + d.timedelta(20777); print(x, x.strftime('%a'))"
        assert_eq!(
            (Day(20_777).to_string().as_str(), Day(20_777).weekday()),
            ("2026-11-20", "Fri")
        );
        assert_eq!((Day(0).to_string().as_str(), Day(0).weekday()), ("1970-01-01", "Thu"));
        let more = [
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_780, "2026-11-23"),
            (47_481, "2099-12-31"),
        ];
        for (day, date) in more.into_iter().chain([(-1, "1969-12-31"), (2_932_896, "9999-12-31")]) {
            assert_eq!(Day(day).to_string(), date);
        }
    }

    #[test]
    fn dates_are_days_and_other_dates_are_none() {
        for day in (-719_528..=2_932_896).step_by(17) {
            let (year, month, date) = Day(day).date();
            assert_eq!(Day::of_date(year, month, date), Some(Day(day)));
        }
        for (year, month, day) in [(2026, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 1, 0)] {
            assert_eq!(Day::of_date(year, month, day), None);
        }
    }

    #[test]
    fn the_offset_moves_midnight() {
        let late = 20_777 * DAY_MS + 23 * 3_600_000;
        assert_eq!(Day::at(late, 0), Day(20_777));
        assert_eq!(Day::at(late, 120), Day(20_778));
        assert_eq!(Day::at(-1, 0), Day(-1));
        assert_eq!((Day::minute(late, 0), Day::minute(late, 120)), (23 * 60, 60));
    }
}
