//! What is collected, and what never is.

use std::time::Duration;

use noctule_releases::Error;
use noctule_releases::registry::{GcOptions, PublishOptions, Registry};
use proptest::prelude::*;

use crate::releases::{Workplace, at, key, open, signed};

/// After every blob of these tests was written.
const LATER_MS: i64 = 4_000_000_000_000;

/// Everything that is not needed goes at once.
fn all(keep: usize) -> GcOptions {
    GcOptions { keep, grace: Duration::ZERO, dry_run: false }
}

fn later(place: &Workplace) -> Registry {
    open(&place.path("registry")).at_time(LATER_MS)
}

fn blobs(place: &Workplace) -> usize {
    std::fs::read_dir(place.path("registry/blobs")).unwrap().count()
}

#[test]
fn the_newest_versions_aliases_and_what_is_rolled_out_stay() {
    let place = Workplace::new();
    for version in 1..=6 {
        place.publish(version, PublishOptions::default());
    }
    place.registry().alias(&at("town@1"), "champion").unwrap();
    place.registry().roll_out(&at("town@2"), 10).unwrap();
    let dry = later(&place).collect_garbage(&GcOptions { dry_run: true, ..all(2) }).unwrap();
    assert_eq!(dry.versions, ["town@3", "town@4"]);
    assert_eq!(blobs(&place), 6 * 3 + 1, "the catalogue is shared; a dry run removes none");
    let collected = later(&place).collect_garbage(&all(2)).unwrap();
    assert_eq!((collected.versions, collected.blobs), (dry.versions, dry.blobs));
    let kept: Vec<u64> =
        place.registry().state().unwrap().lines["town"].versions.keys().copied().collect();
    assert_eq!(kept, [1, 2, 5, 6]);
    assert!(place.registry().examine().unwrap().findings.is_empty());
}

#[test]
fn an_older_version_behind_one_that_all_are_offered_goes() {
    let place = Workplace::new();
    for version in 1..=3 {
        place.publish(version, PublishOptions { percent: 100, ..Default::default() });
    }
    let collected = later(&place).collect_garbage(&all(1)).unwrap();
    assert_eq!(collected.versions, ["town@1", "town@2"]);
}

#[test]
fn blobs_of_a_publish_under_way_stay_for_the_grace_period() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let stray = place.path("registry/blobs").join("0".repeat(64));
    std::fs::write(&stray, b"sent, not yet committed").unwrap();
    let now_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now_ms = i64::try_from(now_ms).unwrap();
    let day = GcOptions { grace: Duration::from_hours(24), ..all(10) };
    let hour_ms = 3_600_000;
    let after = |hours: i64| place.registry().at_time(now_ms + hours * hour_ms);
    assert!(after(23).collect_garbage(&day).unwrap().blobs.is_empty());
    assert_eq!(after(25).collect_garbage(&day).unwrap().blobs.len(), 1);
    assert!(!stray.exists());
}

#[test]
fn old_states_go_and_the_newest_hundred_stay() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    for index in 0..130 {
        let value = index.to_string();
        place.registry().tag(&at("town@1"), "count", Some(&value)).unwrap();
    }
    let before = place.registry().state().unwrap();
    let collected = later(&place).collect_garbage(&all(10)).unwrap();
    assert_eq!(collected.states, 31);
    assert_eq!(place.registry().state().unwrap(), before);
    assert_eq!(place.registry().examine().unwrap().states, 100);
}

#[test]
fn a_publish_waits_for_a_sweep_that_takes_its_blobs_and_outlives_a_dead_one() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    // A sweep of everything that was announced by a process that died at once.
    let path = place.path("registry/registry/state/00000000000000000001.json");
    let mut state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let blobs: Vec<String> = std::fs::read_dir(place.path("registry/blobs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let until_ms = crate::releases::NOW_MS + 1_000;
    state["number"] = 2.into();
    state["sweeps"] = 1.into();
    state["lines"] = serde_json::json!({});
    state["sweep"] = serde_json::json!({"blobs": blobs, "until_ms": until_ms});
    let path = place.path("registry/registry/state/00000000000000000002.json");
    std::fs::write(path, state.to_string()).unwrap();
    let again = place.registry().collect_garbage(&all(1));
    assert!(matches!(again, Err(Error::Sweeping { .. })), "{again:?}");
    let release = place.release("town", 1, 1);
    let options = signed(PublishOptions::default());
    let waited = place.registry().publish(&release, &options);
    assert!(matches!(waited, Err(Error::Contended { .. })), "{waited:?}");
    // Past its time it is taken for dead.
    let after = place.registry().at_time(until_ms);
    after.publish(&release, &options).unwrap();
    assert!(place.registry().examine().unwrap().findings.is_empty());
}

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    Publish(u64),
    Alias(u64, u8),
    RollOut(u64, u8),
    Halt(u64),
    Collect(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..8_u64).prop_map(Step::Publish),
        2 => (1..8_u64, 0..3_u8).prop_map(|(version, alias)| Step::Alias(version, alias)),
        2 => (1..8_u64, prop::sample::select(vec![0, 1, 25, 100]))
            .prop_map(|(version, percent)| Step::RollOut(version, percent)),
        1 => (1..8_u64).prop_map(Step::Halt),
        3 => (0..3_usize).prop_map(Step::Collect),
    ]
}

/// Makes one step; steps about versions that are not there are refused and change nothing.
fn play(place: &Workplace, step: &Step) {
    let registry = later(place);
    let town = |version: &u64| at(&format!("town@{version}"));
    match step {
        Step::Publish(version) => publish(place, *version),
        Step::Alias(version, alias) => {
            let _ =
                registry.alias(&town(version), ["champion", "challenger", "x"][*alias as usize]);
        }
        Step::RollOut(version, percent) => {
            let _ = registry.roll_out(&town(version), *percent);
        }
        Step::Halt(version) => {
            let _ = registry.halt(&town(version));
        }
        Step::Collect(keep) => match registry.collect_garbage(&all(*keep)) {
            Ok(_) | Err(Error::Sweeping { .. }) => {}
            Err(error) => panic!("{error}"),
        },
    }
}

/// Versions share their blobs with others of the same rest by three.
fn publish(place: &Workplace, version: u64) {
    let release = place.release("town", version, version % 3);
    place.registry().publish(&release, &signed(PublishOptions::default())).unwrap();
}

/// Every version that the state has is whole, above all those that an alias points at.
fn assert_whole(place: &Workplace) {
    let registry = place.registry();
    let health = registry.examine().unwrap();
    assert!(health.findings.is_empty(), "{:?}", health.findings);
    let state = registry.state().unwrap();
    for (alias, version) in state.lines.get("town").into_iter().flat_map(|line| &line.aliases) {
        assert!(state.lines["town"].versions.contains_key(version), "{alias}");
        let out = place.path("fetched");
        registry.fetch(&at(&format!("town@{alias}")), &[key().public()], &out).unwrap();
        std::fs::remove_dir_all(out).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_history_removes_what_an_alias_points_at(steps in prop::collection::vec(step(), 1..14)) {
        let place = Workplace::new();
        publish(&place, 1);
        for step in &steps {
            play(&place, step);
            assert_whole(&place);
        }
    }

    #[test]
    fn collections_beside_a_publish_take_none_of_its_blobs(
        before in prop::collection::vec(step(), 1..6),
        beside in prop::collection::vec(0..2_usize, 1..6),
        versions in prop::collection::vec(1..8_u64, 1..6),
    ) {
        let place = Workplace::new();
        for step in &before {
            play(&place, step);
        }
        std::thread::scope(|scope| {
            scope.spawn(|| beside.iter().for_each(|keep| play(&place, &Step::Collect(*keep))));
            scope.spawn(|| versions.iter().for_each(|version| publish(&place, *version)));
        });
        assert_whole(&place);
    }
}
