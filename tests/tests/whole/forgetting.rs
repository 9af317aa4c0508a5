//! "Remove this reason": what is forgotten is gone at the next read, and for good.

use noctule_core::base::{Error, ItemId, Seed, SeededRandom};
use noctule_core::serving::Recommendations;
use noctule_core::slates::ReasonKind;
use noctule_tests::models::{input, sasrec, two_tower};
use noctule_tests::phone::{check_reasons, check_whole, event};
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};

use crate::kill::Working;

const HISTORY: [&str; 4] = ["item-3", "item-8", "item-13", "item-21"];
const KILLS: usize = 20;

fn town() -> Town {
    Town { epsilon: 0.0, ..Town::default() }
}

fn id(name: &str) -> ItemId {
    ItemId::new(name).unwrap()
}

fn record(phone: &Phone, items: &[&str]) {
    let events: Vec<_> = items.iter().map(|item| event("like", item)).collect();
    phone.record(&events).unwrap();
}

/// A phone whose user liked the history, and a night after it.
fn used(scratch: &std::path::Path) -> Phone {
    let phone = Phone::with(&town(), scratch);
    record(&phone, &HISTORY);
    phone.whole_night();
    phone
}

/// The history item that most slots of `phone` owe something to.
fn named(phone: &Phone) -> ItemId {
    let count = |item: &&&str| names_of(phone, &id(item));
    id(HISTORY.iter().max_by_key(count).unwrap())
}

/// Slots of all slates that have a reason that names `item`.
fn names_of(phone: &Phone, item: &ItemId) -> usize {
    let because = |kind: &ReasonKind| match kind {
        ReasonKind::BecauseOf { item: named, .. } => named == item,
        _ => false,
    };
    let slates = phone.slates(3);
    let slots = slates.iter().flat_map(|slate| &slate.items);
    slots.filter(|slot| slot.reasons.iter().any(|reason| because(&reason.kind))).count()
}

fn check_parts(slates: &[Recommendations]) {
    for slate in slates {
        assert!(!slate.items.is_empty());
        for (position, slot) in slate.items.iter().enumerate() {
            assert_eq!(slot.position as usize, position);
            check_reasons(slot.score, &slot.reasons);
        }
    }
}

fn scores(slates: &[Recommendations]) -> Vec<(ItemId, f32)> {
    let slots = slates.iter().flat_map(|slate| &slate.items);
    slots.map(|slot| (slot.item.clone(), slot.score)).collect()
}

#[test]
fn a_forgotten_reason_is_gone_at_the_next_read_and_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    let item = named(&phone);
    let before = phone.slates(3);
    assert!(names_of(&phone, &item) > 5);
    phone.forget_items(std::slice::from_ref(&item)).unwrap();
    let after = phone.slates(3);
    assert_eq!(names_of(&phone, &item), 0);
    check_parts(&after);
    assert_ne!(scores(&before), scores(&after));
    // The others keep what they have.
    let others = HISTORY.iter().filter(|other| **other != item.as_str());
    assert!(others.map(|other| names_of(&phone, &id(other))).sum::<usize>() > 0);
    let phone = phone.reopen();
    assert_eq!(phone.slates(3), after);
}

#[test]
fn a_slot_loses_exactly_what_it_owed_and_what_falls_below_the_last_is_left_out() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    let item = named(&phone);
    let before = phone.slates(3);
    phone.forget_items(std::slice::from_ref(&item)).unwrap();
    let mut left_out = 0;
    for (before, after) in before.iter().zip(phone.slates(3)) {
        let last = before.items.iter().map(|slot| slot.score).fold(f32::INFINITY, f32::min);
        for slot in &before.items {
            let owed = slot.reasons.iter().find_map(|reason| match &reason.kind {
                ReasonKind::BecauseOf { item: named, .. } if *named == item => {
                    Some(reason.contribution)
                }
                _ => None,
            });
            let expected = slot.score - owed.unwrap_or(0.0);
            match after.items.iter().find(|now| now.item == slot.item) {
                Some(now) => assert_eq!(now.score, expected, "{}", slot.item),
                None => {
                    left_out += 1;
                    assert!(owed.is_some() && expected < last, "{expected} {last}");
                }
            }
        }
    }
    assert!(left_out > 0);
}

#[test]
fn the_next_night_makes_the_slates_of_one_who_never_chose_what_is_forgotten() {
    for architecture in [None, Some(two_tower()), Some(sasrec())] {
        let scratch = tempfile::tempdir().unwrap();
        let release = scratch.path().join("release");
        let input = match architecture {
            None => town().input(),
            Some(architecture) => input(&town(), architecture, 1.0),
        };
        noctule_releases::pack(&input, &Town::key(), &release).unwrap();
        let phones = ["forgetful", "never"].map(|name| {
            let phone = Phone::open(&scratch.path().join(name));
            phone.install_release(&release).unwrap();
            phone
        });
        let [forgetful, never] = &phones;
        record(forgetful, &HISTORY);
        forgetful.whole_night();
        let with_all = scores(&forgetful.slates(3));
        forgetful.forget_items(&[id(HISTORY[1]), id("no-such-item")]).unwrap();
        // In the same night: the slates are made anew, since the history is another.
        forgetful.whole_night();
        record(never, &[HISTORY[0], HISTORY[2], HISTORY[3]]);
        never.whole_night();
        assert_eq!(scores(&forgetful.slates(3)), scores(&never.slates(3)));
        assert_ne!(scores(&forgetful.slates(3)), with_all);
        for night in 1..4 {
            for phone in &phones {
                phone.clock.set(NOW_MS + night * DAY_MS);
                phone.whole_night();
            }
            assert_eq!(forgetful.slates(3)[0].items, never.slates(3)[0].items);
        }
    }
}

#[test]
fn feedback_that_was_not_learned_yet_is_not_learned_and_what_comes_later_is() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&town(), scratch.path());
    record(&phone, &HISTORY);
    let item = id(HISTORY[2]);
    phone.forget_items(std::slice::from_ref(&item)).unwrap();
    let phone = phone.reopen();
    phone.whole_night();
    assert_eq!(names_of(&phone, &item), 0);
    record(&phone, &[HISTORY[2]]);
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    assert!(names_of(&phone, &item) > 5);
    assert_eq!(phone.status().unwrap().pending_events, 4, "what was forgotten is not sent");
}

#[test]
fn an_item_that_is_forgotten_stays_hidden() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    let item = phone.slate("home", 0).items[0].item.clone();
    phone.record(&[event("hide", item.as_str())]).unwrap();
    phone.forget_items(std::slice::from_ref(&item)).unwrap();
    let shows = |phone: &Phone| {
        phone.slates(3).iter().any(|slate| slate.items.iter().any(|slot| slot.item == item))
    };
    assert!(!shows(&phone));
    let phone = phone.reopen();
    assert!(!shows(&phone));
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    assert!(!shows(&phone));
}

#[test]
fn who_forgets_the_whole_history_still_sees_something_and_is_a_stranger_tomorrow() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    phone.forget_items(&HISTORY.map(id)).unwrap();
    check_parts(&phone.slates(3));
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    phone.slates(3).iter().for_each(|slate| check_whole(slate, slate.items.len()));
    assert!(HISTORY.iter().all(|item| names_of(&phone, &id(item)) == 0));
}

#[test]
fn a_kill_while_forgetting_leaves_all_or_nothing_forgotten() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    let (item, before) = (named(&phone), phone.slates(3));
    let pristine = phone.directory().to_path_buf();
    drop(phone);
    let mut random = SeededRandom::new(Seed(20_261_128));
    let mut ends = [0_u32; 2];
    for _ in 0..KILLS {
        let home = tempfile::tempdir().unwrap();
        copy(&pristine, home.path());
        let mut working = Working::start_at(&format!("forget {item}"), home.path(), NOW_MS);
        working.wait_for(1 + random.below(2));
        std::thread::sleep(std::time::Duration::from_micros(random.below(800) as u64));
        let promised = working.kill().iter().any(|line| line == "begin nothing");
        let phone = Phone::open(home.path());
        let gone = names_of(&phone, &item) == 0;
        assert!(gone || !promised);
        if !gone {
            assert_eq!(phone.slates(3), before);
        }
        phone.whole_night();
        assert_eq!(names_of(&phone, &item) == 0, gone);
        ends[usize::from(gone)] += 1;
    }
    eprintln!("{KILLS} kills while forgetting: {ends:?} with nothing and with all forgotten");
    assert!(ends[1] > 0);
}

/// Copies a profile that nobody has open.
pub(crate) fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn more_items_than_a_call_may_have_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = used(scratch.path());
    let many = vec![id(HISTORY[0]); 10_001];
    let error = phone.forget_items(&many).unwrap_err();
    assert!(matches!(&error, Error::InvalidInput { .. }), "{error}");
    phone.close();
    assert!(matches!(phone.forget_items(&many[..1]), Err(Error::Closed)));
}
