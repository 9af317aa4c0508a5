//! Stores that fail, and collectors that sleep while others go on.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use noctule_core::feedback::RecordedEvent;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use uuid::Uuid;

use super::building::{build, read_index, version_of};
use super::compaction::StoreCompaction;
use super::lease::Lease;
use super::manners::{Careless, failing, sound};
use super::place::Place;
use super::sink::StoreSink;
use super::state::{Claim, State, load_claim, make_claim};
use super::*;
use crate::index::Index;
use crate::journal::{StoredDeletion, StoredEvent};
use crate::merging::Merging;
use crate::rows::{Key, Table, read_keys};

/// One collector without its HTTP side.
struct Instance {
    sink: StoreSink,
    compaction: StoreCompaction,
    shared: Arc<Shared>,
    _closed: channel::Receiver<Closed>,
}

fn instance(place: &Place, name: &str, lease: Duration) -> Instance {
    let shared = Arc::new(Shared::default());
    let (sender, closed) = channel::channel();
    let sink = StoreSink::new(place.clone(), name, sender, Arc::clone(&shared));
    let lease = Lease::new(place.clone(), name, lease);
    // Nothing is merged but where a test says so.
    let merging = Merging { after: Duration::from_secs(1 << 40), ..Merging::default() };
    let compaction = StoreCompaction::new(place.clone(), lease, merging, Arc::clone(&shared));
    Instance { sink, compaction, shared, _closed: closed }
}

/// The lines of events of an installation, all of one day in 2020.
fn lines(installation: u128, sequences: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    let mut text = Vec::new();
    for sequence in sequences {
        let event: RecordedEvent = serde_json::from_value(serde_json::json!({
            "id": Uuid::from_u128(installation << 64 | u128::from(sequence)),
            "sequence": sequence, "at_ms": 1_600_000_000_000_i64, "kind": "click", "item": "a",
        }))
        .unwrap();
        let line = Line::Event(Box::new(StoredEvent {
            app: "town".into(),
            installation: Uuid::from_u128(installation),
            batch_id: Uuid::from_u128(1),
            experiment: None,
            exam: None,
            dropped: None,
            received_ms: 5,
            event: std::borrow::Cow::Owned(event),
        }));
        text.extend(state::encode(&line).unwrap());
        text.push(b'\n');
    }
    text
}

fn deletion(installation: u128) -> Vec<u8> {
    let line = Line::Deletion(StoredDeletion {
        app: "town".into(),
        installation: Uuid::from_u128(installation),
        requested_at_ms: 5,
        received_ms: 6,
    });
    let mut text = state::encode(&line).unwrap();
    text.push(b'\n');
    text
}

/// The keys of all Parquet files in the store, whether a version names them or not.
fn rows(place: &Place) -> Vec<Key> {
    let folder = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for found in retried(|| place.list("")) {
        if found.path.starts_with("app=") {
            let bytes = retried(|| place.get(&found.path, 1 << 30)).unwrap();
            let file = folder.path().join("file");
            std::fs::write(&file, bytes).unwrap();
            keys.extend(read_keys(&file, Table::Events).unwrap());
        }
    }
    keys.sort_unstable();
    keys
}

fn retried<T>(mut call: impl FnMut() -> Result<T>) -> T {
    (0..100).find_map(|_| call().ok()).expect("it fails for ever")
}

fn key(installation: u128, sequence: u64) -> Key {
    (Uuid::from_u128(installation), sequence)
}

#[test]
fn a_store_that_fails_every_nth_call_loses_nothing_acknowledged_and_doubles_nothing() {
    // Runs of one are mended by calling again; runs of four are not.
    for (every, run) in [(2, 1), (3, 1), (101, 4), (153, 4), (0, 1)] {
        let store = Arc::new(InMemory::new());
        let place = failing(&store, every, run);
        let lease = Duration::from_millis(1);
        let mut instances = [instance(&place, "one", lease), instance(&place, "two", lease)];
        if run > 1 {
            // The journal makes few calls of all: it has bad luck of its own.
            for (one, name) in instances.iter_mut().zip(["one", "two"]) {
                let (sender, _) = channel::channel();
                let place = failing(&store, 3, 4);
                one.sink = StoreSink::new(place, name, sender, Arc::clone(&one.shared));
            }
        }
        let mut acknowledged = BTreeSet::new();
        for round in 0..30u64 {
            for one in &mut instances {
                // Both bring the same, as a device does that was not answered the first time.
                let sequences = round * 5 + 1..=round * 5 + 5;
                if one.sink.append(&lines(7, sequences.clone())) {
                    acknowledged.extend(sequences.map(|sequence| key(7, sequence)));
                }
                let _ = one.compaction.work();
            }
        }
        retried(|| {
            std::thread::sleep(Duration::from_millis(3));
            instances[0].compaction.work()?;
            let left = place.list(JOURNAL)?.len();
            if left == 0 { Ok(()) } else { Err(crate::Error::Stopped) }
        });
        // What a failed removal has left goes at the next start of one that holds the lease.
        retried(|| {
            let mut third = instance(&place, "three", Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(3));
            third.compaction.work()
        });
        let found = rows(&place);
        let distinct: BTreeSet<Key> = found.iter().copied().collect();
        assert_eq!(found.len(), distinct.len(), "every {every}: a row is there twice");
        assert!(acknowledged.is_subset(&distinct), "every {every}: a row is lost");
        assert!(acknowledged.len() >= 75, "every {every}: {}", acknowledged.len());
        let failures = |one: &Instance| one.shared.metrics.counts().write_failures;
        let failed = instances.iter().map(failures).sum::<u64>();
        assert_eq!(failed > 0, run > 1, "every {every}: {failed} batches were refused");
    }
}

#[test]
fn whoever_makes_a_version_makes_the_same() {
    let place = sound();
    let mut one = instance(&place, "one", Duration::from_secs(60));
    assert!(one.sink.append(&lines(7, 1..=9)) && one.sink.append(&lines(8, 1..=9)));
    one.compaction.work().unwrap();
    assert!(one.sink.append(&lines(7, 5..=20)) && one.sink.append(&deletion(8)));
    let state = State::load(&place).unwrap();
    let claim = Claim {
        version: state.version + 1,
        at_ms: 5,
        segments: [("one".to_owned(), vec![3, 4])].into(),
        merge_after_ms: 1,
        merge_target_bytes: 1 << 20,
    };
    let build = || {
        let mut index = read_index(&place, &state).unwrap().unwrap();
        build(&place, &state, &claim, &mut index).unwrap().unwrap().next
    };
    let first = build();
    let files = |place: &Place| {
        let found = place.list("").unwrap();
        let read = |path: &str| place.get(path, 1 << 30).unwrap().unwrap();
        found.into_iter().map(|found| (read(&found.path), found.path)).collect::<Vec<_>>()
    };
    let before = files(&place);
    assert_eq!(build(), first);
    assert_eq!(files(&place), before);
    // And without what is there already: the very same bytes.
    for path in first.files.keys().filter(|path| !state.files.contains_key(*path)) {
        place.delete(path).unwrap();
    }
    assert_eq!(build(), first);
    assert_eq!(files(&place), before);
}

#[test]
fn one_that_wakes_up_with_an_old_claim_spoils_nothing() {
    let place = sound();
    let mut awake = instance(&place, "awake", Duration::from_secs(60));
    assert!(awake.sink.append(&lines(7, 1..=9)) && awake.sink.append(&lines(8, 1..=9)));
    // The sleeper has claimed and built, and falls asleep before it commits.
    let asleep = State::load(&place).unwrap();
    let claim = Claim {
        version: 1,
        at_ms: 5,
        segments: [("awake".to_owned(), vec![1, 2])].into(),
        merge_after_ms: u64::MAX,
        merge_target_bytes: 1 << 20,
    };
    let claim = make_claim(&place, claim).unwrap().unwrap();
    let built = build(&place, &asleep, &claim, &mut Index::default()).unwrap().unwrap();
    // Meanwhile the other makes that version and more, and one installation leaves.
    awake.compaction.work().unwrap();
    assert!(awake.sink.append(&deletion(8)));
    awake.compaction.work().unwrap();
    assert_eq!(rows(&place), (1..=9).map(|sequence| key(7, sequence)).collect::<Vec<_>>());
    // The sleeper writes its file again: its segments are gone, but it has them in memory.
    let path = built.next.files.keys().next().unwrap().clone();
    assert!(place.put_new(&path, b"what it had".to_vec()).unwrap());
    assert!(!built.next.commit(&place).unwrap(), "it is told that it is not the last");
    assert!(load_claim(&place, 1).unwrap().is_some());
    // One that comes new sweeps it away.
    awake.compaction.end().unwrap();
    let mut new = instance(&place, "new", Duration::from_secs(60));
    new.compaction.work().unwrap();
    assert_eq!(rows(&place), (1..=9).map(|sequence| key(7, sequence)).collect::<Vec<_>>());
}

#[test]
fn a_forgotten_installation_leaves_every_object_and_stays_away_from_every_instance() {
    let place = sound();
    let gone = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834;
    let mut one = instance(&place, "one", Duration::from_secs(60));
    let mut two = instance(&place, "two", Duration::from_secs(60));
    assert!(one.sink.append(&lines(gone, 1..=9)) && two.sink.append(&lines(7, 1..=9)));
    one.compaction.work().unwrap();
    assert!(two.sink.append(&lines(gone, 10..=12)));
    assert!(two.sink.append(&deletion(gone)));
    one.compaction.work().unwrap();
    // An instance that has not heard of it takes more.
    assert!(two.sink.append(&lines(gone, 13..=15)));
    one.compaction.work().unwrap();
    assert_eq!(rows(&place), (1..=9).map(|sequence| key(7, sequence)).collect::<Vec<_>>());
    let text = Uuid::from_u128(gone).to_string();
    for found in place.list("").unwrap() {
        let bytes = place.get(&found.path, 1 << 30).unwrap().unwrap();
        assert!(!bytes.windows(36).any(|window| window == text.as_bytes()), "{}", found.path);
    }
}

#[test]
fn days_that_are_over_are_merged_a_day_a_version() {
    let place = sound();
    let mut one = instance(&place, "one", Duration::from_secs(60));
    for round in 0..5 {
        assert!(one.sink.append(&lines(7, round * 3 + 1..=round * 3 + 3)));
        one.compaction.work().unwrap();
    }
    one.compaction.end().unwrap();
    let merging = Merging { after: Duration::ZERO, ..Merging::default() };
    let shared = Arc::new(Shared::default());
    let lease = Lease::new(place.clone(), "two", Duration::from_secs(60));
    let mut merger = StoreCompaction::new(place.clone(), lease, merging, Arc::clone(&shared));
    merger.work().unwrap();
    let state = State::load(&place).unwrap();
    assert_eq!((state.version, state.files.len()), (6, 1));
    assert_eq!(state.files.values().next().unwrap().rows, 15);
    assert_eq!(version_of(state.files.keys().next().unwrap()), Some(6));
    assert_eq!(rows(&place), (1..=15).map(|sequence| key(7, sequence)).collect::<Vec<_>>());
    let counts = shared.metrics.counts();
    assert_eq!((counts.merged_files, counts.merges), (5, 1));
    // Nothing of it is forgotten by the index: the same events come again.
    assert!(one.sink.append(&lines(7, 1..=15)));
    merger.work().unwrap();
    assert_eq!(rows(&place).len(), 15);
}

#[test]
fn a_lease_is_held_by_one_until_it_ends() {
    let place = sound();
    let lease = |name| Lease::new(place.clone(), name, Duration::from_secs(60));
    let (one, two) = (lease("one"), lease("two"));
    assert!(one.take(1_000).unwrap() && one.take(2_000).unwrap());
    assert!(!two.take(2_000).unwrap());
    // Prolonged after its half.
    assert!(one.take(50_000).unwrap() && !two.take(62_000).unwrap());
    assert!(two.take(111_000).unwrap() && !one.take(111_000).unwrap());
    two.give_back().unwrap();
    assert!(one.take(111_000).unwrap());
    // A clock that was years ahead does not lock the others out.
    assert!(lease("three").take(1_000_000).is_ok());
    assert!(one.take(1 << 45).unwrap() && two.take(1_000).unwrap());
}

#[test]
fn a_store_that_writes_over_what_is_there_is_refused() {
    let store: Arc<dyn ObjectStore> = Arc::new(Careless(InMemory::new()));
    let place = Place::new(store, Path::default(), "careless").unwrap();
    let settings = Settings::new(SocketAddr::from(([127, 0, 0, 1], 0)), FilePath::new("x://y"));
    let shared = Arc::new(Shared::default());
    let Err(error) = Store::at(place, &settings, &shared) else { panic!("it was opened") };
    assert!(error.to_string().contains("writes over"), "{error}");
    let place = sound();
    assert!(Store::at(place.clone(), &settings, &shared).is_ok());
    assert!(place.put_new("a/b", b"first".to_vec()).unwrap());
    assert!(!place.put_new("a/b", b"second".to_vec()).unwrap());
    assert_eq!(place.get("a/b", 9).unwrap().as_deref(), Some(&b"first"[..]));
    assert!(place.get("a/b", 4).is_err(), "more than the limit is not read");
}
