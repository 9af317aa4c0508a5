//! Metadata for devices follows the state.

use std::sync::{Arc, Mutex};

use noctule_releases::registry::{MetadataKeys, PublishOptions, Registry};
use noctule_releases::trust::TargetList;
use serde_json::{Value, json};

use crate::releases::{Workplace, at, open};

/// Writes what it is given, as one who signs would.
fn plain() -> MetadataKeys {
    MetadataKeys::new(|targets: &TargetList, version, _| {
        let listed = targets.releases.iter().map(|it| {
            json!({"name": it.name, "version": it.version, "percent": it.percent,
                "halted": it.halted})
        });
        let listed: Vec<Value> = listed.collect();
        let targets = json!({"version": version, "targets": listed});
        let timestamp = json!({ "version": version });
        Ok(vec![
            ("metadata/timestamp.json".to_owned(), timestamp.to_string().into_bytes()),
            (format!("metadata/{version}.targets.json"), targets.to_string().into_bytes()),
        ])
    })
}

fn json_at(place: &Workplace, name: &str) -> Value {
    let path = place.path("registry/metadata").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn registry(place: &Workplace) -> Registry {
    open(&place.path("registry")).with_metadata(plain())
}

#[test]
fn devices_are_offered_what_is_rolled_out_and_told_what_is_halted() {
    let place = Workplace::new();
    place.publish(1, PublishOptions { percent: 100, ..Default::default() });
    place.publish(2, PublishOptions { percent: 5, ..Default::default() });
    place.publish(3, PublishOptions::default());
    let state = registry(&place).halt(&at("town@2")).unwrap();
    assert_eq!(json_at(&place, "timestamp.json")["version"], state.number);
    let targets = json_at(&place, &format!("{}.targets.json", state.number));
    let expected = json!([
        {"name": "town", "version": 1, "percent": 100, "halted": false},
        {"name": "town", "version": 2, "percent": 5, "halted": true}]);
    assert_eq!(targets["targets"], expected);
}

#[test]
fn a_refresh_writes_a_newer_timestamp() {
    let place = Workplace::new();
    let first = registry(&place).refresh().unwrap().number;
    let second = registry(&place).refresh().unwrap().number;
    assert_eq!((first, second), (1, 2));
    assert_eq!(json_at(&place, "timestamp.json")["version"], 2);
}

#[test]
fn of_two_writers_the_last_leaves_the_newest_timestamp() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let folder = place.path("registry");
    // The first signer is overtaken by a whole commit of another while it signs.
    let overtaken = Arc::new(Mutex::new(false));
    let keys = MetadataKeys::new(move |targets: &TargetList, version, now_ms| {
        let mut overtaken = overtaken.lock().unwrap();
        if !*overtaken {
            *overtaken = true;
            open(&folder).with_metadata(plain()).refresh().unwrap();
        }
        let _ = (targets, now_ms);
        let timestamp = json!({ "version": version });
        Ok(vec![("metadata/timestamp.json".to_owned(), timestamp.to_string().into_bytes())])
    });
    let mine = open(&place.path("registry")).with_metadata(keys).refresh().unwrap().number;
    assert_eq!(json_at(&place, "timestamp.json")["version"], mine + 1);
}
