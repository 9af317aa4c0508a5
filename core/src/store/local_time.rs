//! The local time of the device, which SQLite asks of the system.
//!
//! The system knows the zone that its user has chosen, also while it changes: on Android and on
//! Apple's systems a running process sees a new zone at its next question. glibc reads the zone
//! once for a process.

use rusqlite::Connection;

use super::first::first_alone;

/// In 28 years each date has the same day of the week again, and leap years are as they were; but
/// for 2100, which is none.
const CYCLE_S: i64 = 28 * 1_461 / 4 * 86_400;
/// 2038-01-01. From a few days later on SQLite asks about a year from 2000 to 2003 instead, where
/// summer time began and ended on other days.
const ASKED_BEFORE_S: i64 = 2_145_916_800;

/// The system's offset from UTC in minutes at `at_ms` (Unix milliseconds), east positive; none when
/// SQLite or the system cannot say. From 2038 on it is what it was 28 years before, and so on.
#[must_use]
pub fn utc_offset_minutes(at_ms: i64) -> Option<i32> {
    let at_s = known_s(at_ms.div_euclid(1_000));
    let connection = first_alone(Connection::open_in_memory).ok()?;
    let sql = "SELECT CAST(strftime('%s', ?1, 'unixepoch', 'localtime') AS INTEGER) - ?1";
    let offset_s: Option<i64> = connection.query_row(sql, [at_s], |row| row.get(0)).ok()?;
    // Before there were zones, places were off by seconds.
    i32::try_from((offset_s? + 30).div_euclid(60)).ok()
}

/// The latest time on the same date and day of the week that SQLite asks the system about.
fn known_s(at_s: i64) -> i64 {
    let past = at_s - ASKED_BEFORE_S;
    if past < 0 { at_s } else { past.rem_euclid(CYCLE_S) - CYCLE_S + ASKED_BEFORE_S }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: &str = "NOCTULE_TIMES";
    /// How a line of the child begins that is an answer.
    const ANSWER: &str = "offset: ";

    /// What a process in the zone `zone` says of these times. A zone is told to a process once, and
    /// rules instead of a name need no files.
    fn offsets(zone: &str, times_s: &[i64]) -> Vec<Option<i32>> {
        let times: Vec<String> = times_s.iter().map(i64::to_string).collect();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["store::local_time::tests::as_a_process", "--exact", "--ignored"]);
        child.args(["--nocapture"]).env("TZ", zone).env(TIMES, times.join(" "));
        let output = child.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        // The first answer stands on the line with which the harness names the test.
        let answers = said.lines().filter_map(|line| line.split_once(ANSWER));
        answers.map(|(_, answer)| answer.parse().ok()).collect()
    }

    #[test]
    #[ignore = "the process that the other tests start"]
    fn as_a_process() {
        for time in std::env::var(TIMES).unwrap().split(' ') {
            let at_ms = time.parse::<i64>().unwrap().saturating_mul(1_000);
            match utc_offset_minutes(at_ms) {
                Some(minutes) => println!("{ANSWER}{minutes}"),
                None => println!("{ANSWER}none"),
            }
        }
    }

    const NEW_YEAR: i64 = 1_767_225_600;
    const JULY: i64 = 1_782_864_000;

    #[test]
    fn zones_with_and_without_summer_time_are_as_the_system_has_them() {
        for (zone, winter, summer) in [
            ("UTC0", 0, 0),
            ("XYZ-5:30", 330, 330),
            ("NST3:30NDT,M3.2.0,M11.1.0", -210, -150),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 60, 120),
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 660, 600),
            ("<+14>-14", 840, 840),
            ("<-12>12", -720, -720),
        ] {
            let said = offsets(zone, &[NEW_YEAR, JULY]);
            assert_eq!(said, [Some(winter), Some(summer)], "{zone}");
        }
    }

    #[test]
    fn summer_time_begins_and_ends_at_its_second() {
        let (begin, end) = (1_774_746_000, 1_792_890_000);
        let said = offsets("CET-1CEST,M3.5.0,M10.5.0/3", &[begin - 1, begin, end - 1, end]);
        assert_eq!(said, [Some(60), Some(120), Some(120), Some(60)]);
    }

    #[test]
    fn summer_time_goes_on_behind_2038() {
        // 2040-03-25 01:00, 2040-10-28 01:00
        let (begin, end) = (2_216_250_000, 2_234_998_800);
        let said = offsets("CET-1CEST,M3.5.0,M10.5.0/3", &[begin - 1, begin, end - 1, end]);
        assert_eq!(said, [Some(60), Some(120), Some(120), Some(60)]);
    }

    #[test]
    fn seconds_are_rounded_to_minutes() {
        assert_eq!(offsets("LMT-0:19:32", &[JULY]), [Some(20)]);
        assert_eq!(offsets("LMT0:25:21", &[JULY]), [Some(-25)]);
    }

    #[test]
    fn times_far_away_have_an_offset_or_none() {
        let said = offsets("XYZ-5:30", &[-1, 0, ASKED_BEFORE_S, i64::MAX, i64::MIN]);
        assert_eq!(said, [Some(330), Some(330), Some(330), Some(330), None]);
        for at_ms in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let offset = utc_offset_minutes(at_ms);
            assert!(offset.is_none_or(|minutes| minutes.abs() <= 26 * 60), "{offset:?}");
        }
    }

    #[test]
    fn a_time_that_sqlite_would_not_ask_about_is_moved_by_whole_cycles() {
        assert_eq!(known_s(ASKED_BEFORE_S - 1), ASKED_BEFORE_S - 1);
        assert_eq!(known_s(ASKED_BEFORE_S), ASKED_BEFORE_S - CYCLE_S);
        for at_s in [ASKED_BEFORE_S, 4_000_000_000, i64::MAX / 1_000] {
            let known = known_s(at_s);
            assert_eq!((at_s - known) % CYCLE_S, 0);
            assert!((ASKED_BEFORE_S - CYCLE_S..ASKED_BEFORE_S).contains(&known));
        }
    }
}
