//! Pseudonyms rotate without a lost, a doubled or a straddling event, and arms stay.

use std::collections::BTreeMap;

use noctule_core::base::{Clock, Seed, SeededRandom};
use noctule_core::release::{Arm, Experiment, Policy};
use noctule_core::upload::{Network, Transfer, UploadRequest};
use noctule_tests::collector::{acknowledgement, delivered, lines};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Town};

use crate::erasure::{bytes_of, holds_somewhere};
use crate::kill::{Working, kills};

const SEED: u64 = 20_261_131;

fn open(directory: &std::path::Path, days: u32, now_ms: i64) -> Phone {
    let rotating = |config: &mut noctule_core::Config| {
        config.rotate_pseudonym_days = Some(days);
        // The days fly by here, and nothing is to be too old.
        config.retention.days = 100_000;
    };
    Phone::open_as(directory, now_ms, rotating).unwrap()
}

fn upload(phone: &Phone) -> UploadRequest {
    match phone.next_transfer(Network::Unmetered).unwrap() {
        Transfer::Upload(request) => request,
        other => panic!("{other:?}"),
    }
}

fn likes(phone: &Phone, items: &[&str]) {
    let events: Vec<_> = items.iter().map(|item| event("like", item)).collect();
    phone.record(&events).unwrap();
}

/// Pseudonym, first and last sequence number, and the items of a batch.
fn told(request: &UploadRequest) -> (String, u64, u64, Vec<String>) {
    let lines = lines(request);
    let text = |line: &serde_json::Value, field: &str| line[field].as_str().unwrap().to_owned();
    let number = |field: &str| lines[0][field].as_u64().unwrap();
    let items = lines[1..].iter().map(|line| text(line, "item")).collect();
    (text(&lines[0], "installation"), number("first_sequence"), number("last_sequence"), items)
}

fn finish(phone: &Phone, request: &UploadRequest) {
    let acknowledged = acknowledgement(&request.id, lines(request).len() - 1);
    phone.transfer_finished(&request.id, &acknowledged).unwrap();
}

#[test]
fn what_is_pending_goes_out_under_the_pseudonym_it_was_recorded_under() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = open(scratch.path(), 30, NOW_MS);
    let first = phone.status().unwrap().installation;
    likes(&phone, &["a", "b"]);
    phone.clock.set(NOW_MS + 30 * DAY_MS - 1);
    likes(&phone, &["c"]);
    phone.clock.set(NOW_MS + 30 * DAY_MS);
    likes(&phone, &["d", "e"]);
    let second = phone.status().unwrap().installation;
    assert_ne!(first, second);
    let before = upload(&phone);
    let items = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(told(&before), (first.clone(), 1, 3, items));
    let phone = {
        drop(phone);
        open(scratch.path(), 30, NOW_MS + 31 * DAY_MS)
    };
    assert_eq!(told(&upload(&phone)), told(&before), "the same after a restart");
    assert!(holds_somewhere(scratch.path(), &bytes_of(&first)));
    finish(&phone, &before);
    assert!(!holds_somewhere(scratch.path(), &bytes_of(&first)), "of no use any more");
    let behind = upload(&phone);
    assert_eq!(told(&behind), (second, 1, 2, ["d", "e"].map(str::to_owned).to_vec()));
    finish(&phone, &behind);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}

#[test]
fn a_pseudonym_that_was_never_used_leaves_with_its_rotation() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = open(scratch.path(), 1, NOW_MS);
    let first = phone.status().unwrap().installation;
    phone.clock.set(NOW_MS + DAY_MS);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    assert_ne!(phone.status().unwrap().installation, first);
    assert!(!holds_somewhere(scratch.path(), &bytes_of(&first)));
}

#[test]
fn the_arm_stays_when_the_pseudonym_changes() {
    let scratch = tempfile::tempdir().unwrap();
    let arms = (0..16).map(|number| Arm {
        name: format!("arm-{number}"),
        share: 0.062_5,
        policy: if number % 2 == 0 { Policy::Model } else { Policy::Baseline },
    });
    let experiment = Experiment { key: "many".into(), salt: "salt".into(), arms: arms.collect() };
    let release = scratch.path().join("release");
    let input =
        noctule_releases::PackInput { experiment: Some(experiment), ..Town::default().input() };
    noctule_releases::pack(&input, &Town::key(), &release).unwrap();
    let phone = open(&scratch.path().join("profile"), 1, NOW_MS);
    phone.install_release(&release).unwrap();
    let arm = phone.status().unwrap().arm.unwrap();
    let mut seen = vec![phone.status().unwrap().installation];
    for day in 1..20 {
        phone.clock.set(NOW_MS + day * DAY_MS);
        likes(&phone, &["a"]);
        let status = phone.status().unwrap();
        assert_eq!(status.arm.as_ref(), Some(&arm));
        assert!(!seen.contains(&status.installation));
        seen.push(status.installation);
    }
    let phone = open_again(phone);
    assert_eq!(phone.status().unwrap().arm, Some(arm));
}

fn open_again(phone: Phone) -> Phone {
    let (directory, now_ms) = (phone.directory().to_path_buf(), phone.clock.now_ms());
    drop(phone);
    open(&directory, 1, now_ms)
}

#[test]
fn what_is_forgotten_is_told_in_the_numbers_of_its_pseudonym() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = open(scratch.path(), 1, NOW_MS);
    likes(&phone, &["a", "b", "c"]);
    phone.clock.set(NOW_MS + DAY_MS);
    likes(&phone, &["d", "e", "f", "g"]);
    // The end of the one and the begin of the other are two ranges, of which nobody waits for the
    // first; and a number in the middle.
    assert_eq!(phone.forget_events(&[3, 4, 6, 99, u64::MAX]).unwrap(), 3);
    let before = upload(&phone);
    assert!(lines(&before)[0].get("dropped_ranges").is_none());
    assert_eq!(told(&before).3, ["a", "b"]);
    finish(&phone, &before);
    let behind = upload(&phone);
    let header = &lines(&behind)[0];
    assert_eq!(header["dropped_ranges"], serde_json::json!([[1, 1], [3, 3]]));
    assert_eq!((&header["dropped"], &header["events"]), (&2.into(), &2.into()));
    assert_eq!((told(&behind).1, told(&behind).2), (2, 4));
    finish(&phone, &behind);
    likes(&phone, &["h"]);
    assert!(lines(&upload(&phone))[0].get("dropped_ranges").is_none(), "told already");
}

#[test]
fn a_restored_copy_is_another_installation_and_what_was_recorded_before_counts_once() {
    let scratch = tempfile::tempdir().unwrap();
    let (place, restored) = (scratch.path().join("profile"), scratch.path().join("restored"));
    let phone = Phone::open(&place);
    likes(&phone, &["item-1", "item-2"]);
    let before = phone.status().unwrap().installation;
    phone.close();
    copy_tree(&place, &restored);
    // The first one goes on as it was, also under another name.
    std::fs::rename(&place, scratch.path().join("moved")).unwrap();
    let first = Phone::open(&scratch.path().join("moved"));
    assert_eq!(first.status().unwrap().installation, before);
    let second = Phone::open(&restored);
    assert_ne!(second.status().unwrap().installation, before);
    likes(&second, &["item-3"]);
    likes(&first, &["item-4"]);
    // Both send what was recorded before, with the same numbers; then each its own.
    let (one, other) = (told(&upload(&first)), told(&upload(&second)));
    assert_eq!((&one.0, &other.0), (&before.to_string(), &before.to_string()));
    assert_eq!(one.3[..2], other.3[..]);
    finish(&second, &upload(&second));
    let own = told(&upload(&second));
    assert_ne!(own.0, before.to_string());
    assert_eq!((own.1, own.3.len()), (1, 1));
    // It stays what it has become.
    let again = second.status().unwrap().installation;
    assert_eq!(second.reopen().status().unwrap().installation, again);
}

#[test]
fn a_rotation_of_no_days_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let never = |config: &mut noctule_core::Config| config.rotate_pseudonym_days = Some(0);
    let error = Phone::open_as(scratch.path(), NOW_MS, never).unwrap_err();
    assert!(error.to_string().contains("rotate_pseudonym_days"), "{error}");
}

/// What was delivered: by pseudonym and sequence number, the number of the event.
#[derive(Default)]
struct Ledger {
    delivered: BTreeMap<(String, u64), u64>,
    repeated: u64,
}

impl Ledger {
    fn take(&mut self, installation: &str, sequence: u64, own: u64) {
        match self.delivered.insert((installation.to_owned(), sequence), own) {
            Some(before) => {
                assert_eq!(before, own, "two events are {sequence} of {installation}");
                self.repeated += 1;
            }
            None => {
                let numbers = self.delivered.values().filter(|number| **number == own);
                assert_eq!(numbers.count(), 1, "event {own} under two pseudonyms or numbers");
            }
        }
    }
}

#[test]
fn kills_while_pseudonyms_rotate_lose_and_double_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    drop(open(scratch.path(), 1, NOW_MS));
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut ledger, mut recorded) = (Ledger::default(), Vec::new());
    let kills = kills();
    for round in 1..=kills {
        let now_ms = NOW_MS + 100 * DAY_MS * round as i64;
        let mut working = Working::start_at("rotate", scratch.path(), now_ms);
        working.wait_for(random.below(40));
        std::thread::sleep(std::time::Duration::from_micros(random.below(3_000) as u64));
        for line in working.kill() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "recorded" => recorded.extend(number(1)..=number(2)),
                "delivered" => ledger.take(words[1], number(2), number(3)),
                _ => {}
            }
        }
    }
    let phone = open(scratch.path(), 1, NOW_MS + 100 * DAY_MS * (kills as i64 + 1));
    let _ = phone.night();
    loop {
        match phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Upload(request) => {
                let lines = lines(&request);
                let installation = lines[0]["installation"].as_str().unwrap();
                for line in &lines[1..] {
                    let own = delivered(line).generation.unwrap();
                    ledger.take(installation, line["sequence"].as_u64().unwrap(), own);
                }
                finish(&phone, &request);
            }
            Transfer::Done => break,
            other => panic!("{other:?}"),
        }
    }
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (installation, sequence) in ledger.delivered.keys() {
        let before = last.insert(installation, *sequence).unwrap_or(0);
        assert_eq!(*sequence, before + 1, "a gap under {installation}");
    }
    for own in &recorded {
        assert!(ledger.delivered.values().any(|number| number == own), "event {own} is lost");
    }
    let current = bytes_of(&phone.status().unwrap().installation);
    let old = last.keys().map(|installation| bytes_of(installation));
    let mut old = old.filter(|installation| *installation != current);
    assert!(old.all(|installation| !holds_somewhere(scratch.path(), &installation)));
    eprintln!(
        "{kills} kills, seed {SEED}: {} events acknowledged, {} delivered under {} pseudonyms, {} \
         repeats",
        recorded.len(),
        ledger.delivered.len(),
        last.len(),
        ledger.repeated
    );
    assert!(last.len() > 10);
}
