//! Deltas: what they make, and what they refuse.

use noctule_core::base::{CancelToken, Error, Refusal};
use noctule_core::release::delta::{DeltaHeader, write_varint};
use noctule_releases::{Error as ReleasesError, make_delta};
use proptest::prelude::*;

use crate::pairs::{Pair, noise};

const NAME: &str = "extra.bin";

/// A pair whose extra file is `old` and becomes `new`.
fn pair(old: &[u8], new: &[u8]) -> Pair {
    Pair::new(&[(NAME, old)], &[(NAME, new)])
}

fn moved(pair: &Pair) -> u64 {
    pair.made.files.iter().find(|file| file.name == NAME).unwrap().bytes
}

#[test]
fn files_that_are_the_same_move_nothing() {
    let bytes = noise(1, 100_000);
    let pair = Pair::new(&[("a.bin", &bytes)], &[("b.bin", &bytes)]);
    assert!(pair.made.files.iter().all(|file| file.bytes == 0));
    assert!(pair.made.bytes < 1_000);
    pair.assert_applies();
}

#[test]
fn rows_replaced_in_their_places_move_alone() {
    let old = noise(1, 1 << 20);
    let mut new = old.clone();
    let row = noise(2, 256);
    for at in (0..new.len()).step_by(100 * 256) {
        new[at..at + 256].copy_from_slice(&row);
    }
    let pair = pair(&old, &new);
    // The rows are all the same, and deflate sees it.
    assert!(moved(&pair) < 1_500, "{}", moved(&pair));
    pair.assert_applies();
}

#[test]
fn rows_inserted_removed_and_moved_are_found_again() {
    let old = noise(1, 1 << 20);
    let row = noise(2, 256);
    let inserted = [&old[..5_000], &row, &old[5_000..]].concat();
    let removed = [&old[..70_000], &old[90_000..]].concat();
    let swapped = [&old[1 << 19..], &old[..1 << 19]].concat();
    for (new, most) in [(inserted, 300), (removed, 40), (swapped, 40)] {
        let pair = pair(&old, &new);
        assert!(moved(&pair) < most, "{} of {most}", moved(&pair));
        pair.assert_applies();
    }
}

#[test]
fn empty_new_vanished_and_wholly_changed_files_are_made() {
    let (one, other) = (noise(1, 1_300_000), noise(2, 1_300_000));
    for (old, new) in [(&one[..], &[][..]), (&[], &one), (&[], &[]), (&one, &other), (&[1], &[2])] {
        pair(old, new).assert_applies();
    }
    Pair::new(&[], &[(NAME, &one)]).assert_applies();
    Pair::new(&[(NAME, &one)], &[]).assert_applies();
}

#[test]
fn the_same_releases_give_the_same_delta() {
    let (old, new) = (noise(1, 10_000), noise(2, 10_000));
    let read = || std::fs::read(pair(&old, &new).path("delta")).unwrap();
    assert!(read() == read());
}

#[test]
fn an_existing_file_is_not_overwritten_and_nothing_is_left_behind() {
    let pair = pair(b"old", b"new");
    let (old, new) = (pair.path("old"), pair.path("new"));
    let again = make_delta(&old, &new, &pair.path("delta"));
    assert!(matches!(again, Err(ReleasesError::Exists { .. })));
    std::fs::write(new.join(NAME), b"xyz").unwrap();
    assert!(make_delta(&old, &new, &pair.path("other")).is_err());
    let entries = std::fs::read_dir(pair.path("")).unwrap();
    assert_eq!(entries.count(), 4, "old, new, out and delta");
}

#[test]
fn a_second_call_keeps_what_is_finished_and_makes_the_rest() {
    let bytes = noise(1, 200_000);
    let changed = [&bytes[..100_000], b"x", &bytes[100_000..]].concat();
    let pair =
        Pair::new(&[("a.bin", &bytes), ("b.bin", &bytes)], &[("a.bin", &changed), ("b.bin", &[7])]);
    pair.assert_applies();
    let kept = std::fs::metadata(pair.path("out/a.bin")).unwrap().modified().unwrap();
    // As a kill may leave them: cut, absent, of the right length but other content, half-made.
    std::fs::write(pair.path("out/items.safetensors"), b"cut").unwrap();
    std::fs::remove_file(pair.path("out/catalogue.safetensors")).unwrap();
    std::fs::write(pair.path("out/b.bin"), [8]).unwrap();
    std::fs::write(pair.path("out/.b.bin.part"), [8; 9]).unwrap();
    pair.assert_applies();
    let now = std::fs::metadata(pair.path("out/a.bin")).unwrap().modified().unwrap();
    assert_eq!(now, kept);
}

#[test]
fn a_cancelled_call_makes_no_file() {
    let pair = pair(b"old", b"new");
    let cancel = CancelToken::new();
    cancel.cancel();
    assert!(matches!(pair.apply(&cancel), Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(pair.path("out")).unwrap().count(), 0);
}

#[test]
fn a_delta_from_another_release_is_refused() {
    let pair = pair(b"old", b"new");
    std::fs::write(pair.path("old/manifest.json"), b"{}").unwrap();
    assert!(matches!(pair.refusal().1, Refusal::DeltaBase { .. }));
}

#[test]
fn a_delta_to_another_release_is_refused() {
    let one = pair(b"old", b"new");
    let other = pair(b"old", b"now");
    std::fs::copy(other.path("delta"), one.path("delta")).unwrap();
    let (file, refusal) = one.refusal();
    assert_eq!(file, NAME);
    assert!(matches!(refusal, Refusal::DeltaTarget { .. }));
}

#[test]
fn an_old_file_that_was_changed_or_cut_or_is_a_link_is_refused() {
    let bytes = noise(1, 100_000);
    let pair = pair(&bytes, &[&bytes[..], b"end"].concat());
    let old = pair.path("old").join(NAME);
    let mut changed = bytes.clone();
    changed[50_000] ^= 1;
    std::fs::write(&old, &changed).unwrap();
    assert!(matches!(pair.refusal().1, Refusal::WrongHash { .. }));
    std::fs::write(&old, &bytes[1..]).unwrap();
    assert!(matches!(pair.refusal().1, Refusal::DeltaCopy { .. }));
    std::fs::remove_file(&old).unwrap();
    assert_eq!(pair.refusal().1, Refusal::Missing);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(pair.path("new").join(NAME), &old).unwrap();
        assert_eq!(pair.refusal().1, Refusal::UnsafePath);
    }
    assert!(!pair.path("out").join(NAME).exists());
}

#[test]
fn what_is_no_delta_is_refused_with_its_reason() {
    let kind = |change: fn(&mut Vec<u8>)| {
        let pair = pair(b"old", b"new");
        pair.spoil(change);
        pair.refusal().1
    };
    assert!(matches!(kind(|b| b[0] = 0), Refusal::UnknownFormat { .. }));
    assert!(matches!(kind(|b| b[8] = 2), Refusal::FormatTooNew { found: 2, .. }));
    assert!(matches!(kind(|b| b.truncate(70)), Refusal::Truncated { .. }));
    assert!(matches!(kind(|b| b.truncate(b.len() - 1)), Refusal::WrongLength { .. }));
    assert!(matches!(kind(|b| b.push(0)), Refusal::WrongLength { .. }));
    assert!(matches!(kind(|b| b[79] = 0xff), Refusal::TooLarge { .. }));
}

/// A pair whose records for the extra file, 100 zeros long, are `records`.
fn with_records(records: &[u8]) -> (String, Refusal) {
    use std::io::Write as _;
    let pair = pair(&[1; 64], &[0; 100]);
    let level = flate2::Compression::fast();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflate.write_all(records).unwrap();
    let records = deflate.finish().unwrap();
    let bytes = std::fs::read(pair.path("delta")).unwrap();
    let mut header = DeltaHeader::parse(&bytes, bytes.len() as u64).unwrap();
    let entry = header.files.iter_mut().find(|file| file.name == NAME).unwrap();
    entry.content = noctule_core::release::delta::Content::Records(records.len() as u64);
    let delta = [header.to_bytes().unwrap(), records].concat();
    std::fs::write(pair.path("delta"), delta).unwrap();
    pair.refusal()
}

#[test]
fn records_that_cannot_be_followed_are_refused_with_their_reason() {
    let numbers = |numbers: &[u64]| {
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| write_varint(&mut bytes, *number));
        bytes
    };
    let cases = [
        (numbers(&[101]), "it makes more than the file's length"),
        (numbers(&[0, u64::MAX]), "it makes more than the file's length"),
        (numbers(&[0, 0]), "a record makes less than 16 bytes"),
        (numbers(&[0, 15]), "a record makes less than 16 bytes"),
        (numbers(&[0, 16, 1]), "a copy begins before its file"),
        (numbers(&[]), "they end before the file does"),
        (numbers(&[100, 0]), "they end before the file does"),
        ([numbers(&[100]), vec![0; 101]].concat(), "there is more behind the end of the file"),
        (vec![0xff; 12], "a number is longer than 64 bits"),
    ];
    for (records, expected) in cases {
        match with_records(&records) {
            (file, Refusal::DeltaRecords { reason, .. }) => {
                assert_eq!((file.as_str(), reason), (NAME, expected), "{records:?}");
            }
            other => panic!("{other:?} for {records:?}"),
        }
    }
    assert!(matches!(with_records(&numbers(&[0, 65, 0])).1, Refusal::DeltaCopy { .. }));
    assert!(matches!(with_records(&numbers(&[0, 64, 2])).1, Refusal::DeltaCopy { .. }));
    assert!(matches!(
        with_records(&[numbers(&[100]), vec![1; 100]].concat()).1,
        Refusal::WrongHash { .. }
    ));
}

/// One change to a file.
#[derive(Debug, Clone)]
enum Edit {
    Replace(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Move(usize, usize, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..300);
    let edit = prop_oneof![
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Edit::Replace(at, bytes)),
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<usize>(), 1..3_000_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<usize>(), any::<usize>(), 1..3_000_usize).prop_map(|(a, b, l)| Edit::Move(a, b, l)),
    ];
    prop::collection::vec(edit, 0..8)
}

fn edited(old: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut new = old.to_vec();
    for edit in edits {
        let place = |at: usize, new: &[u8]| at % (new.len() + 1);
        match edit {
            Edit::Replace(at, bytes) => {
                let at = place(*at, &new);
                let end = (at + bytes.len()).min(new.len());
                new[at..end].copy_from_slice(&bytes[..end - at]);
            }
            Edit::Insert(at, bytes) => {
                let at = place(*at, &new);
                new.splice(at..at, bytes.iter().copied());
            }
            Edit::Remove(at, length) => {
                let at = place(*at, &new);
                new.drain(at..(at + length).min(new.len()));
            }
            Edit::Move(from, to, length) => {
                let from = place(*from, &new);
                let taken: Vec<u8> = new.drain(from..(from + length).min(new.len())).collect();
                let to = place(*to, &new);
                new.splice(to..to, taken);
            }
        }
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn applying_what_was_made_gives_the_newer_release(
        seed in any::<u64>(), length in 0..40_000_usize, repeated in any::<bool>(),
        edits in edits(),
    ) {
        let mut old = noise(seed, length);
        if repeated {
            old.iter_mut().for_each(|byte| *byte &= 1);
        }
        pair(&old, &edited(&old, &edits)).assert_applies();
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused_or_changes_nothing(
        at in any::<prop::sample::Index>(), bits in 1..=255_u8,
    ) {
        let old = noise(3, 5_000);
        let pair = pair(&old, &[&old[..3_000], b"inserted", &old[2_000..]].concat());
        pair.spoil(|bytes| {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        });
        match pair.apply(&CancelToken::new()) {
            Ok(()) => pair.assert_applies(),
            Err(Error::ReleaseRefused { .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
