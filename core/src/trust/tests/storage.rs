//! Storing the set, folders, roll-outs.

use super::workshop::{NOW_MS, Workshop, device, refresh};
use crate::trust::{ReleaseTarget, Role, TrustedSet, in_rollout, read_directory};

#[test]
fn a_stored_set_comes_back_and_a_flipped_bit_is_noticed() {
    let set = device(&Workshop::new());
    let blob = set.encode().unwrap();
    assert_eq!(TrustedSet::decode(&blob).unwrap(), set);
    for at in (0..blob.len()).step_by(97) {
        let mut flipped = blob.clone();
        flipped[at] ^= 1;
        assert!(TrustedSet::decode(&flipped).is_err(), "byte {at}");
    }
}

#[test]
fn a_refresh_without_news_fetches_two_files() {
    let workshop = Workshop::new();
    let mut update = crate::trust::Update::begin(device(&workshop), NOW_MS);
    let mut fetched = Vec::new();
    while let Some(wanted) = update.wanted() {
        fetched.push(wanted.path.clone());
        match workshop.files().get(&wanted.path) {
            Some(bytes) => update.accept(bytes).unwrap(),
            None => update.missing().unwrap(),
        }
    }
    assert_eq!(fetched, ["metadata/2.root.json", "metadata/timestamp.json"]);
}

#[test]
fn a_folder_is_read_like_a_server() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("metadata")).unwrap();
    let workshop = Workshop::new();
    for (path, bytes) in workshop.files() {
        std::fs::write(folder.path().join(path), bytes).unwrap();
    }
    let (set, outcome) = read_directory(folder.path(), workshop.first(), NOW_MS);
    outcome.unwrap();
    assert_eq!(set, device(&workshop));
    std::fs::remove_file(folder.path().join("metadata/timestamp.json")).unwrap();
    assert!(read_directory(folder.path(), workshop.first(), NOW_MS).1.is_err());
}

#[test]
fn whoever_is_in_a_share_is_in_every_greater_one_and_the_shares_are_about_right() {
    let release = |percent| ReleaseTarget {
        manifest_sha256: String::new(),
        length: 1,
        name: "town".into(),
        version: 8,
        percent,
        halted: false,
    };
    let mut before = vec![false; 2_000];
    for percent in [0, 1, 5, 10, 25, 50, 100] {
        let included: Vec<bool> =
            (0..2_000).map(|i| in_rollout(&release(percent), &format!("device-{i}"))).collect();
        assert!(before.iter().zip(&included).all(|(before, now)| *now || !*before));
        let count = included.iter().filter(|included| **included).count() as f64 / 20.0;
        assert!((count - f64::from(percent)).abs() < 4.0, "{percent}: {count}");
        before = included;
    }
    assert!(before.iter().all(|included| *included));
}

#[test]
fn the_highest_version_that_is_not_halted_is_chosen() {
    let mut workshop = Workshop::new();
    workshop.offer("town", 9, 100, true);
    workshop.offer("town", 10, 0, false);
    workshop.offer("town", 7, 100, false);
    let set = device(&workshop);
    assert_eq!(set.current(NOW_MS).unwrap().choose("town", "x").unwrap().version, 8);
}

#[test]
fn an_app_with_a_newer_root_starts_there_and_keeps_what_its_keys_signed() {
    let mut workshop = Workshop::new();
    let stored = device(&workshop);
    workshop.rotate("root", &[1, 2, 11], &[1, 2]);
    let mut own = TrustedSet::from_root(&workshop.roots[1]).unwrap();
    assert!(!stored.descends_from(&workshop.roots[1]));
    own.adopt(stored.clone());
    assert_eq!(own.version(Role::Timestamp), Some(1));
    let (set, outcome) = refresh(stored, &workshop.files(), NOW_MS);
    outcome.unwrap();
    assert!(workshop.roots.iter().all(|root| set.descends_from(root)));
}
