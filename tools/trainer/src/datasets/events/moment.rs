//! Times as tables hold them: numbers of some unit, or dates in ISO 8601.

use noctule_core::base::Day;
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// What a number in a column of times counts, since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Found from the largest number: seconds below 10^11 (the year 5138), then milliseconds,
    /// microseconds and nanoseconds, each for a thousand times more.
    #[default]
    Auto,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl TimeUnit {
    /// The unit itself, found from the largest absolute number where it is [`Self::Auto`].
    #[must_use]
    pub fn resolved(self, largest: u64) -> Self {
        match (self, largest) {
            (Self::Auto, 0..100_000_000_000) => Self::Seconds,
            (Self::Auto, 100_000_000_000..100_000_000_000_000) => Self::Milliseconds,
            (Self::Auto, 100_000_000_000_000..100_000_000_000_000_000) => Self::Microseconds,
            (Self::Auto, _) => Self::Nanoseconds,
            (unit, _) => unit,
        }
    }

    /// `number` of this unit in milliseconds, rounded down; none when it is out of range.
    #[must_use]
    pub fn milliseconds(self, number: i64) -> Option<i64> {
        match self {
            Self::Seconds => number.checked_mul(1_000),
            Self::Auto | Self::Milliseconds => Some(number),
            Self::Microseconds => Some(number.div_euclid(1_000)),
            Self::Nanoseconds => Some(number.div_euclid(1_000_000)),
        }
    }
}

/// A time as it stands in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A number, of a unit that the whole column tells.
    Number(i64),
    /// Unix milliseconds.
    Milliseconds(i64),
}

/// Reads a whole number, a number with a fraction (which is dropped), or a date such as
/// `2026-09-21`, `2026-09-21 18:30`, `2026-09-21T18:30:15.250Z` or `...+02:00`; without an offset
/// it is UTC.
pub(super) fn parse(text: &str) -> Option<Moment> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Moment::Number(number));
    }
    if let Ok(number) = text.parse::<f64>() {
        return of_float(number);
    }
    iso(text).map(Moment::Milliseconds)
}

/// A time that stands as a floating-point number.
pub(super) fn of_float(number: f64) -> Option<Moment> {
    // Beyond 2^63 the cast would saturate.
    (number.is_finite() && number.abs() < 9.2e18).then(|| Moment::Number(number.floor() as i64))
}

/// A date in ISO 8601, as [`TimeUnit`]s stand beside it in tables, in Unix milliseconds; without an
/// offset it is UTC.
///
/// ```
/// use noctule_trainer::datasets::events::date_ms;
/// assert_eq!(date_ms("1970-01-02"), Some(86_400_000));
/// assert_eq!(date_ms("yesterday"), None);
/// ```
#[must_use]
pub fn date_ms(text: &str) -> Option<i64> {
    iso(text)
}

fn iso(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.split('-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() {
        return None;
    }
    let midnight = Day::of_date(year, month, day)?.0.checked_mul(DAY_MS)?;
    if rest.is_empty() {
        return Some(midnight);
    }
    let time = rest.strip_prefix(['T', ' '])?;
    let (clock, offset_ms) = zone(time)?;
    Some(midnight + clock_ms(clock)? - offset_ms)
}

/// The part before the zone, and the zone in milliseconds east of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let (clock, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = &zone[1..];
    let (hours, minutes) = match zone.split_once(':') {
        Some((hours, minutes)) => (digits(hours)?, digits(minutes)?),
        None if zone.len() == 4 => (digits(zone.get(..2)?)?, digits(zone.get(2..)?)?),
        None => (digits(zone)?, 0),
    };
    (hours < 24 && minutes < 60).then_some((clock, sign * (hours * 60 + minutes) * 60_000))
}

fn clock_ms(clock: &str) -> Option<i64> {
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (digits(parts.next()?)?, digits(parts.next()?)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(text) => match text.split_once('.') {
            None => (digits(text)?, 0),
            Some((seconds, fraction)) => {
                digits(fraction)?;
                let thousandths = format!("{fraction:0<3.3}");
                (digits(seconds)?, digits(&thousandths)?)
            }
        },
    };
    // 60 for a leap second.
    (hours < 24 && minutes < 60 && seconds <= 60)
        .then_some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + fraction)
}

fn digits(text: &str) -> Option<i64> {
    let short = (1..=18).contains(&text.len());
    if short && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_millisecond_in_any_zone() {
        let at = 1_790_015_400_000;
        for text in [
            "2026-09-21 18:30",
            "2026-09-21T18:30:00Z",
            "2026-09-21T20:30:00.000+02:00",
            "2026-09-21T13:00:00-0530",
        ] {
            assert_eq!(parse(text), Some(Moment::Milliseconds(at)), "{text}");
        }
        assert_eq!(parse("1970-01-02"), Some(Moment::Milliseconds(DAY_MS)));
        assert_eq!(parse("1970-01-01T00:00:00.25Z"), Some(Moment::Milliseconds(250)));
        assert_eq!(parse("1969-12-31 23:59:59"), Some(Moment::Milliseconds(-1_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "NaN",
            "inf",
            "1e30",
            "2026-02-30",
            "2026-09-21T25:00",
            "2026-09-2118:30",
            "2026-09-21T18",
            "2026-9-21",
            "2026-09-21 18:30:00.",
            "2026-09-21T18:30+99:00",
            "é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_unit_follows_from_the_largest_number() {
        for (largest, unit) in [
            (1_790_000_000, TimeUnit::Seconds),
            (1_790_000_000_000, TimeUnit::Milliseconds),
            (1_790_000_000_000_000, TimeUnit::Microseconds),
            (1_790_000_000_000_000_000, TimeUnit::Nanoseconds),
        ] {
            assert_eq!(TimeUnit::Auto.resolved(largest), unit);
            assert_eq!(unit.milliseconds(largest as i64), Some(1_790_000_000_000));
        }
        assert_eq!(TimeUnit::Seconds.resolved(u64::MAX), TimeUnit::Seconds);
        assert_eq!(TimeUnit::Seconds.milliseconds(i64::MAX), None);
    }
}
