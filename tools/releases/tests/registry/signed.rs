//! Metadata signed with real keys, read as a device reads it.

use std::time::Duration;

use noctule_core::trust::{Role, TrustedSet, read_directory};
use noctule_releases::registry::{DeltaFrom, GcOptions, PublishOptions, Registry, Validity};
use noctule_releases::trust::{Document, RepositoryKeys, RootPlan};
use noctule_releases::{Error, SecretKey};

use crate::releases::{NOW_MS, Workplace, open, signed};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// A root with one key of each kind.
fn plan() -> RootPlan {
    let mut plan = RootPlan::first(NOW_MS + 365 * DAY_MS);
    plan.set(Role::Root, &[secret(1).public()], 1);
    plan.set(Role::Targets, &[secret(2).public()], 1);
    plan.set(Role::Snapshot, &[secret(3).public()], 1);
    plan.set(Role::Timestamp, &[secret(3).public()], 1);
    plan
}

fn bytes(root: &RootPlan, signers: &[u8]) -> Vec<u8> {
    let mut document: Document = root.document().unwrap();
    signers.iter().for_each(|seed| document.sign(&secret(*seed)));
    document.to_bytes().unwrap()
}

fn keys(online: u8) -> RepositoryKeys {
    let one = |seed| vec![secret(seed)];
    RepositoryKeys { targets: one(2), snapshot: one(online), timestamp: one(online) }
}

/// The registry of `place`, which devices follow.
fn followed(place: &Workplace) -> Registry {
    let registry = place.registry();
    registry.add_root(&bytes(&plan(), &[1])).unwrap();
    registry.signing(keys(3), Validity::default()).unwrap()
}

fn device(place: &Workplace, now_ms: i64) -> noctule_core::Result<TrustedSet> {
    let first = TrustedSet::from_root(&bytes(&plan(), &[1])).unwrap();
    let (set, outcome) = read_directory(&place.path("registry"), first, now_ms);
    outcome.map(|()| set)
}

#[test]
fn a_device_is_offered_what_was_published_with_its_delta() {
    let place = Workplace::new();
    let registry = followed(&place);
    let whole = PublishOptions { percent: 100, ..PublishOptions::default() };
    registry.publish(&place.release("town", 1, 1), &signed(whole.clone())).unwrap();
    let options = PublishOptions { delta_from: DeltaFrom::Likely, percent: 5, ..whole };
    let second = place.release("town", 2, 2);
    let published = registry.publish(&second, &signed(options)).unwrap();
    assert_eq!(published.deltas.len(), 1);
    assert!(published.deltas[0].kept, "{published:?}");
    let set = device(&place, NOW_MS).unwrap();
    let offered = set.current(NOW_MS).unwrap();
    let releases: Vec<_> = offered.releases().map(|it| (it.version, it.percent)).collect();
    assert!(releases.contains(&(1, 100)) && releases.contains(&(2, 5)), "{releases:?}");
    let delta = offered.deltas().next().unwrap();
    assert_eq!((&delta.to, delta.length), (&published.manifest_sha256, published.deltas[0].bytes));
    assert!(place.path("registry/blobs").join(&delta.sha256).exists());
}

#[test]
fn metadata_expires_a_week_after_the_commit_and_a_refresh_renews_it() {
    let place = Workplace::new();
    followed(&place).refresh().unwrap();
    assert!(device(&place, NOW_MS + 6 * DAY_MS).is_ok());
    let later = NOW_MS + 8 * DAY_MS;
    assert!(device(&place, later).is_err());
    let registry = place.registry().at_time(later);
    registry.signing(keys(3), Validity::default()).unwrap().refresh().unwrap();
    assert!(device(&place, later).is_ok());
}

#[test]
fn the_online_key_alone_renews_the_list_that_was_signed_and_cannot_change_it() {
    let place = Workplace::new();
    let first = followed(&place);
    let all = PublishOptions { percent: 100, ..PublishOptions::default() };
    first.publish(&place.release("town", 1, 1), &signed(all.clone())).unwrap();
    // Published without keys: no list says so yet.
    place.registry().publish(&place.release("town", 2, 2), &signed(all)).unwrap();
    let later = NOW_MS + 8 * DAY_MS;
    assert!(device(&place, later).is_err());
    let online = RepositoryKeys { targets: Vec::new(), ..keys(3) };
    let registry = place.registry().at_time(later);
    let state = registry.refresh_online(&online, Validity::default()).unwrap();
    let set = device(&place, later).unwrap();
    assert_eq!(set.version(Role::Timestamp), Some(state.number));
    let offered: Vec<_> =
        set.current(later).unwrap().releases().map(|release| release.version).collect();
    assert_eq!(offered, [1]);
    // The list itself is valid for 90 days.
    let too_late = place.registry().at_time(NOW_MS + 91 * DAY_MS);
    assert!(too_late.refresh_online(&online, Validity::default()).is_err());
}

#[test]
fn old_metadata_goes_and_what_devices_read_stays() {
    let place = Workplace::new();
    let registry = followed(&place);
    registry.refresh().unwrap();
    let online = RepositoryKeys { targets: Vec::new(), ..keys(3) };
    for _ in 0..110 {
        place.registry().refresh_online(&online, Validity::default()).unwrap();
    }
    let later = place.registry().at_time(4_000_000_000_000);
    let options = GcOptions { grace: Duration::ZERO, keep: 10, dry_run: false };
    later.collect_garbage(&options).unwrap();
    let names: Vec<String> = std::fs::read_dir(place.path("registry/metadata"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let count = |kind: &str| names.iter().filter(|name| name.ends_with(kind)).count();
    assert_eq!((count(".snapshot.json"), count(".targets.json"), count("root.json")), (100, 1, 1));
    assert_eq!(device(&place, NOW_MS).unwrap().version(Role::Targets), Some(1));
}

#[test]
fn a_root_follows_from_the_one_before_or_is_not_taken() {
    let place = Workplace::new();
    let registry = place.registry();
    let second = plan().next(NOW_MS + 365 * DAY_MS);
    let missing = registry.add_root(&bytes(&second, &[1])).unwrap_err();
    assert!(matches!(missing, Error::Part { .. }), "{missing}");
    assert_eq!(registry.add_root(&bytes(&plan(), &[1])).unwrap(), 1);
    assert_eq!(registry.add_root(&bytes(&plan(), &[1])).unwrap(), 1, "again is no change");
    let unsigned = registry.add_root(&bytes(&second, &[2])).unwrap_err();
    assert!(matches!(unsigned, Error::Core(_)), "{unsigned}");
    assert_eq!(registry.add_root(&bytes(&second, &[1])).unwrap(), 2);
    let other = plan().next(NOW_MS + 9 * DAY_MS);
    let taken = registry.add_root(&bytes(&other, &[1])).unwrap_err();
    assert!(matches!(taken, Error::RootTaken { .. }), "{taken}");
}

#[test]
fn keys_that_the_newest_root_does_not_name_are_refused_before_anything_is_done() {
    let place = Workplace::new();
    let without_root = place.registry().signing(keys(3), Validity::default()).unwrap_err();
    assert!(without_root.to_string().contains("registry init"), "{without_root}");
    followed(&place);
    let mut rotated = plan().next(NOW_MS + 365 * DAY_MS);
    rotated.remove(&secret(3).public());
    rotated.set(Role::Snapshot, &[secret(4).public()], 1);
    rotated.set(Role::Timestamp, &[secret(4).public()], 1);
    place.registry().add_root(&bytes(&rotated, &[1])).unwrap();
    let old = place.registry().signing(keys(3), Validity::default()).unwrap_err();
    assert!(old.to_string().contains("snapshot: root 2 asks for 1 keys"), "{old}");
    place.registry().signing(keys(4), Validity::default()).unwrap().refresh().unwrap();
    assert!(device(&place, NOW_MS).is_ok());
}

#[test]
fn two_publishers_at_once_leave_metadata_that_a_device_takes() {
    let place = Workplace::new();
    let folder = place.path("registry");
    followed(&place);
    std::thread::scope(|scope| {
        for line in ["one", "two"] {
            let (place, folder) = (&place, &folder);
            scope.spawn(move || {
                let registry = open(folder).signing(keys(3), Validity::default()).unwrap();
                for version in 1..=8 {
                    let options = PublishOptions { percent: 5, ..PublishOptions::default() };
                    let release = place.release(line, version, version);
                    registry.publish(&release, &signed(options)).unwrap();
                }
            });
        }
    });
    let state = place.registry().state().unwrap();
    let set = device(&place, NOW_MS).unwrap();
    assert_eq!(set.version(Role::Timestamp), Some(state.number));
    assert_eq!(set.current(NOW_MS).unwrap().releases().count(), 16);
}
