//! Metadata that the specification allows.

use serde_json::{Value, json};

use super::super::workshop::{Workshop, id, public, sign, signature};
use super::Expected::Good;
use super::Vector;

type Edit = fn(&mut Workshop);

fn edits() -> Vec<(&'static str, Edit)> {
    vec![
        ("nothing special", |_| ()),
        ("unknown fields in targets", |w| w.targets["x-more"] = json!({"a": [1, null, true]})),
        ("unknown fields in the snapshot", |w| w.snapshot["x-more"] = json!("é\"\\ü😀")),
        ("unknown fields in the timestamp", |w| w.timestamp["x-more"] = json!(-5)),
        ("control characters in a text", |w| w.targets["x-more"] = json!("a\nb\t\u{1}")),
        ("keys whose order is that of code points", |w| {
            w.targets["x-more"] = json!({"\u{ff5e}": 1, "😀": 2, "a": 3, "A": 4, "": 5});
        }),
        ("specification 1.0", |w| w.targets["spec_version"] = json!("1.0")),
        ("specification 1.9.9", |w| w.timestamp["spec_version"] = json!("1.9.9")),
        ("no lengths and hashes", |w| w.link = false),
        ("other hashes beside SHA-256", |w| {
            w.link = false;
            let files = w.files();
            let sha256 = crate::base::digest::sha256_hex(&files["metadata/1.snapshot.json"]);
            w.timestamp["meta"]["snapshot.json"]["hashes"] = json!({"sha256": sha256, "md5": "1"});
        }),
        ("no target at all", |w| w.targets["targets"] = json!({})),
        ("a target that is no release", |w| {
            w.targets["targets"]["docs/readme.txt"] =
                json!({"length": 0, "hashes": {"sha256": "0".repeat(64)}});
        }),
        ("a target of a kind to come", |w| {
            w.targets["targets"]["x"] = json!({"length": 1, "hashes": {"sha256": "0".repeat(64)},
                "custom": {"noctule": {"kind": "voice"}, "other": 1}});
        }),
        ("a delta", |w| {
            let (from, to, own) = ("1".repeat(64), "2".repeat(64), "3".repeat(64));
            w.targets["targets"][format!("blobs/{own}")] = json!({"length": 5,
                "hashes": {"sha256": own},
                "custom": {"noctule": {"kind": "delta", "from": from, "to": to}}});
        }),
        ("delegations to nobody", |w| w.targets["delegations"] = json!({"keys": {}, "roles": []})),
        ("a snapshot that names more", |w| {
            w.snapshot["meta"]["other.json"] = json!({"version": 7});
        }),
    ]
}

fn more_edits() -> Vec<(&'static str, Edit)> {
    vec![
        ("versions that skip", |w| {
            w.targets["version"] = json!(40);
            w.snapshot["meta"]["targets.json"]["version"] = json!(40);
        }),
        ("the greatest version", |w| w.timestamp["version"] = json!((1_u64 << 53) - 1)),
        ("an expiry in a second", |w| w.timestamp["expires"] = json!("2026-09-21T14:13:21Z")),
        ("an expiry in the year 9999", |w| w.targets["expires"] = json!("9999-12-31T23:59:59Z")),
        ("more signatures than needed", |w| {
            w.signers.insert("targets", vec![4, 5, 1, 99]);
        }),
        ("a root that follows", |w| w.rotate("targets", &[4, 5, 14], &[2, 3])),
        ("all root keys sign", |w| w.rotate("snapshot", &[6], &[1, 2, 3])),
        ("a root of new keys", |w| w.rotate("root", &[11, 12, 13], &[1, 2, 11, 13])),
        ("two roots that follow", |w| {
            w.rotate("root", &[1, 2, 13], &[1, 2]);
            w.rotate("root", &[13, 14], &[1, 13, 14]);
        }),
        ("unknown fields in a root", |w| {
            w.root["x-more"] = json!(1);
            w.root["roles"]["mirrors"] = json!({"keyids": [], "threshold": 1});
            w.root["keys"][id(7)]["x-owner"] = json!("ann");
            w.rotate("snapshot", &[6], &[1, 2]);
        }),
        ("a key in capitals", |w| {
            w.root["keys"][id(7)]["keyval"]["public"] = json!(public(7).to_uppercase());
            w.rotate("snapshot", &[6], &[1, 2]);
        }),
        ("an old root that has expired, and a newer one", |w| {
            w.root["expires"] = json!("2026-01-01T00:00:00Z");
            w.roots[0] = sign(&w.root, &[1, 2]);
            w.root["expires"] = json!("2028-01-01T00:00:00Z");
            w.rotate("snapshot", &[6], &[1, 2]);
        }),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors: Vec<Vector> = Vec::new();
    for (name, edit) in edits().into_iter().chain(more_edits()) {
        let mut workshop = Workshop::new();
        edit(&mut workshop);
        vectors.push(Vector::new(name, &workshop, Good));
    }
    let mut workshop = Workshop::new();
    workshop.link = false;
    let targets = workshop.targets.clone();
    let mut place = |name: &str, bytes: Vec<u8>| {
        workshop.replaced.insert("metadata/1.targets.json".to_owned(), bytes);
        vectors.push(Vector::new(name, &workshop, Good));
    };
    let entries = [signature(&targets, 4), signature(&targets, 5)];
    let pretty = json!({"signatures": entries, "signed": targets});
    place("spread over lines", serde_json::to_vec_pretty(&pretty).unwrap());
    let to_come: Value = json!({"keyid": id(3), "sig": ""});
    let all = [entries[0].clone(), to_come, entries[1].clone()];
    let bytes = json!({"signatures": all, "signed": targets, "x-more": 1}).to_string();
    place("a signature still to come", bytes.into_bytes());
    vectors
}
