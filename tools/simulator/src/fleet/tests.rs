use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use ed25519_dalek::{Signer, SigningKey};
use noctule_core::release::{
    Architecture, Arm, CATALOGUE_FILE, Experiment, FileEntry, ITEMS_FILE, MANIFEST_FILE,
    MANIFEST_FORMAT, Manifest, Policy, ReleaseName, SIGNATURE_FILE, TensorEntry, TensorLayout,
};

use super::collector::Collector;
use super::*;
use crate::world::{BEGIN_MS, DAY_MS};
use crate::{Town, TownSettings};

const KEY: [u8; 32] = [7; 32];

fn town() -> Town {
    let settings =
        TownSettings { restaurants: 60, residents: 50, phones: 6, ..TownSettings::default() };
    Town::new(&settings).unwrap()
}

/// A signed release of the town without a model: popularity as the residents' visits have it.
fn release(town: &Town, directory: &Path) {
    let (items, contexts) = (town.items().len(), town.plan().contexts.len());
    let mut counts = vec![vec![1f32; items]; contexts + 1];
    for visit in town.training() {
        counts[0][visit.item as usize] += 1.0;
        counts[1 + usize::from(visit.context.unwrap())][visit.item as usize] += 1.0;
    }
    let shares = |row: &Vec<f32>| {
        let sum: f32 = row.iter().sum();
        row.iter().flat_map(|count| (count / sum).to_le_bytes()).collect::<Vec<u8>>()
    };
    let overall = items * 4;
    let header = format!(
        "{{\"popularity\":{{\"dtype\":\"F32\",\"shape\":[{items}],\"data_offsets\":[0,{overall}]}},\
         \"context_popularity\":{{\"dtype\":\"F32\",\"shape\":[{contexts},{items}],\
         \"data_offsets\":[{overall},{}]}}}}",
        overall * (contexts + 1)
    );
    let mut tensors = (header.len() as u64).to_le_bytes().to_vec();
    tensors.extend(header.as_bytes());
    tensors.extend(counts.iter().flat_map(shares));
    let catalogue = noctule_core::catalogue::encode(town.items()).unwrap();
    let layout = TensorLayout::of_bytes(&catalogue).unwrap();
    let catalogue_tensors = layout.iter().map(|(name, info)| {
        let (dtype, shape) = (info.dtype.to_string(), info.shape.clone());
        (name.to_owned(), TensorEntry { dtype, shape })
    });
    let entry = |shape: &[usize]| TensorEntry {
        dtype: "F32".into(),
        shape: shape.iter().map(|size| *size as u64).collect(),
    };
    let item_tensors = BTreeMap::from([
        ("popularity".to_owned(), entry(&[items])),
        ("context_popularity".to_owned(), entry(&[contexts, items])),
    ]);
    let tensors_by_file = BTreeMap::from([
        (CATALOGUE_FILE.to_owned(), catalogue_tensors.collect()),
        (ITEMS_FILE.to_owned(), item_tensors),
    ]);
    std::fs::create_dir_all(directory).unwrap();
    let mut files = BTreeMap::new();
    for (name, bytes) in [(CATALOGUE_FILE, &catalogue), (ITEMS_FILE, &tensors)] {
        std::fs::write(directory.join(name), bytes).unwrap();
        let entry = FileEntry::of_bytes(bytes);
        files.insert(name.to_owned(), entry);
    }
    let manifest = manifest(town, files, tensors_by_file).to_bytes().unwrap();
    let signature = SigningKey::from_bytes(&KEY).sign(&manifest).to_bytes();
    std::fs::write(directory.join(MANIFEST_FILE), manifest).unwrap();
    std::fs::write(directory.join(SIGNATURE_FILE), signature).unwrap();
}

fn manifest(
    town: &Town,
    files: BTreeMap<String, FileEntry>,
    tensors: BTreeMap<String, BTreeMap<String, TensorEntry>>,
) -> Manifest {
    let arm = |name: &str| Arm { name: name.into(), share: 0.5, policy: Policy::Baseline };
    Manifest {
        format: MANIFEST_FORMAT,
        app: "town".into(),
        release: ReleaseName { name: "town".into(), version: 1 },
        created_ms: BEGIN_MS - 7 * DAY_MS,
        expires_ms: BEGIN_MS + 60 * DAY_MS,
        minimum_runtime: None,
        architecture: Architecture::Popularity {},
        plan: town.plan().clone(),
        experiment: Some(Experiment {
            key: "same".into(),
            salt: "1".into(),
            arms: vec![arm("a"), arm("b")],
        }),
        files,
        tensors,
        reference: BTreeMap::new(),
        health: None,
        lineage: BTreeMap::new(),
    }
}

/// A fleet of six phones over `nights`, in a directory of its own.
fn fleet(town: &Town, nights: u32, threads: usize, collector: Option<&Collector>) -> FleetResult {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(town, directory.path(), nights, threads, collector);
    let done = AtomicUsize::new(0);
    let progress = |_, total| {
        assert_eq!(total, 6 * nights as usize);
        done.fetch_add(1, Ordering::SeqCst);
    };
    let result = run_fleet(town, &settings, &progress).unwrap();
    assert_eq!(done.into_inner(), 6 * nights as usize);
    assert_eq!(std::fs::read_dir(&settings.directory).unwrap().count(), 0);
    result
}

fn settings(
    town: &Town,
    directory: &Path,
    nights: u32,
    threads: usize,
    collector: Option<&Collector>,
) -> FleetSettings {
    release(town, &directory.join("release"));
    FleetSettings {
        phones: 6,
        nights,
        seed: 3,
        directory: directory.join("phones"),
        collector_url: collector.map(Collector::url),
        app: "town".into(),
        trusted_keys: vec![SigningKey::from_bytes(&KEY).verifying_key().to_bytes()],
        release: directory.join("release"),
        threads,
        keep_directories: false,
    }
}

#[test]
fn the_number_of_threads_changes_nothing_but_the_timings() {
    let town = town();
    let (one, three) = (fleet(&town, 2, 1, None), fleet(&town, 2, 3, None));
    assert_eq!(one.phones, three.phones);
    let slates = |result: &FleetResult| {
        let example = result.example.as_ref().unwrap();
        let shown = |slate: &noctule_core::serving::Recommendations| slate.items.clone();
        example.slates.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(slates(&one), slates(&three));
    assert_eq!(one.timings.nights, 12);
}

#[test]
fn a_phone_shows_full_slates_of_open_places_at_every_meal() {
    let town = town();
    let result = fleet(&town, 3, 2, None);
    let arms: BTreeSet<_> = result.phones.iter().filter_map(|phone| phone.arm.clone()).collect();
    assert!(!arms.is_empty(), "{arms:?}");
    for phone in &result.phones {
        assert_eq!(phone.outcomes.len(), 3 * 3 * crate::world::OPENINGS as usize);
        assert!(phone.outcomes.iter().all(|outcome| outcome.shown == 10), "{phone:?}");
        assert_eq!((phone.acknowledged, phone.pending), (0, phone.recorded));
    }
    let example = result.example.unwrap();
    assert_eq!((example.slates.len(), example.favourites.len()), (3, 3));
    for slate in &example.slates {
        let (_, context) = town.plan().context(slate.context.as_ref().unwrap().as_str()).unwrap();
        for slot in &slate.items {
            let item = town.items().iter().find(|item| item.id == slot.item).unwrap();
            assert!(item.is_open(context.when.middle()), "{slot:?}");
        }
    }
}

#[test]
fn what_was_recorded_arrives_once_though_the_collector_fails_at_first() {
    let town = town();
    let collector = Collector::start(5);
    let result = fleet(&town, 2, 2, Some(&collector));
    assert!(result.recorded() > 6 * 2 * 6 * 10);
    assert_eq!(result.acknowledged(), result.recorded());
    let received = collector.stop();
    assert_eq!(received.len(), 6);
    let mut by_phone: Vec<u64> = result.phones.iter().map(|phone| phone.recorded).collect();
    let mut arrived = Vec::new();
    for sequences in received.values() {
        assert_eq!(*sequences, (1..=sequences.len() as u64).collect::<Vec<u64>>());
        arrived.push(sequences.len() as u64);
    }
    by_phone.sort_unstable();
    arrived.sort_unstable();
    assert_eq!(by_phone, arrived);
}

#[test]
fn a_collector_that_never_takes_anything_is_a_typed_error() {
    let town = town();
    let collector = Collector::start(usize::MAX);
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&town, directory.path(), 1, 2, Some(&collector));
    let error = run_fleet(&town, &settings, &|_, _| {}).unwrap_err();
    assert!(
        matches!(&error, Error::NotDelivered { pending, reason, .. }
            if *pending > 0 && reason.contains("503")),
        "{error}"
    );
}

#[test]
fn a_key_that_is_not_trusted_and_a_setting_out_of_range_are_named() {
    let town = town();
    let directory = tempfile::tempdir().unwrap();
    let good = settings(&town, directory.path(), 1, 2, None);
    let other = FleetSettings { trusted_keys: Vec::new(), ..good.clone() };
    let error = run_fleet(&town, &other, &|_, _| {}).unwrap_err();
    assert!(matches!(&error, Error::Phone { action: "installing the release", .. }), "{error}");
    let many = FleetSettings { phones: 7, ..good };
    let error = run_fleet(&town, &many, &|_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Setting { field: "phones", .. }), "{error}");
}
