//! Starters: a release cut down for an app to ship.

use std::path::Path;

use noctule_core::night::LoadedRelease;
use noctule_releases::{Error, Packed, StarterSize, inspect, pack_starter, verify};
use serde_json::json;

use crate::directories::{architecture, f32, write};
use crate::parts::{NOW_MS, key, plan_json};

const ITEMS: usize = 400;
const DAY_MS: i64 = 24 * 3_600_000;

/// A model directory: the popularity falls with the index overall, at noon it rises, and at night
/// only the hundred in the middle are chosen at all.
fn source(home: &Path) {
    let line = |at| format!("{{\"id\":\"i{at}\",\"title\":\"Item {at}\"}}\n");
    let catalogue: String = (0..ITEMS).map(line).collect();
    std::fs::write(home.join("catalogue.jsonl"), catalogue).unwrap();
    let description = json!({"app": "town", "name": "town", "version": 7,
        "architecture": architecture(&["fold_in"]), "plan": plan_json()});
    std::fs::write(home.join("pack.json"), description.to_string()).unwrap();
    let share = |weight: usize| weight as f32 / (ITEMS * ITEMS) as f32;
    let falling: Vec<f32> = (0..ITEMS).map(|at| share(ITEMS - at)).collect();
    let noon = (0..ITEMS).map(share);
    let night = (0..ITEMS).map(|at| if (150..250).contains(&at) { 0.01 } else { 0.0 });
    let by_context: Vec<f32> = noon.chain(night).collect();
    let vectors: Vec<f32> = (0..ITEMS * 2).map(|at| (at % 13) as f32 / 7.0 - 0.5).collect();
    let tensors = [
        f32("embedding", &[ITEMS, 2], &vectors),
        f32("popularity", &[ITEMS], &falling),
        f32("context_popularity", &[2, ITEMS], &by_context),
    ];
    write(&home.join("items.safetensors"), &tensors);
}

fn starter(home: &Path, size: StarterSize) -> Result<Packed, Error> {
    source(home);
    pack_starter(home, &key(), &home.join("starter"), NOW_MS, 730, size)
}

/// The ids of the items, in their order.
fn ids(packed: &Packed) -> Vec<String> {
    let loaded = LoadedRelease::open(&packed.directory, &packed.manifest_sha256).unwrap();
    let catalogue = loaded.release.catalogue();
    catalogue.indices().map(|at| catalogue.id(at).unwrap().to_owned()).collect()
}

#[test]
fn a_starter_holds_the_most_popular_of_each_context_and_overall_in_a_line_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let packed = starter(home.path(), StarterSize::Items(25)).unwrap();
    let numbers = |range: std::ops::Range<usize>| range.map(|at| format!("i{at}"));
    // Ten of each context, since the longest surface has ten slots; the rest by popularity overall.
    let expected: Vec<String> =
        numbers(0..5).chain(numbers(150..160)).chain(numbers(390..400)).collect();
    assert_eq!(ids(&packed), expected);
    let manifest = &packed.manifest;
    assert_eq!(manifest.release.to_string(), "town-starter@7");
    assert_eq!(manifest.lineage["starter_of"], "town@7");
    assert_eq!(manifest.expires_ms, NOW_MS + 730 * DAY_MS);
    verify(&packed.directory, &[key().public()], NOW_MS + 700 * DAY_MS).unwrap();
}

#[test]
fn a_starter_is_no_larger_than_it_may_be_and_uses_most_of_it() {
    let home = tempfile::tempdir().unwrap();
    let limit = 12_000;
    let packed = starter(home.path(), StarterSize::Bytes(limit)).unwrap();
    let on_disk: u64 = std::fs::read_dir(&packed.directory)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(on_disk, packed.bytes);
    assert!(on_disk <= limit && on_disk > limit / 2, "{on_disk} of {limit}");
    let items = inspect(&packed.directory, &[]).unwrap().items;
    assert!(items > 0 && items < ITEMS as u64, "{items}");
    // Nothing that was tried is left beside it.
    let names = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(names, 4);
}

#[test]
fn a_size_that_not_one_item_fits_in_is_refused_and_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    for size in [StarterSize::Items(0), StarterSize::Bytes(100)] {
        let refused = starter(home.path(), size).unwrap_err();
        assert!(refused.to_string().contains("size"), "{refused}");
        assert!(!home.path().join("starter").exists());
    }
}
