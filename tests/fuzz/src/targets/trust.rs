//! Metadata of a repository: envelopes as they come, and signed parts that the right key signed.

use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey};
use noctule_core::base::digest::hex_of;
use noctule_core::trust::json::Json;
use noctule_core::trust::{Role, TrustedSet, Update};
use serde_json::{Value, json};

use super::{Target, answer};
use crate::Shape;

/// A moment at which nothing here has expired.
const NOW_MS: i64 = 1_790_000_000_000;
const EXPIRES: &str = "2027-01-01T00:00:00Z";
/// Id of the one key, which every role has.
const KEY: &str = "k";
const BYTES_MAX: usize = 64 * 1024;

pub(super) const TARGET: Target = Target {
    name: "trust",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &[
        "\"signed\"",
        "\"signatures\":[]",
        "{\"keyid\":\"k\",\"sig\":\"00\"}",
        "\"version\":2",
        "\"hashes\":{\"sha256\":\"aa\"}",
        "\"length\":1",
        "\"snapshot.json\":{\"version\":1}",
        "\"delegations\":{\"roles\":[]}",
        "\"custom\":{\"noctule\":{\"kind\":\"delta\"}}",
        "\"2026-02-30T00:00:00Z\"",
        "\"1.0.31\"",
        "\"threshold\":0",
        "\"keyids\":[\"k\",\"k\"]",
        "{\"\":0},",
    ],
    bytes_max: BYTES_MAX,
    // The document, its canonical form and the envelope around it, and 2,400 objects.
    declared_bytes: 32 * BYTES_MAX,
};

/// A refresh that waits for each role's file; the key that signs them all.
struct Stages {
    key: SigningKey,
    root: Update,
    timestamp: Update,
    snapshot: Update,
    targets: Update,
}

/// The first byte says whose file the rest is.
fn execute(bytes: &[u8]) -> u64 {
    let Some((first, body)) = bytes.split_first() else { return 0 };
    let answered = match first {
        b'r' => follow(Role::Root, body),
        b't' => follow(Role::Timestamp, body),
        b's' => follow(Role::Snapshot, body),
        b'g' => follow(Role::Targets, body),
        _ => return answer(&TrustedSet::from_root(body)),
    };
    answered.rotate_left(u32::from(*first))
}

/// Hands the signed part `body` to the refresh that waits for it.
fn follow(role: Role, body: &[u8]) -> u64 {
    let stages = stages();
    let mut update = match role {
        Role::Root => stages.root.clone(),
        Role::Timestamp => stages.timestamp.clone(),
        Role::Snapshot => stages.snapshot.clone(),
        Role::Targets => stages.targets.clone(),
    };
    let before = update.clone();
    let accepted = update.accept(&signed(&stages.key, body));
    if accepted.is_err() {
        // What is refused changed nothing.
        assert!(update.set() == before.set(), "refused, and yet something is trusted");
        return answer(&accepted);
    }
    assert!(update.set().version(role).is_some(), "accepted, and not there");
    let stored = update.set().encode().and_then(|bytes| TrustedSet::decode(&bytes));
    assert!(stored.is_ok_and(|set| set == *update.set()), "accepted, and not after storing it");
    let Ok(set) = update.finish() else { return answer(&accepted) };
    let Ok(current) = set.current(NOW_MS) else { return 1 };
    for release in current.releases() {
        let chosen = current.choose(&release.name, "installation");
        assert!(chosen.is_none_or(|chosen| !chosen.halted && chosen.name == release.name));
        assert!(current.release_of(&release.manifest_sha256).is_some(), "offered, and not found");
    }
    for delta in current.deltas() {
        assert!(current.delta(&delta.from, &delta.to).is_some(), "offered, and not found");
    }
    2
}

/// The envelope of `body`; signed when it is JSON, for nobody signs anything else.
fn signed(key: &SigningKey, body: &[u8]) -> Vec<u8> {
    let signature = match Json::parse(body) {
        Ok(json) => hex_of(&key.sign(&json.canonical()).to_bytes()),
        Err(_) => String::new(),
    };
    let head = format!("{{\"signatures\":[{{\"keyid\":\"{KEY}\",\"sig\":\"{signature}\"}}],");
    [head.as_bytes(), b"\"signed\":", body, b"}"].concat()
}

fn stages() -> &'static Stages {
    static STAGES: OnceLock<Stages> = OnceLock::new();
    STAGES.get_or_init(|| {
        let key = SigningKey::from_bytes(&[1; 32]);
        let sign = |body: &Value| signed(&key, body.to_string().as_bytes());
        let set = TrustedSet::from_root(&sign(&root(1)));
        #[allow(clippy::expect_used, reason = "the harness made it")]
        let root_wanted = Update::begin(set.expect("a root of this harness"), NOW_MS);
        let mut update = root_wanted.clone();
        // A step that fails here leaves the next one at another role; `every_seed_is_accepted` of
        // the tests below notices.
        let _ = update.missing();
        let timestamp_wanted = update.clone();
        let _ = update.accept(&sign(&timestamp()));
        let snapshot_wanted = update.clone();
        let _ = update.accept(&sign(&snapshot()));
        Stages {
            root: root_wanted,
            timestamp: timestamp_wanted,
            snapshot: snapshot_wanted,
            targets: update,
            key,
        }
    })
}

fn head(role: &str, version: u64) -> Value {
    json!({"_type": role, "spec_version": "1.0.31", "version": version, "expires": EXPIRES})
}

fn root(version: u64) -> Value {
    let public = hex_of(SigningKey::from_bytes(&[1; 32]).verifying_key().as_bytes());
    let role = json!({"keyids": [KEY], "threshold": 1});
    let mut root = head("root", version);
    root["consistent_snapshot"] = json!(true);
    root["keys"] = json!({KEY: {"keytype": "ed25519", "scheme": "ed25519",
        "keyval": {"public": public}}});
    root["roles"] = json!({"root": role, "timestamp": role, "snapshot": role, "targets": role});
    root
}

fn timestamp() -> Value {
    let mut timestamp = head("timestamp", 1);
    timestamp["meta"] = json!({"snapshot.json": {"version": 1}});
    timestamp
}

fn snapshot() -> Value {
    let mut snapshot = head("snapshot", 1);
    snapshot["meta"] = json!({"targets.json": {"version": 1}, "a.json": {"version": 7}});
    snapshot
}

fn targets() -> Value {
    let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(64));
    let release = json!({"kind": "release", "name": "town", "version": 8, "percent": 10,
        "halted": false});
    let delta = json!({"kind": "delta", "from": a.clone(), "to": b.clone()});
    let entry = |sha256: &str, custom: &Value| {
        let hashes = json!({"sha256": sha256});
        json!({"length": 700, "hashes": hashes, "custom": {"noctule": custom}})
    };
    let mut targets = head("targets", 1);
    targets["targets"] = json!({
        format!("blobs/{a}"): entry(&a, &release),
        format!("blobs/{b}"): entry(&b, &delta),
        format!("blobs/{c}"): {"length": 1, "hashes": {"sha256": c}}
    });
    targets
}

fn seeds() -> Vec<Vec<u8>> {
    let envelope = signed(&stages().key, root(1).to_string().as_bytes());
    let mut seeds = vec![[b"e", &envelope[..]].concat()];
    for (first, body) in [("t", timestamp()), ("s", snapshot()), ("g", targets()), ("r", root(2))] {
        seeds.push(format!("{first}{body}").into_bytes());
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_takes_its_seed() {
        let accepted = answer::<(), &str>(&Ok(()));
        for seed in seeds() {
            let (first, body) = seed.split_first().unwrap();
            let expected = match first {
                b'e' => accepted,
                b'g' => 2_u64.rotate_left(u32::from(b'g')),
                _ => accepted.rotate_left(u32::from(*first)),
            };
            let text = String::from_utf8_lossy(body);
            assert_eq!(execute(&seed), expected, "{}: {text}", char::from(*first));
        }
    }
}
