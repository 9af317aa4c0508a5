//! One test for each attack of the specification's section 1.5.2, named after it.

use serde_json::json;

use super::workshop::{NOW_MS, Workshop, device, refresh, refusal, sign};
use crate::base::TrustRefusal as Refusal;
use crate::base::digest::sha256_hex;
use crate::trust::{Role, Update};

const DAY_MS: i64 = 86_400_000;

fn attempt(stored: &crate::trust::TrustedSet, workshop: &Workshop) -> Refusal {
    refusal(refresh(stored.clone(), &workshop.files(), NOW_MS).1)
}

#[test]
fn arbitrary_software_installation() {
    let good = Workshop::new();
    let stored = device(&good);
    let mut evil = good.clone();
    evil.next();
    evil.offer("town", 9, 100, false);
    evil.signers.insert("targets", vec![20, 21]);
    assert!(matches!(attempt(&stored, &evil), Refusal::Threshold { have: 0, need: 2, .. }));
    let (set, _) = refresh(stored, &evil.files(), NOW_MS);
    assert!(set.current(NOW_MS).is_err(), "a half refreshed set offers nothing");
    let current = device(&good);
    let current = current.current(NOW_MS).unwrap();
    assert!(current.release_of(&sha256_hex(b"anything else")).is_none());
}

#[test]
fn endless_data() {
    let good = Workshop::new();
    let mut update = Update::begin(good.first(), NOW_MS);
    let files = good.files();
    while let Some(wanted) = update.wanted() {
        // Whoever fetches stops at `length_max`; one byte more is refused before it is parsed.
        let endless = vec![b' '; usize::try_from(wanted.length_max).unwrap() + 1];
        assert!(wanted.length_max <= 2_000_000);
        let refused = refusal(update.accept(&endless));
        let known = wanted.length.is_some();
        assert_eq!(matches!(refused, Refusal::WrongLength { .. }), known);
        assert_eq!(matches!(refused, Refusal::TooLarge { .. }), !known);
        match files.get(&wanted.path) {
            Some(bytes) => update.accept(bytes).unwrap(),
            None => update.missing().unwrap(),
        }
    }
    assert!(update.finish().is_ok());
}

#[test]
fn extraneous_dependencies() {
    // A release depends on nothing: its files are bound by its manifest, and a target of another
    // line is never chosen for this one.
    let mut workshop = Workshop::new();
    workshop.offer("keylogger", 99, 100, false);
    let set = device(&workshop);
    let chosen = set.current(NOW_MS).unwrap().choose("town", "x").unwrap();
    assert_eq!((chosen.name.as_str(), chosen.version), ("town", 8));
}

#[test]
fn fast_forward() {
    let mut workshop = Workshop::new();
    let mut pushed = workshop.clone();
    for value in [&mut pushed.targets, &mut pushed.snapshot, &mut pushed.timestamp] {
        value["version"] = json!((1_u64 << 53) - 1);
    }
    pushed.snapshot["meta"]["targets.json"]["version"] = json!((1_u64 << 53) - 1);
    pushed.timestamp["meta"]["snapshot.json"]["version"] = json!((1_u64 << 53) - 1);
    let stored = device(&pushed);
    workshop.next();
    assert!(matches!(attempt(&stored, &workshop), Refusal::Rollback { .. }));
    // New online keys: the versions of the old ones are forgotten.
    workshop.rotate("timestamp", &[17], &[1, 3]);
    workshop.rotate("targets", &[14, 15], &[1, 2]);
    workshop.signers.insert("timestamp", vec![17]);
    workshop.signers.insert("targets", vec![14, 15]);
    let (mut set, outcome) = refresh(stored, &workshop.files(), NOW_MS);
    outcome.unwrap();
    assert_eq!(set.version(Role::Timestamp), Some(2));
    assert!(set.take_targets_rotation(), "the versions of releases are to be forgotten too");
    assert!(!set.take_targets_rotation());
}

#[test]
fn indefinite_freeze() {
    let workshop = Workshop::new();
    let stored = device(&workshop);
    let later = stored.expires_ms();
    let (set, outcome) = refresh(stored, &workshop.files(), later);
    assert!(matches!(refusal(outcome), Refusal::Expired { .. }));
    assert!(set.current(later).is_err() && set.current(later - 1).is_ok());
    for part in ["timestamp", "snapshot", "targets"] {
        let mut workshop = Workshop::new();
        let value = match part {
            "timestamp" => &mut workshop.timestamp,
            "snapshot" => &mut workshop.snapshot,
            _ => &mut workshop.targets,
        };
        value["expires"] = json!("2026-09-21T00:00:00Z");
        let refused = refusal(refresh(workshop.first(), &workshop.files(), NOW_MS).1);
        assert!(matches!(refused, Refusal::Expired { .. }), "{part}");
    }
}

#[test]
fn malicious_mirrors_preventing_updates() {
    let mut workshop = Workshop::new();
    let stored = device(&workshop);
    workshop.next();
    let files = workshop.files();
    let mut update = Update::begin(stored, NOW_MS);
    while let Some(wanted) = update.wanted() {
        // The bad mirror answers first; its refusal changes nothing.
        assert!(update.accept(b"{\"signatures\": [], \"signed\": {}}").is_err());
        assert_eq!(update.wanted().as_ref(), Some(&wanted));
        match files.get(&wanted.path) {
            Some(bytes) => update.accept(bytes).unwrap(),
            None => update.missing().unwrap(),
        }
    }
    assert_eq!(update.finish().unwrap().version(Role::Targets), Some(2));
}

#[test]
fn mix_and_match() {
    let mut workshop = Workshop::new();
    let old = workshop.files();
    workshop.next();
    workshop.offer("town", 9, 100, false);
    // The new snapshot and timestamp with targets that were good before.
    workshop
        .replaced
        .insert("metadata/2.targets.json".to_owned(), old["metadata/1.targets.json"].clone());
    let refused = refusal(refresh(workshop.first(), &workshop.files(), NOW_MS).1);
    assert!(matches!(refused, Refusal::WrongLength { .. } | Refusal::WrongHash { .. }));
    workshop.link = false;
    let refused = refusal(refresh(workshop.first(), &workshop.files(), NOW_MS).1);
    assert_eq!(refused, Refusal::WrongVersion { expected: 2, found: 1 });
}

#[test]
fn rollback() {
    let old = Workshop::new();
    let mut workshop = old.clone();
    workshop.next();
    let stored = device(&workshop);
    assert!(matches!(attempt(&stored, &old), Refusal::Rollback { have: 2, offered: 1, .. }));
    // A fresh timestamp for an old snapshot, and a fresh snapshot for old targets.
    let mut half = old.clone();
    half.timestamp["version"] = json!(3);
    assert!(matches!(attempt(&stored, &half), Refusal::Rollback { have: 2, offered: 1, .. }));
    let mut other = workshop.clone();
    other.next();
    other.snapshot["meta"]["targets.json"]["version"] = json!(1);
    assert!(matches!(attempt(&stored, &other), Refusal::Rollback { have: 2, offered: 1, .. }));
    // A root of the past under the name of the next.
    let mut past = workshop.clone();
    past.roots.push(past.roots[0].clone());
    assert!(matches!(attempt(&stored, &past), Refusal::WrongVersion { expected: 2, found: 1 }));
}

#[test]
fn vulnerability_to_key_compromises() {
    let workshop = Workshop::new();
    let stored = device(&workshop);
    // The online keys alone sign no release, one targets key of two neither.
    for thief in [vec![6, 7], vec![4], vec![4, 6, 7]] {
        let mut evil = workshop.clone();
        evil.next();
        evil.offer("town", 9, 100, false);
        evil.signers.insert("targets", thief);
        assert!(matches!(attempt(&stored, &evil), Refusal::Threshold { need: 2, .. }));
    }
    // One root key of three changes no key.
    let mut evil = workshop.clone();
    evil.rotate("targets", &[20, 21], &[3]);
    assert!(matches!(attempt(&stored, &evil), Refusal::Threshold { have: 1, need: 2, .. }));
    // A lost online key is replaced; what it signs later is refused, and what is active stays.
    let mut rotated = workshop.clone();
    rotated.rotate("timestamp", &[17], &[1, 2]);
    rotated.next();
    let (set, outcome) = refresh(stored, &rotated.files(), NOW_MS + DAY_MS);
    assert!(matches!(refusal(outcome), Refusal::Threshold { have: 0, need: 1, .. }));
    assert_eq!(set.version(Role::Root), Some(2));
}

#[test]
fn wrong_software_installation() {
    // The bytes under a target's path are bound by its hash, and the path is the hash.
    let mut workshop = Workshop::new();
    let (town, other) = (sha256_hex(b"town@8"), sha256_hex(b"other"));
    let entry = workshop.targets["targets"][format!("blobs/{town}")].clone();
    workshop.targets["targets"][format!("blobs/{other}")] = entry;
    let refused = refusal(refresh(workshop.first(), &workshop.files(), NOW_MS).1);
    assert!(matches!(refused, Refusal::Field { .. }));
    // Two releases of one name and version.
    let mut workshop = Workshop::new();
    let custom = json!({"noctule": {"kind": "release", "name": "town", "version": 8,
        "percent": 100, "halted": false}});
    workshop.targets["targets"][format!("blobs/{other}")] =
        json!({"length": 1, "hashes": {"sha256": other}, "custom": custom});
    let refused = refusal(refresh(workshop.first(), &workshop.files(), NOW_MS).1);
    assert!(matches!(refused, Refusal::Field { .. }));
}

#[test]
fn a_root_needs_the_thresholds_of_the_old_and_of_the_new_keys() {
    for (signers, good) in [(vec![1, 2, 11, 12], true), (vec![11, 12], false), (vec![1, 2], false)]
    {
        let mut workshop = Workshop::new();
        workshop.rotate("root", &[11, 12, 13], &signers);
        let (set, outcome) = refresh(workshop.first(), &workshop.files(), NOW_MS);
        assert_eq!(outcome.is_ok(), good, "{signers:?}");
        assert_eq!(set.version(Role::Root), Some(if good { 2 } else { 1 }));
    }
}

#[test]
fn a_root_chain_ends_after_the_bound_of_one_refresh_and_goes_on_in_the_next() {
    let mut workshop = Workshop::new();
    for _ in 0..300 {
        workshop.root["version"] = json!(workshop.roots.len() + 1);
        workshop.roots.push(sign(&workshop.root, &[1, 2]));
    }
    let (set, outcome) = refresh(workshop.first(), &workshop.files(), NOW_MS);
    outcome.unwrap();
    assert_eq!(set.version(Role::Root), Some(257));
    assert_eq!(refresh(set, &workshop.files(), NOW_MS).0.version(Role::Root), Some(301));
}
