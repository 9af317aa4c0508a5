//! How often each slate is opened, with the old counting less, and what that lets expect.

use std::collections::BTreeMap;

use super::{Day, Days};

/// Days after which an opening counts half.
pub const HALF_LIFE_DAYS: u32 = 14;

/// `0.5^(1/14)`: a constant, since a power may differ in its last bit between machines.
const KEPT_A_DAY: f64 = 0.951_695_153_010_619_6;

/// Days after which nothing is left that could change an order: `0.5^40`.
const DAYS_MAX: i64 = 40 * HALF_LIFE_DAYS as i64;

/// Slates of which openings are kept: the events name them, and an app may name anything.
pub const OPENINGS_MAX: usize = 4_096;

/// Openings and days that are taken as seen before anything is (Laplace smoothing).
const PRIOR_OPENINGS: f64 = 0.5;
const PRIOR_DAYS: f64 = 1.0;

/// An opening further back than this before the newest means that the clock was wrong before.
const CLOCK_SLACK_DAYS: i64 = 2;

/// Counts of one slate, by kind of day, as of the newest day that was noted of any.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Openings on Mondays to Fridays, decayed.
    pub weekday: f64,
    /// Openings on Saturdays and Sundays, decayed.
    pub weekend: f64,
}

/// The openings of all slates: an exponentially decaying count by slate and kind of day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Openings {
    /// By surface and context.
    pub by_slate: BTreeMap<(String, String), Usage>,
    /// Days that were observed, decayed alike: what the counts are divided by.
    pub days: Usage,
    /// The newest day that was noted.
    pub newest: Option<i64>,
}

impl Openings {
    /// Notes that the slate of `surface` and `context` was opened on `day`.
    ///
    /// A day before the newest counts for less, as if it had been noted then. One that is more than
    /// two days before shows that the clock was wrong: the counts stand as of it from then on.
    pub fn note(&mut self, surface: &str, context: &str, day: Day) {
        let behind = self.advance(day);
        let key = (surface.to_owned(), context.to_owned());
        if !self.by_slate.contains_key(&key) && self.by_slate.len() >= OPENINGS_MAX {
            self.forget_least();
        }
        *of_kind(self.by_slate.entry(key).or_default(), day) += kept_after(behind);
    }

    /// Openings of a slate that are to be expected on `coming`: its rate on days of that kind,
    /// drawn towards its rate on all days, which is drawn towards a prior. A slate whose context
    /// does not hold on that day (`holds`) has a prior of nearly nothing.
    #[must_use]
    pub fn expected(&self, surface: &str, context: &str, coming: Day, holds: Option<Days>) -> f64 {
        let key = (surface.to_owned(), context.to_owned());
        let usage = self.by_slate.get(&key).copied().unwrap_or_default();
        let possible = holds.is_none_or(|days| days.holds(week_day(coming)));
        let all = self.days.weekday + self.days.weekend;
        let overall = if possible {
            (usage.weekday + usage.weekend + PRIOR_OPENINGS) / (all + PRIOR_DAYS)
        } else {
            // What it is on other days says nothing of a day on which it does not hold.
            PRIOR_OPENINGS / 100.0 / (all + PRIOR_DAYS)
        };
        let mut seen = usage;
        let mut days = self.days;
        (*of_kind(&mut seen, coming) + overall * PRIOR_DAYS)
            / (*of_kind(&mut days, coming) + PRIOR_DAYS)
    }

    /// Lets the counts stand as of `day`, and gives by how many days it lies before the newest.
    fn advance(&mut self, day: Day) -> i64 {
        let Some(newest) = self.newest else {
            self.newest = Some(day.0);
            *of_kind(&mut self.days, day) += 1.0;
            return 0;
        };
        let ahead = day.0.saturating_sub(newest);
        if ahead < -CLOCK_SLACK_DAYS {
            self.newest = Some(day.0);
            return 0;
        }
        if ahead <= 0 {
            return -ahead;
        }
        let kept = kept_after(ahead);
        for usage in self.by_slate.values_mut() {
            *usage = Usage { weekday: usage.weekday * kept, weekend: usage.weekend * kept };
        }
        self.by_slate.retain(|_, usage| usage.weekday + usage.weekend > 1e-9);
        self.days = Usage { weekday: self.days.weekday * kept, weekend: self.days.weekend * kept };
        // The days between were observed too: nothing was opened on them.
        for between in (day.0.saturating_sub(ahead.min(DAYS_MAX) - 1)..=day.0).map(Day) {
            *of_kind(&mut self.days, between) += kept_after(day.0.saturating_sub(between.0));
        }
        self.newest = Some(day.0);
        0
    }

    fn forget_least(&mut self) {
        let total = |usage: &Usage| usage.weekday + usage.weekend;
        let least = self.by_slate.iter().min_by(|a, b| total(a.1).total_cmp(&total(b.1)));
        if let Some(key) = least.map(|(key, _)| key.clone()) {
            self.by_slate.remove(&key);
        }
    }
}

/// What is left of one opening after so many days.
fn kept_after(days: i64) -> f64 {
    if days > DAYS_MAX {
        return 0.0;
    }
    (0..days).fold(1.0, |kept, _| kept * KEPT_A_DAY)
}

fn of_kind(usage: &mut Usage, day: Day) -> &mut f64 {
    if week_day(day) < 5 { &mut usage.weekday } else { &mut usage.weekend }
}

/// Day of the week, Monday 0: 1970-01-01 was a Thursday.
fn week_day(day: Day) -> u32 {
    (day.0.rem_euclid(7) as u32 + 3) % 7
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Monday.
    const MONDAY: i64 = 20_717;

    fn noted(openings: &[(&str, i64)]) -> Openings {
        let mut noted = Openings::default();
        openings.iter().for_each(|(context, day)| noted.note("home", context, Day(*day)));
        noted
    }

    fn expected(openings: &Openings, context: &str, day: i64) -> f64 {
        openings.expected("home", context, Day(day), None)
    }

    #[test]
    fn the_constant_halves_in_a_fortnight_and_the_week_begins_on_monday() {
        assert!((kept_after(14) - 0.5).abs() < 1e-9);
        assert_eq!((Day(MONDAY).weekday(), week_day(Day(MONDAY))), ("Mon", 0));
    }

    #[test]
    fn lunch_on_every_weekday_beats_fifty_openings_a_year_ago() {
        let mut days = vec![("old", MONDAY - 365); 50];
        days.extend([0, 1, 2, 3, 4, 7, 8, 9, 10, 11].map(|day| ("lunch", MONDAY + day)));
        let openings = noted(&days);
        let (lunch, old) =
            (expected(&openings, "lunch", MONDAY + 14), expected(&openings, "old", MONDAY + 14));
        assert!(lunch > 100.0 * old, "{lunch} and {old}");
    }

    #[test]
    fn a_slate_of_weekends_comes_first_on_saturday_and_last_on_tuesday() {
        let mut days = Vec::new();
        for week in 0..4 {
            days.extend([0, 1, 2, 3, 4].map(|day| ("lunch", MONDAY + 7 * week + day)));
            days.extend([5, 6].map(|day| ("brunch", MONDAY + 7 * week + day)));
        }
        let openings = noted(&days);
        let brunch_leads =
            |day| expected(&openings, "brunch", day) > expected(&openings, "lunch", day);
        assert!(brunch_leads(MONDAY + 33) && !brunch_leads(MONDAY + 29));
    }

    #[test]
    fn what_was_never_opened_is_expected_a_little_and_less_when_its_day_is_not_to_come() {
        let openings = noted(&[("lunch", MONDAY)]);
        let on = |day, days| openings.expected("home", "dinner", Day(day), Some(days));
        assert!(on(MONDAY + 1, Days::Weekday) > 10.0 * on(MONDAY + 5, Days::Weekday));
        assert!(on(MONDAY + 5, Days::Weekday) > 0.0);
    }

    #[test]
    fn a_clock_that_was_in_the_future_does_not_outweigh_today_for_ever() {
        let mut openings = noted(&[("wrong", MONDAY + 30_000), ("wrong", MONDAY + 30_000)]);
        for day in 0..5 {
            openings.note("home", "lunch", Day(MONDAY + day));
        }
        let on = |context| expected(&openings, context, MONDAY + 7);
        assert!(on("lunch") > on("wrong"));
    }

    #[test]
    fn the_number_of_slates_is_bounded_and_the_least_opened_goes() {
        let mut openings = Openings::default();
        for number in 0..OPENINGS_MAX + 5 {
            openings.note("home", &number.to_string(), Day(MONDAY));
            openings.note("home", "lunch", Day(MONDAY));
        }
        assert_eq!(openings.by_slate.len(), OPENINGS_MAX);
        assert!(openings.by_slate.contains_key(&("home".into(), "lunch".into())));
    }

    proptest! {
        #[test]
        fn any_days_give_finite_counts_and_positive_expectations(
            days in prop::collection::vec(any::<i64>(), 1..40),
            coming in any::<i64>(),
        ) {
            let mut openings = Openings::default();
            for day in days {
                openings.note("home", "lunch", Day(day));
            }
            let value = expected(&openings, "lunch", coming);
            prop_assert!(value.is_finite() && value > 0.0);
        }

        #[test]
        fn one_more_opening_today_never_lowers_what_is_expected(
            days in prop::collection::vec(0i64..200, 1..40),
        ) {
            let mut openings = Openings::default();
            let newest = MONDAY + 200;
            for day in days {
                openings.note("home", "lunch", Day(MONDAY + day));
            }
            openings.note("home", "other", Day(newest));
            let before = expected(&openings, "lunch", newest + 1);
            openings.note("home", "lunch", Day(newest));
            prop_assert!(expected(&openings, "lunch", newest + 1) >= before);
        }
    }
}
