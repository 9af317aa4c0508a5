//! After erasure nothing of the user is in any file of the profile.

use std::path::{Path, PathBuf};

use noctule_core::base::{ContextId, GeoPoint, SurfaceId};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::serving::Tier;
use noctule_core::upload::{Network, Transfer};
use noctule_tests::phone::event;
use noctule_tests::{Phone, Town};

/// What no file of the library would hold by itself.
const MARK: &[u8] = b"canary";

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files of `directory` that hold any of `words`.
fn holding(directory: &Path, words: &[Vec<u8>]) -> Vec<PathBuf> {
    let mut found = files(directory);
    found.retain(|path| {
        let bytes = std::fs::read(path).unwrap();
        // One look for what all words share comes before a look for each.
        let marked = bytes.windows(MARK.len()).any(|window| window == MARK);
        let holds = |word: &Vec<u8>| bytes.windows(word.len()).any(|window| window == *word);
        marked && words.iter().any(holds)
    });
    found
}

fn holds_somewhere(directory: &Path, bytes: &[u8]) -> bool {
    let holds = |path: &PathBuf| {
        std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    };
    files(directory).iter().any(holds)
}

/// 200 events, each with words that nobody else has: item, kind, surface and context.
fn canaries() -> (Vec<FeedbackEvent>, Vec<Vec<u8>>) {
    let (mut events, mut words) = (Vec::new(), Vec::new());
    for number in 0..200 {
        let [item, kind, surface, context] =
            ["item", "kind", "surface", "context"].map(|part| format!("canary_{part}_{number}_"));
        let kinds = [&kind, "like", "hide", "conversion", "click"];
        events.push(FeedbackEvent {
            surface: Some(SurfaceId::new(&surface).unwrap()),
            context: Some(ContextId::new(&context).unwrap()),
            ..event(kinds[number % kinds.len()], &item)
        });
        words.extend([item, kind, surface, context].map(String::into_bytes));
    }
    (events, words)
}

#[test]
fn no_file_of_the_profile_holds_anything_of_the_user_after_erasure() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let (events, words) = canaries();
    let before = phone.status().unwrap();
    phone.set_place(Some(GeoPoint::new(22.123_456, -100.654_321).unwrap())).unwrap();
    for half in events.chunks(100) {
        phone.record(half).unwrap();
        phone.record(&[event("like", "item-7")]).unwrap();
        phone.whole_night();
        assert!(matches!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Upload(_)));
    }
    phone.record(&events[..50]).unwrap();
    assert!(!holding(phone.directory(), &words).is_empty(), "the canaries were never there");
    let pseudonym: Vec<u8> = before.installation.replace('-', "").into_bytes();
    let pseudonym = pseudonym.chunks(2).map(|two| std::str::from_utf8(two).unwrap());
    let pseudonym = pseudonym.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
    let numbers = [pseudonym, 22.123_456_f64.to_le_bytes().to_vec()];
    assert!(numbers.iter().all(|number| holds_somewhere(phone.directory(), number)));
    phone.erase().unwrap();
    assert_eq!(holding(phone.directory(), &words), [] as [PathBuf; 0], "while it is open");
    let status = phone.status().unwrap();
    assert_eq!((status.recorded, status.pending_events, status.slates), (0, 0, 0));
    assert_ne!(status.installation, before.installation);
    assert_eq!(status.release, before.release);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    let directory = phone.directory().to_path_buf();
    phone.close();
    assert_eq!(holding(&directory, &words), [] as [PathBuf; 0], "after closing");
    assert!(!numbers.iter().any(|number| holds_somewhere(&directory, number)));
}

#[test]
fn an_erased_phone_begins_anew_and_works() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.record(&[event("hide", "item-1"), event("like", "item-7")]).unwrap();
    phone.whole_night();
    phone.erase().unwrap();
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Empty));
    let phone = phone.reopen();
    assert_eq!(phone.record(&[event("like", "item-2")]).unwrap().first_sequence, 1);
    let report = phone.night();
    assert_eq!((report.learned_events, report.published), (1, 6));
}
