//! A profile that was killed with much in it: how long the next opening takes is told.

use std::fs;
use std::time::{Duration, Instant};

use noctule_core::feedback::{Durability, FeedbackEvent};
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Town};

/// Events in the profile; `NOCTULE_REOPEN_EVENTS` asks for more, 100,000 is the bar.
const EVENTS: u64 = 5_000;
const OPENINGS: usize = 20;

/// Figures are printed and not asserted: this may be a busy machine.
#[test]
fn a_killed_profile_opens_with_everything_and_the_time_it_takes_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let events = std::env::var("NOCTULE_REOPEN_EVENTS").ok();
    let events: u64 = events.map_or(EVENTS, |events| events.parse().expect("a number of events"));
    let numbered = |number| FeedbackEvent { generation: Some(number), ..event("click", "item-3") };
    for first in (0..events).step_by(500) {
        let screen: Vec<_> = (first..events.min(first + 500)).map(numbered).collect();
        phone.record_as(Durability::ProcessEnd, &screen).unwrap();
    }
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..OPENINGS {
        let place = scratch.path().join("killed");
        let _ = fs::remove_dir_all(&place);
        copy_tree(phone.directory(), &place);
        let begun = Instant::now();
        let opened = Phone::open_at(&place, NOW_MS).unwrap();
        let slate = opened.slate("home", 0);
        times.push(begun.elapsed());
        assert_eq!(slate.items, phone.slate("home", 0).items);
        assert_eq!(opened.status().unwrap().recorded, events);
    }
    times.sort();
    let log = fs::metadata(phone.directory().join("noctule.sqlite-wal")).map_or(0, |log| log.len());
    eprintln!(
        "{events} events, {log} bytes of log, {OPENINGS} openings to the first slate: median \
         {:?}, slowest {:?}",
        times[OPENINGS / 2],
        times[OPENINGS - 1]
    );
}
