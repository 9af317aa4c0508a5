//! After erasure nothing of the user is in any file of the profile.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use noctule_core::base::{ContextId, GeoPoint, Seed, SeededRandom, SurfaceId};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::serving::Tier;
use noctule_core::upload::{Network, Transfer};
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::{Collector, Phone, Town};

use crate::forgetting::copy;
use crate::kill::{Working, kills};

/// What every canary begins with, and no file of the library would hold by itself.
const MARK: &str = "canary";
const SEED: u64 = 20_261_129;

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The mark as UTF-8, UTF-16 of either order, hexadecimal digits of either case, and base64 at each
/// of the three places in a group where it may begin.
fn marks() -> Vec<Vec<u8>> {
    let hex: String = MARK.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut marks = vec![
        MARK.as_bytes().to_vec(),
        MARK.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        MARK.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for before in 0..3 {
        let text = base64(&[&vec![0; before][..], MARK.as_bytes()].concat());
        // Without the digits that depend on what stands before and behind.
        let whole = (before * 8).div_ceil(6)..(before + MARK.len()) * 8 / 6;
        marks.push(text.as_bytes()[whole].to_vec());
    }
    marks
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |six: &[u8]| {
        let value = (0..6).fold(0, |value, at| value << 1 | six.get(at).copied().unwrap_or(0));
        char::from(DIGITS[usize::from(value)])
    };
    bits.chunks(6).map(digit).collect()
}

/// The files of `directory` that hold a canary in any encoding.
fn holding(directory: &Path) -> Vec<PathBuf> {
    let marks = marks();
    let mut found = files(directory);
    found.retain(|path| {
        let bytes = std::fs::read(path).unwrap();
        marks.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark))
    });
    found
}

pub(crate) fn holds_somewhere(directory: &Path, bytes: &[u8]) -> bool {
    let holds = |path: &PathBuf| {
        std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    };
    files(directory).iter().any(holds)
}

/// The bytes of a pseudonym.
pub(crate) fn bytes_of(installation: &str) -> Vec<u8> {
    let digits = installation.replace('-', "");
    let pairs = digits.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
    pairs.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
}

/// 1,000 canaries: 250 events, each with an item, a kind, a surface and a context of its own.
fn canaries() -> Vec<FeedbackEvent> {
    let event_of = |number: usize| {
        let [item, kind, surface, context] =
            ["item", "kind", "surface", "context"].map(|part| format!("{MARK}_{part}_{number}_"));
        let kinds = [&kind, "like", "hide", "conversion", "click"];
        FeedbackEvent {
            surface: Some(SurfaceId::new(&surface).unwrap()),
            context: Some(ContextId::new(&context).unwrap()),
            ..event(kinds[number % kinds.len()], &item)
        }
    };
    (0..250).map(event_of).collect()
}

/// A phone with canaries wherever the library keeps something of its user: learned, handed out, and
/// recorded since.
fn with_canaries(scratch: &Path) -> Phone {
    let phone = Phone::with(&Town::default(), scratch);
    let events = canaries();
    phone.set_place(Some(GeoPoint::new(22.123_456, -100.654_321).unwrap())).unwrap();
    for half in events.chunks(125) {
        phone.record(half).unwrap();
        phone.record(&[event("like", "item-7")]).unwrap();
        phone.whole_night();
        assert!(matches!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Upload(_)));
    }
    phone.record(&events[..50]).unwrap();
    phone.forget_items(&[events[51].item.clone()]).unwrap();
    assert!(!holding(phone.directory()).is_empty(), "the canaries were never there");
    phone
}

#[test]
fn a_canary_is_found_in_every_encoding() {
    let canary = "canary_item_7_";
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let planted = [
        canary.as_bytes().to_vec(),
        canary.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        canary.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        base64(canary.as_bytes()).into_bytes(),
        base64(format!("x{canary}").as_bytes()).into_bytes(),
        base64(format!("xy{canary}").as_bytes()).into_bytes(),
    ];
    for bytes in planted {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("file"), &bytes).unwrap();
        assert_eq!(holding(scratch.path()).len(), 1, "{bytes:?}");
    }
}

#[test]
fn no_file_of_the_profile_holds_anything_of_the_user_after_erasure() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = with_canaries(scratch.path());
    let before = phone.status().unwrap();
    let (pseudonym, place) = (bytes_of(&before.installation), 22.123_456_f64.to_le_bytes());
    assert!(holds_somewhere(phone.directory(), &pseudonym));
    assert!(holds_somewhere(phone.directory(), &place));
    phone.erase().unwrap();
    assert_eq!(holding(phone.directory()), [] as [PathBuf; 0], "while it is open");
    let status = phone.status().unwrap();
    assert_eq!((status.recorded, status.pending_events, status.slates), (0, 0, 0));
    assert_ne!(status.installation, before.installation);
    assert_eq!((status.release, status.consent), (before.release, before.consent));
    assert!(!holds_somewhere(phone.directory(), &place));
    // What was handed out has to be deleted elsewhere, and until it is, its pseudonym is needed.
    assert_eq!(status.deletions_pending, 1);
    assert!(holds_somewhere(phone.directory(), &pseudonym));
    let mut collector = Collector::default();
    collector.drain(&phone);
    assert_eq!(collector.deleted, [before.installation]);
    assert!(!holds_somewhere(phone.directory(), &pseudonym), "while it is open");
    let directory = phone.directory().to_path_buf();
    phone.close();
    assert_eq!(holding(&directory), [] as [PathBuf; 0], "after closing");
    assert!(!holds_somewhere(&directory, &pseudonym) && !holds_somewhere(&directory, &place));
}

#[test]
fn an_erasure_killed_at_any_point_is_finished_by_the_next_opening() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = with_canaries(scratch.path());
    let pristine = phone.directory().to_path_buf();
    let recorded = phone.status().unwrap().recorded;
    drop(phone);
    let timed = tempfile::tempdir().unwrap();
    copy(&pristine, timed.path());
    let begun = Instant::now();
    Phone::open(timed.path()).erase().unwrap();
    let whole = begun.elapsed();
    let mut random = SeededRandom::new(Seed(SEED));
    let mut ends = [0_u32; 2];
    let kills = kills();
    for _ in 0..kills {
        let home = tempfile::tempdir().unwrap();
        copy(&pristine, home.path());
        let mut working = Working::start_at("erase", home.path(), NOW_MS);
        working.wait_for(2);
        std::thread::sleep(Duration::from_secs_f64(random.uniform() * whole.as_secs_f64()));
        let promised = working.kill().iter().any(|line| line == "begin nothing");
        let phone = Phone::open(home.path());
        let status = phone.status().unwrap();
        let gone = status.recorded == 0;
        assert!(gone || (!promised && status.recorded == recorded), "{status:?}");
        if gone {
            assert_eq!(status.deletions_pending, 1);
            assert_eq!(holding(home.path()), [] as [PathBuf; 0]);
        }
        ends[usize::from(gone)] += 1;
    }
    eprintln!(
        "{kills} kills in an erasure of {whole:?}, seed {SEED}: {} before it was noted, {} with \
         nothing left",
        ends[0], ends[1]
    );
    assert!(u64::from(ends[1]) > kills / 2, "{ends:?}");
}

#[test]
fn a_hundred_thousand_events_are_erased() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    let events: Vec<FeedbackEvent> = canaries().into_iter().cycle().take(10_000).collect();
    for _ in 0..10 {
        phone.record(&events).unwrap();
    }
    let begun = Instant::now();
    phone.erase().unwrap();
    eprintln!("100,000 events erased and overwritten in {:?}", begun.elapsed());
    assert_eq!(holding(scratch.path()), [] as [PathBuf; 0]);
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
