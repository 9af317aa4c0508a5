//! The same release, profile, seed and clock give the same slates, whatever happened in between.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use noctule_core::serving::Recommendations;
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};

/// A phone on which the user has done something.
fn used(scratch: &Path, seconds: i64) -> Phone {
    let phone = Phone::with(&Town::default(), scratch);
    phone.clock.set(NOW_MS + seconds * 1_000);
    for kind in ["impression", "click", "like", "conversion", "dislike"] {
        phone.record(&[event(kind, "item-4"), event(kind, "item-17"), event(kind, "x")]).unwrap();
    }
    phone.clock.set(NOW_MS);
    phone
}

#[test]
fn two_phones_with_the_same_seed_clock_and_events_show_the_same() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let phones = [used(one.path(), 5), used(two.path(), 5)];
    for night in 0..4 {
        let slates = phones.each_ref().map(|phone| {
            phone.clock.set(NOW_MS + night * DAY_MS);
            phone.whole_night();
            phone.slates(3)
        });
        assert_eq!(slates[0], slates[1], "night {night}");
    }
}

#[test]
fn another_night_explores_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path(), 5);
    phone.whole_night();
    let before = phone.slates(3);
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    let items = |slates: &[Recommendations]| -> Vec<_> {
        slates.iter().flat_map(|slate| &slate.items).map(|slot| slot.item.clone()).collect()
    };
    assert_ne!(items(&before), items(&phone.slates(3)));
}

#[test]
fn a_night_killed_after_any_slate_and_gone_on_with_shows_what_an_undisturbed_one_does() {
    let scratch = tempfile::tempdir().unwrap();
    let undisturbed = used(scratch.path(), 5);
    undisturbed.whole_night();
    let expected = undisturbed.slates(3);
    for after in 1..=6 {
        let scratch = tempfile::tempdir().unwrap();
        let phone = used(scratch.path(), 5);
        let directory = phone.directory().to_path_buf();
        drop(phone);
        let mut child = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"))
            .arg("night")
            .arg(&directory)
            .arg(after.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(line, "there\n");
        let phone = Phone::open(&directory);
        let report = phone.night();
        assert_eq!((report.kept, report.published), (after, 6 - after));
        assert_eq!(phone.slates(3), expected, "killed after {after} slates");
    }
}
