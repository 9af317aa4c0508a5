//! What arrived: gaps, repeats, lateness, clocks.

use std::fs;
use std::path::Path;

use noctule_core::base::{Seed, SeededRandom};
use noctule_reports::{
    DeliveryAudit, Error, InstallationDay, audit, audit_delivery, day_of, read_feedback,
};

use crate::fixture::{DAY_MS, Event, MIDNIGHT_MS, Phone, documented_schema, write_parquet};

const HOUR_MS: i64 = 3_600_000;

/// An event at an hour after the first midnight, received `late_ms` later.
fn event(installation: &str, sequence: u64, hour: i64, late_ms: i64) -> Event {
    let mut phone = Phone::new(installation, "model");
    phone.event("click", 0, "lunch", "cafe");
    let mut event = phone.events.remove(0);
    event.sequence = sequence;
    event.at_ms = MIDNIGHT_MS + hour * HOUR_MS;
    event.received_ms = event.at_ms + late_ms;
    event
}

/// Writes events as the collector does, each into the folder of its day: one file for each of
/// `parts`, in the order of installations and numbers.
fn write(folder: &Path, parts: &[Vec<Event>]) {
    for (number, part) in parts.iter().enumerate() {
        let mut days: Vec<i64> =
            part.iter().map(|event| (event.at_ms - MIDNIGHT_MS).div_euclid(DAY_MS)).collect();
        days.sort_unstable();
        days.dedup();
        for day in days {
            let of_day = |event: &&Event| (event.at_ms - MIDNIGHT_MS).div_euclid(DAY_MS) == day;
            let mut events: Vec<Event> = part.iter().filter(of_day).cloned().collect();
            events.sort_by_key(|event| (event.installation.clone(), event.sequence));
            let name = format!("app=town/day=2026-11-{:02}/part-{number}.parquet", 20 + day);
            write_parquet(&folder.join(name), &events, &documented_schema());
        }
    }
}

fn audited(parts: &[Vec<Event>]) -> DeliveryAudit {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), parts);
    audit_delivery(folder.path(), "town", 0.95).unwrap()
}

#[test]
fn runs_gaps_and_repeats_are_told_by_installation_and_day() {
    let first = vec![event("a", 1, 1, 0), event("a", 2, 2, 0), event("a", 9, 30, 0)];
    let second = vec![event("a", 5, 4, 0), event("a", 2, 2, 0), event("b", 3, 30, 0)];
    let audit = audited(&[first, second]);
    assert_eq!((audit.rows, audit.events, audit.repeated), (6, 5, 1));
    let [a, b] = audit.installations.as_slice() else { panic!("{audit:?}") };
    assert_eq!((a.last_sequence, a.missing, a.events, a.repeated), (9, 5, 4, 1));
    let told = |day: &InstallationDay| {
        (day.received.clone(), day.gaps.clone(), day.missing, day.events, day.repeated)
    };
    assert_eq!(told(&a.days[0]), (vec![[1, 2], [5, 5]], vec![[3, 4]], 2, 3, 1));
    // The gap before an event of the second day is told with that day.
    assert_eq!(told(&a.days[1]), (vec![[9, 9]], vec![[6, 8]], 3, 1, 0));
    assert_eq!(told(&b.days[0]), (vec![[3, 3]], vec![[1, 2]], 2, 1, 0));
    let days: Vec<_> = audit
        .days
        .iter()
        .map(|day| (day.day.to_string(), day.installations, day.events, day.missing, day.repeated))
        .collect();
    assert_eq!(days, [("2026-11-20".into(), 1, 3, 2, 1), ("2026-11-21".into(), 2, 2, 5, 0)]);
}

#[test]
fn the_loss_has_the_interval_and_bounds_of_numpy_and_scipy() {
    // a = [0, 3, 0] missing of v = [4, 10, 6] numbers; python3 -c "import numpy as np
    // from scipy.stats import t, beta; a=np.array([0,3,0]); v=np.array([4,10,6]); n=3
    // r=a.sum()/v.sum(); se=np.sqrt(n/(n-1)*((a-r*v)**2).sum())/v.sum(); h=t.ppf(.975,n-1)*se
    // print(r, se, max(0,r-h), r+h, beta.ppf(.95,4,17), beta.ppf(.95,2,2))"
    let of = |name, numbers: &[u64]| -> Vec<Event> {
        numbers.iter().map(|sequence| event(name, *sequence, 1, 0)).collect()
    };
    let parts =
        [of("a", &[1, 2, 3, 4]), of("b", &[1, 2, 3, 6, 7, 9, 10]), of("c", &[1, 2, 3, 4, 5, 6])];
    let loss = audited(&[parts.concat()]).loss;
    assert_eq!((loss.missing, loss.of, loss.installations_with_gaps), (3, 20, 1));
    let share = loss.share.unwrap();
    let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-9, "{value}");
    near(share.value, 0.15);
    near(share.standard_error.unwrap(), 0.11324751652906125);
    near(share.high.unwrap(), 0.6372647361311127);
    near(loss.share_at_most.unwrap(), 0.3436638043142818);
    near(loss.installations_share_at_most.unwrap(), 0.8646496378284161);
}

#[test]
fn lateness_is_told_exactly_at_its_ends_and_to_one_per_cent_between() {
    let events = (1..=100).map(|number| event("a", number, 1, number as i64 * 1_000)).collect();
    let lateness = audited(&[events]).lateness.unwrap();
    assert_eq!((lateness.least_ms, lateness.most_ms), (1_000, 100_000));
    for (found, expected) in
        [(lateness.p50_ms, 50_000), (lateness.p90_ms, 90_000), (lateness.p99_ms, 99_000)]
    {
        assert!((found - expected).abs() <= expected / 100, "{found} {expected}");
    }
}

#[test]
fn clocks_that_are_ahead_behind_or_set_back_are_seen() {
    let ahead = vec![event("ahead", 1, 1, -7_000), event("ahead", 2, 2, 500)];
    let behind = vec![event("behind", 1, 1, 9_000), event("behind", 2, 2, 4_000)];
    let set_back = vec![event("set", 1, 9, 100), event("set", 2, 3, 100), event("set", 3, 4, 100)];
    let audit = audited(&[[ahead, behind, set_back].concat()]);
    let clock = |at: usize| audit.installations[at].days[0].clock;
    assert_eq!((clock(0).events_ahead, clock(0).ahead_at_least_ms), (1, 7_000));
    assert_eq!((clock(0).behind_at_most_ms, clock(1).behind_at_most_ms), (0, 4_000));
    assert_eq!((clock(1).events_ahead, clock(1).set_back), (0, 0));
    let expected = (1, 6 * HOUR_MS as u64);
    assert_eq!((clock(2).set_back, clock(2).largest_step_back_ms), expected);
    assert_eq!((audit.installations_ahead, audit.installations_set_back), (1, 1));
}

#[test]
fn the_audit_by_day_agrees_with_the_audit_of_everything_in_memory() {
    let mut random = SeededRandom::new(Seed(20_261_129));
    for _ in 0..20 {
        let parts: Vec<Vec<Event>> = (0..1 + random.below(4))
            .map(|_| {
                (0..1 + random.below(60))
                    .map(|_| {
                        let name = ["a", "b", "c"][random.below(3)];
                        let sequence = 1 + random.below(40) as u64;
                        // The same event has the same time wherever it comes from.
                        event(name, sequence, (sequence * 7 % 72) as i64, 5)
                    })
                    .collect()
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &parts);
        let ours = audit_delivery(folder.path(), "town", 0.95).unwrap();
        let other = audit(&read_feedback(folder.path(), "town").unwrap(), None);
        assert_eq!(
            (ours.rows, ours.events, ours.repeated),
            (other.rows, other.events, other.repeated)
        );
        assert_eq!(ours.loss.missing, other.missing);
        assert_eq!(ours.loss.installations_with_gaps, other.installations_with_gaps);
        assert_eq!(ours.loss.share_at_most, other.lost_share_at_most);
        for one in &ours.installations {
            let numbers = |runs: fn(&InstallationDay) -> &Vec<[u64; 2]>| -> Vec<u64> {
                one.days.iter().flat_map(runs).flat_map(|[first, last]| *first..=*last).collect()
            };
            let mut all = [numbers(|day| &day.received), numbers(|day| &day.gaps)].concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(1..=one.last_sequence), "each number is told once");
        }
    }
}

#[test]
fn lines_that_the_collector_set_aside_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[vec![event("a", 1, 1, 0)]]);
    let aside = folder.path().join("_rejected/app=town/day=2026-11-20");
    let schema = "message noctule_rejections { required binary installation (STRING); }";
    let two = [event("a", 2, 2, 0), event("b", 1, 2, 0)];
    write_parquet(&aside.join("part-1.parquet"), &two, schema);
    write_parquet(&aside.join("part-2.parquet"), &two[..1], schema);
    assert_eq!(audit_delivery(folder.path(), "town", 0.95).unwrap().set_aside, 3);
}

#[test]
fn what_is_no_feedback_or_no_setting_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let of = |confidence| audit_delivery(folder.path(), "town", confidence).unwrap_err();
    assert!(matches!(of(0.95), Error::NoFeedback { .. }));
    assert!(matches!(of(f64::NAN), Error::InvalidSetting { setting: "confidence", .. }));
    write(folder.path(), &[vec![event("a", 0, 1, 0)]]);
    assert!(matches!(of(0.95), Error::Row { row: 0, column: "sequence", .. }));
    assert!(day_of("2026-11-31").is_err());
}

#[test]
fn a_file_cut_or_flipped_anywhere_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[(1..40).map(|number| event("a", number, 1, 0)).collect()]);
    let path = folder.path().join("app=town/day=2026-11-20/part-0.parquet");
    let whole = fs::read(&path).unwrap();
    for index in (0..whole.len()).step_by(11) {
        fs::write(&path, &whole[..index]).unwrap();
        assert!(audit_delivery(folder.path(), "town", 0.95).is_err(), "cut at {index}");
        let mut flipped = whole.clone();
        flipped[index] ^= 0x55;
        fs::write(&path, &flipped).unwrap();
        // A flip in a value may go unseen; what counts is that there is an answer.
        let _ = audit_delivery(folder.path(), "town", 0.95);
    }
}

#[test]
fn what_the_devices_say_they_gave_up_explains_as_many_missing_numbers() {
    let told = |sequence, dropped| Event { dropped: Some(dropped), ..event("a", sequence, 1, 0) };
    let given_up = vec![told(1, 2), told(9, 5), event("a", 10, 2, 0), event("b", 4, 1, 0)];
    let more_than_missing = vec![Event { dropped: Some(9), ..event("c", 3, 1, 0) }];
    let audit = audited(&[given_up, more_than_missing]);
    let loss = &audit.loss;
    assert_eq!((loss.missing, loss.given_up, loss.unexplained), (7 + 3 + 2, 5 + 2, 2 + 3));
    let told: Vec<u64> = audit.installations.iter().map(|one| one.given_up).collect();
    assert_eq!(told, [5, 0, 2]);
    assert!(loss.unexplained_share_at_most < loss.share_at_most);
}
