use std::fs;
use std::path::Path;

use noctule_core::trust::{ReleaseTarget, Role, TrustedSet, read_directory};

use super::*;
use crate::{PublicKey, SecretKey};

const NOW_MS: i64 = 1_790_000_000_000;
const DAY_MS: i64 = 86_400_000;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn public(seeds: &[u8]) -> Vec<PublicKey> {
    seeds.iter().map(|seed| key(*seed).public()).collect()
}

fn plan(online: u8) -> RootPlan {
    let mut plan = RootPlan::first(NOW_MS + 365 * DAY_MS);
    plan.set(Role::Root, &public(&[1, 2, 3]), 2);
    plan.set(Role::Targets, &public(&[4, 5]), 2);
    plan.set(Role::Snapshot, &public(&[online]), 1);
    plan.set(Role::Timestamp, &public(&[online]), 1);
    plan
}

fn publish(repository: &Path, release: u64, number: u64, online: u8) {
    let manifest_sha256 = format!("{release:064x}");
    let name = "town".to_owned();
    let (length, percent, halted) = (700, 100, false);
    let offered =
        ReleaseTarget { manifest_sha256, length, name, version: release, percent, halted };
    let offered = TargetList { releases: vec![offered], deltas: Vec::new() };
    let versions = Versions { targets: number, snapshot: number, timestamp: number };
    let until = NOW_MS + 30 * DAY_MS;
    let expiries = Expiries { targets_ms: until, snapshot_ms: until, timestamp_ms: until };
    let keys = RepositoryKeys {
        targets: vec![key(4), key(5)],
        snapshot: vec![key(online)],
        timestamp: vec![key(online)],
    };
    for (path, bytes) in write_metadata(&offered, versions, expiries, &keys).unwrap() {
        fs::write(repository.join(path), bytes).unwrap();
    }
}

fn root_signed_by(repository: &Path, plan: &RootPlan, seeds: &[u8]) -> Vec<u8> {
    let path = draft_root(repository, plan).unwrap();
    for seed in seeds {
        sign_file(&path, &key(*seed)).unwrap();
    }
    fs::read(path).unwrap()
}

#[test]
fn a_repository_of_this_tool_is_trusted_by_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let root = root_signed_by(folder.path(), &plan(9), &[1, 2]);
    publish(folder.path(), 8, 1, 9);
    let stored = TrustedSet::from_root(&root).unwrap();
    let (set, outcome) = read_directory(folder.path(), stored, NOW_MS);
    outcome.unwrap();
    assert_eq!(set.current(NOW_MS).unwrap().choose("town", "x").unwrap().version, 8);
    let status = status(folder.path(), NOW_MS).unwrap();
    assert_eq!((status.problem, status.expires_ms), (None, NOW_MS + 30 * DAY_MS));
}

#[test]
fn a_root_comes_back_as_its_plan_and_one_signature_of_two_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = root_signed_by(folder.path(), &plan(9), &[1, 1]);
    assert!(TrustedSet::from_root(&bytes).is_err());
    let (path, read) = newest_root(folder.path()).unwrap();
    assert_eq!(read, plan(9));
    sign_file(&path, &key(3)).unwrap();
    assert!(TrustedSet::from_root(&fs::read(path).unwrap()).is_ok());
}

#[test]
fn a_role_with_fewer_keys_than_its_threshold_is_not_written() {
    let mut plan = plan(9);
    plan.remove(&key(4).public());
    assert!(plan.document().unwrap_err().to_string().starts_with("targets: 2 of 1 keys"));
    plan.set_threshold(Role::Targets, 1);
    assert!(plan.document().is_ok());
}

/// The drill of `tools/docs/key-compromise.md`.
#[test]
fn a_lost_online_key_is_replaced_by_the_root_and_signs_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let root = root_signed_by(folder.path(), &plan(9), &[1, 2]);
    // The thief pushes the versions as far as they go.
    publish(folder.path(), 8, (1 << 53) - 1, 9);
    let stored = TrustedSet::from_root(&root).unwrap();
    let (stored, outcome) = read_directory(folder.path(), stored, NOW_MS);
    outcome.unwrap();
    let mut next = newest_root(folder.path()).unwrap().1.next(NOW_MS + 365 * DAY_MS);
    next.remove(&key(9).public());
    next.add(Role::Snapshot, key(10).public());
    next.add(Role::Timestamp, key(10).public());
    root_signed_by(folder.path(), &next, &[2, 3]);
    // What the lost key signed is refused, and the device knows the new root from now on.
    let (stored, outcome) = read_directory(folder.path(), stored, NOW_MS);
    assert!(outcome.unwrap_err().to_string().contains("0 good signatures"));
    assert_eq!(stored.version(Role::Root), Some(2));
    publish(folder.path(), 9, 1, 10);
    let (set, outcome) = read_directory(folder.path(), stored, NOW_MS);
    outcome.unwrap();
    assert_eq!(set.current(NOW_MS).unwrap().choose("town", "x").unwrap().version, 9);
}
