//! A kill anywhere between installation and the way back leaves whole releases and one shelf.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::{check_installed, installed_path, rows::Installed};
use noctule_core::serving::EmptyReason;
use noctule_tests::phone::check_whole;
use noctule_tests::switching::{install, night, pack_version};
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::{Phone, Town};

use crate::kill::Working;

const SEED: u64 = 20_261_125;
const KILLS: u64 = 60;
const HOUR_MS: i64 = 3_600_000;

/// What lies on disk of `release` verifies to the last byte.
fn check_on_disk(directory: &Path, release: &Installed) {
    let path = installed_path(&directory.join("releases"), &release.release);
    check_installed(&path, &release.manifest_sha256).unwrap();
}

/// Whole slates, all of one release; none at all without a release. Gives that release.
fn check_shelf(phone: &Phone) -> Option<String> {
    let mut made_by = BTreeSet::new();
    let has_release = phone.releases().unwrap().active.is_some();
    for slate in phone.slates(Town::default().contexts) {
        if !has_release {
            assert_eq!(slate.empty_reason, Some(EmptyReason::NoRelease));
            continue;
        }
        let (_, length) = SURFACES.iter().find(|(id, _)| *id == slate.surface.as_str()).unwrap();
        check_whole(&slate, *length);
        made_by.insert(slate.release.unwrap().to_string());
    }
    assert!(made_by.len() <= 1, "a mixture of {made_by:?}");
    made_by.pop_first()
}

/// Opens what the killed child left, and checks all of it.
fn check(directory: &Path, packed: &Path, round: u64) {
    let now_ms = NOW_MS + round as i64 * HOUR_MS;
    let phone = Phone::open_at(directory, now_ms).unwrap();
    let status = phone.status().unwrap();
    assert!(status.damaged.is_empty(), "{:?}", status.damaged);
    let releases = phone.releases().unwrap();
    for release in releases.active.iter().chain(&releases.previous) {
        check_on_disk(directory, release);
    }
    check_shelf(&phone);
    match round % 3 {
        0 => night(&phone),
        1 => install(&phone, packed),
        _ => return,
    }
    // The next try has finished.
    let active = phone.releases().unwrap().active;
    if let Some(active) = &active {
        check_on_disk(directory, active);
    }
    let shelf = check_shelf(&phone);
    if round.is_multiple_of(3) && phone.status().unwrap().reverted.is_none() {
        assert_eq!(shelf, active.map(|active| active.release.to_string()));
    }
}

#[test]
fn a_kill_while_releases_change_leaves_whole_ones_and_slates_of_one() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, packed) = (scratch.path().join("profile"), scratch.path().join("releases"));
    let kills = std::env::var("NOCTULE_SWITCHING_KILLS").ok();
    let kills =
        kills.map_or(KILLS, |kills| kills.parse().expect("NOCTULE_SWITCHING_KILLS is a number"));
    let mut random = SeededRandom::new(Seed(SEED));
    let mut interrupted: BTreeMap<String, u64> = BTreeMap::new();
    let mut version = 0;
    let phone = Phone::open(&directory);
    for next in 1..=2 {
        pack_version(&packed, next);
        version = next;
    }
    install(&phone, &packed);
    drop(phone);
    for round in 1..=kills {
        // As many as the child may install at most before it is killed, and one for the check.
        let pieces = if random.chance(0.2) { 0 } else { 1 + random.below(12) };
        let newest = newest_seen(&directory);
        while version < newest + pieces as u64 + 12 {
            version += 1;
            pack_version(&packed, version);
        }
        let mut working = Working::start("switch", &directory, &packed, round);
        working.wait_for(pieces);
        std::thread::sleep(Duration::from_micros(random.below(12_000) as u64));
        let heard = working.kill();
        let doing = heard.iter().rev().find_map(|line| line.strip_prefix("begin "));
        *interrupted.entry(doing.unwrap_or("open").to_owned()).or_default() += 1;
        check(&directory, &packed, round);
    }
    eprintln!("{kills} kills, seed {SEED}: {version} versions; interrupted {interrupted:?}");
    assert!(interrupted.len() > 2 || kills < 10, "{interrupted:?}");
}

/// The highest version that was installed, by what lies there.
fn newest_seen(directory: &Path) -> u64 {
    let store = noctule_core::store::Store::open(directory).unwrap();
    let seen = store.read(noctule_core::release::rows::seen).unwrap();
    seen.iter().map(|seen| seen.release.version).max().unwrap_or(0)
}
