//! A database that rots: whatever bit changes, no wrong slate is shown and nothing panics.

use std::fs;
use std::path::Path;

use noctule_core::base::{Seed, SeededRandom};
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Town};

/// Bits flipped in each file; `NOCTULE_DATABASE_FLIPS` asks for more, 1,000 is the bar.
const FLIPS: usize = 120;
const SEED: u64 = 20_261_129;

fn flips() -> usize {
    let flips = std::env::var("NOCTULE_DATABASE_FLIPS").ok();
    flips.map_or(FLIPS, |flips| flips.parse().expect("a number of flips"))
}

/// A profile as a kill leaves it: a database with slates, and a log with events that is not moved
/// into it yet.
fn killed(scratch: &Path) -> (std::path::PathBuf, Phone) {
    let phone = Phone::with(&Town::default(), scratch);
    phone.record(&[event("like", "item-3"), event("click", "item-5")]).unwrap();
    phone.whole_night();
    let phone = phone.reopen();
    for _ in 0..20 {
        phone.record(&vec![event("impression_of_mine", "item-7"); 20]).unwrap();
    }
    let left = scratch.join("left");
    copy_tree(phone.directory(), &left);
    (left, phone)
}

/// What a profile does after a flip.
#[derive(Debug, Default)]
struct Outcomes {
    refused: u32,
    other_slates: u32,
    served: u32,
    /// Openings after which events are gone, and all of those are counted as lost.
    shortened: u32,
}

fn live(place: &Path, whole: &Phone, outcomes: &mut Outcomes) {
    let contexts = Town::default().contexts;
    let phone = match Phone::open_at(place, NOW_MS) {
        Ok(phone) => phone,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            outcomes.refused += 1;
            return;
        }
    };
    let (mut same, mut all) = (0, 0);
    for (answer, truth) in phone.slates(contexts).iter().zip(whole.slates(contexts)) {
        let length = SURFACES.iter().find(|(name, _)| *name == answer.surface.as_str()).unwrap().1;
        all += 1;
        if answer.generation.is_some() {
            check_whole(answer, length);
        }
        if answer.generation == truth.generation {
            // Of a generation there is one slate: with a bit changed it would be a wrong one.
            assert_eq!(answer.items, truth.items);
            same += 1;
        }
    }
    if same == all {
        outcomes.served += 1;
    } else {
        outcomes.other_slates += 1;
    }
    // Whatever else is asked gets an answer or a typed error.
    if let Ok(status) = phone.status() {
        let all = whole.status().unwrap().pending_events;
        let gone = all.saturating_sub(status.pending_events);
        assert_eq!(status.lost, gone, "every event that is gone is known to be");
        outcomes.shortened += u32::from(gone > 0);
    }
    let _ = phone.record(&[event("click", "item-1")]);
    let _ = phone.next_transfer(noctule_core::upload::Network::Unmetered);
}

/// A copy of what was left, untouched.
fn left_copy(scratch: &Path, left: &Path) -> std::path::PathBuf {
    let place = scratch.join("untouched");
    copy_tree(left, &place);
    place
}

fn flip_each(suffix: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let (left, whole) = killed(scratch.path());
    let name = format!("noctule.sqlite{suffix}");
    let database = fs::read_dir(&left).unwrap().flatten().map(|entry| entry.file_name());
    let names: Vec<_> = database.map(|name| name.to_string_lossy().into_owned()).collect();
    let name = names.iter().find(|one| **one == name).unwrap_or_else(|| panic!("{names:?}"));
    let bytes = fs::read(left.join(name)).unwrap();
    let mut random = SeededRandom::new(Seed(SEED));
    let mut outcomes = Outcomes::default();
    live(&left_copy(scratch.path(), &left), &whole, &mut outcomes);
    let untouched = (outcomes.served, outcomes.shortened);
    assert_eq!(untouched, (1, 0), "without a flip everything is there");
    let mut outcomes = Outcomes::default();
    for _ in 0..flips() {
        let bit = random.below(8 * bytes.len());
        let place = scratch.path().join("flipped");
        let _ = fs::remove_dir_all(&place);
        copy_tree(&left, &place);
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.join(name), flipped).unwrap();
        live(&place, &whole, &mut outcomes);
    }
    eprintln!("{} bits flipped in {name}, seed {SEED}: {outcomes:?}", flips());
    assert!(outcomes.served > 0);
}

#[test]
fn a_flipped_bit_of_the_database_shows_no_wrong_slate() {
    flip_each("");
}

#[test]
fn a_flipped_bit_of_the_log_shows_no_wrong_slate() {
    flip_each("-wal");
}
