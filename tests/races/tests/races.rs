//! The races, shortly and without a sanitiser; `NOCTULE_RACES` says how many rounds, 100,000 is
//! the bar, and `NOCTULE_MIXED_SECONDS` how long the mixed calls run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use noctule_races::{handles, mixed};
use noctule_tests::Town;

fn asked(name: &str, standard: u64) -> u64 {
    std::env::var(name).map_or(standard, |value| value.parse().expect("a number"))
}

#[test]
fn handles_that_eight_threads_make_use_close_and_free_lose_no_event_and_hold_no_profile() {
    let scratch = tempfile::tempdir().unwrap();
    let rounds = asked("NOCTULE_RACES", 4_000);
    let told = handles::run(scratch.path(), 8, rounds, 1);
    println!("{told:?}");
    assert_eq!(told.rounds, rounds);
    assert!(told.opened > 0 && told.refused > 0 && told.acknowledged > 0, "{told:?}");
    assert_eq!(told.acknowledged, told.recorded);
}

#[test]
fn mixed_calls_of_eight_threads_between_suspensions_are_right_to_the_event() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack_today(scratch.path());
    let time = Duration::from_secs(asked("NOCTULE_MIXED_SECONDS", 2));
    let key = Town::key().public().to_string();
    let told = mixed::run(scratch.path(), release.to_str().unwrap(), &key, time);
    println!("{told:?}");
    assert!(told.nights > 0 && told.suspensions > 0 && told.refused > 0, "{told:?}");
    assert_eq!(told.acknowledged, told.recorded);
    assert_eq!(told.sent, told.recorded);
}
