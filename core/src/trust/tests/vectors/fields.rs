//! Fields of signed metadata that are absent, of a wrong type, out of range, or out of date.

use serde_json::{Value, json};

use super::super::workshop::Workshop;
use super::Expected::Refused;
use super::Vector;

type Edit = (&'static str, Value, &'static str);

/// One field of the head of every role, its bad value (null: absent) and the reason.
fn heads() -> Vec<Edit> {
    vec![
        ("_type", Value::Null, "Field"),
        ("_type", json!("root"), "WrongRole"),
        ("_type", json!(1), "Field"),
        ("spec_version", Value::Null, "Field"),
        ("spec_version", json!("2.0.0"), "SpecVersion"),
        ("spec_version", json!("1"), "SpecVersion"),
        ("spec_version", json!("1.x"), "SpecVersion"),
        ("version", Value::Null, "Field"),
        ("version", json!(0), "Field"),
        ("version", json!(-1), "Field"),
        ("version", json!("1"), "Field"),
        ("version", json!(true), "Field"),
        ("version", json!(1_u64 << 53), "Field"),
        ("version", json!(u64::MAX), "Json"),
        ("version", json!(1.5), "Json"),
        ("expires", Value::Null, "Field"),
        ("expires", json!("2027-01-01"), "Field"),
        ("expires", json!("2027-02-30T00:00:00Z"), "Field"),
        ("expires", json!("2027-01-01T00:00:00+00:00"), "Field"),
        ("expires", json!("2027-01-01T24:00:00Z"), "Field"),
        ("expires", json!("+027-01-01T00:00:00Z"), "Field"),
        ("expires", json!(1_800_000_000), "Field"),
        ("expires", json!("2026-09-21T00:00:00Z"), "Expired"),
        ("expires", json!("1970-01-01T00:00:00Z"), "Expired"),
    ]
}

fn set(value: &mut Value, name: &str, new: &Value) {
    if new.is_null() {
        value.as_object_mut().unwrap().remove(name);
    } else {
        value[name] = new.clone();
    }
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (name, new, reason) in heads() {
        for role in ["timestamp", "snapshot", "targets"] {
            let mut workshop = Workshop::new();
            let value = match role {
                "timestamp" => &mut workshop.timestamp,
                "snapshot" => &mut workshop.snapshot,
                _ => &mut workshop.targets,
            };
            set(value, name, &new);
            let title = format!("{role} with {name} {new}");
            vectors.push(Vector::new(title, &workshop, Refused(reason)));
        }
    }
    vectors.extend(meta());
    vectors.extend(targets());
    vectors
}

fn meta() -> Vec<Vector> {
    let bad: Vec<(&str, Value)> = vec![
        ("no meta", Value::Null),
        ("empty meta", json!({})),
        ("a list", json!([])),
        ("another file", json!({"other.json": {"version": 1}})),
        ("no version", json!({"snapshot.json": {}, "targets.json": {}})),
        ("no object", json!({"snapshot.json": 1, "targets.json": 1})),
    ];
    let mut vectors = Vec::new();
    for (name, new) in bad {
        for role in ["timestamp", "snapshot"] {
            // Files are named by what the good metadata say.
            let mut workshop = Workshop::new();
            workshop.link = false;
            let good = workshop.files();
            let value = match role {
                "timestamp" => &mut workshop.timestamp,
                _ => &mut workshop.snapshot,
            };
            set(value, "meta", &new);
            let mut vector = Vector::new(format!("{role}: {name}"), &workshop, Refused("Field"));
            for (path, bytes) in good {
                vector.files.entry(path).or_insert(bytes);
            }
            vectors.push(vector);
        }
    }
    let mut two = Workshop::new();
    two.timestamp["meta"]["targets.json"] = json!({"version": 1});
    vectors.push(Vector::new("timestamp naming two files", &two, Refused("Field")));
    let mut hash = Workshop::new();
    hash.link = false;
    hash.timestamp["meta"]["snapshot.json"]["hashes"] = json!({"sha256": "0".repeat(64)});
    vectors.push(Vector::new("snapshot of another hash", &hash, Refused("WrongHash")));
    hash.timestamp["meta"]["snapshot.json"]["hashes"] = json!({"sha256": "abc"});
    vectors.push(Vector::new("a hash that is none", &hash, Refused("Field")));
    hash.timestamp["meta"]["snapshot.json"]["hashes"] = json!({"md5": "0".repeat(32)});
    vectors.push(Vector::new("no SHA-256 among the hashes", &hash, Refused("Field")));
    let mut length = Workshop::new();
    length.link = false;
    length.snapshot["meta"]["targets.json"]["length"] = json!(10);
    vectors.push(Vector::new("targets of another length", &length, Refused("WrongLength")));
    length.snapshot["meta"]["targets.json"]["length"] = json!(1_u64 << 40);
    vectors.push(Vector::new("targets announced endless", &length, Refused("TooLarge")));
    length.snapshot["meta"]["targets.json"]["length"] = json!(-1);
    vectors.push(Vector::new("a negative length", &length, Refused("Field")));
    vectors
}

fn targets() -> Vec<Vector> {
    let bad: Vec<(&str, &str, Value)> = vec![
        ("no kind", "/custom/noctule/kind", Value::Null),
        ("no name", "/custom/noctule/name", Value::Null),
        ("a name that climbs", "/custom/noctule/name", json!("../town")),
        ("an empty name", "/custom/noctule/name", json!("")),
        ("version 0", "/custom/noctule/version", json!(0)),
        ("101 per cent", "/custom/noctule/percent", json!(101)),
        ("-1 per cent", "/custom/noctule/percent", json!(-1)),
        ("halted in words", "/custom/noctule/halted", json!("no")),
        ("custom that is no object", "/custom", json!([])),
        ("noctule that is no object", "/custom/noctule", json!(1)),
        ("a negative length", "/length", json!(-1)),
        ("a length beyond every release", "/length", json!(1_u64 << 40)),
        ("no hashes", "/hashes", Value::Null),
        ("a hash in capitals", "/hashes/sha256", json!("A".repeat(64))),
        ("a delta from nowhere", "/custom/noctule", json!({"kind": "delta", "to": "0".repeat(64)})),
    ];
    let mut vectors = Vec::new();
    for (name, pointer, new) in bad {
        let mut workshop = Workshop::new();
        let listed = workshop.targets["targets"].as_object_mut().unwrap();
        let entry = listed.values_mut().next().unwrap();
        *entry.pointer_mut(pointer).unwrap() = new;
        vectors.push(Vector::new(format!("target: {name}"), &workshop, Refused("Field")));
    }
    let mut workshop = Workshop::new();
    workshop.targets["delegations"] = json!({"keys": {}, "roles": [{"name": "other"}]});
    vectors.push(Vector::new("delegated targets", &workshop, Refused("Delegations")));
    let mut workshop = Workshop::new();
    workshop.targets["targets"]["a\nb"] =
        json!({"length": 1, "hashes": {"sha256": "0".repeat(64)}});
    vectors.push(Vector::new("a path with a line break", &workshop, Refused("Field")));
    vectors
}
