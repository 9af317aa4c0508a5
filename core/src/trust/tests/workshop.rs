//! Makes repositories, good and bad ones.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use crate::base::digest::{hex_of, sha256_hex};
use crate::base::{Error, Result, TrustRefusal};
use crate::trust::json::Json;
use crate::trust::{TrustedSet, Update};

pub(super) const NOW_MS: i64 = 1_790_000_000_000;
pub(super) const GOOD_UNTIL: &str = "2027-01-01T00:00:00Z";

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(super) fn public(seed: u8) -> String {
    hex_of(key(seed).verifying_key().as_bytes())
}

/// The id that this test's repositories use; python-tuf's are tested from Python.
pub(super) fn id(seed: u8) -> String {
    sha256_hex(public(seed).as_bytes())
}

pub(super) fn canonical(signed: &Value) -> Vec<u8> {
    Json::parse(signed.to_string().as_bytes())
        .map_or_else(|_| signed.to_string().into_bytes(), |json| json.canonical())
}

pub(super) fn signature(signed: &Value, seed: u8) -> Value {
    json!({"keyid": id(seed), "sig": hex_of(&key(seed).sign(&canonical(signed)).to_bytes())})
}

pub(super) fn sign(signed: &Value, seeds: &[u8]) -> Vec<u8> {
    let signatures: Vec<Value> = seeds.iter().map(|seed| signature(signed, *seed)).collect();
    json!({"signatures": signatures, "signed": signed}).to_string().into_bytes()
}

pub(super) fn key_json(seed: u8) -> Value {
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public(seed)}})
}

/// A repository state, as values that a test may spoil before they are signed.
#[derive(Clone)]
pub(super) struct Workshop {
    pub(super) roots: Vec<Vec<u8>>,
    pub(super) root: Value,
    pub(super) targets: Value,
    pub(super) snapshot: Value,
    pub(super) timestamp: Value,
    pub(super) signers: BTreeMap<&'static str, Vec<u8>>,
    /// Files that stand in for those that would be made.
    pub(super) replaced: BTreeMap<String, Vec<u8>>,
    /// Whether the hashes and lengths in snapshot and timestamp are kept right.
    pub(super) link: bool,
}

impl Workshop {
    /// Root 1 of 3 keys with threshold 2; targets of 2 with 2; one online key.
    pub(super) fn new() -> Self {
        let role = |seeds: &[u8], threshold: u64| {
            let ids: Vec<String> = seeds.iter().map(|seed| id(*seed)).collect();
            json!({"keyids": ids, "threshold": threshold})
        };
        let keys: BTreeMap<String, Value> =
            [1, 2, 3, 4, 5, 6, 7].iter().map(|seed| (id(*seed), key_json(*seed))).collect();
        let root = json!({"_type": "root", "spec_version": "1.0.31", "version": 1,
            "expires": GOOD_UNTIL, "consistent_snapshot": true, "keys": keys,
            "roles": {"root": role(&[1, 2, 3], 2), "targets": role(&[4, 5], 2),
                "snapshot": role(&[6], 1), "timestamp": role(&[7], 1)}});
        let head = |kind: &str| {
            let spec = "1.0.31";
            json!({"_type": kind, "spec_version": spec, "version": 1, "expires": GOOD_UNTIL})
        };
        let with = |mut value: Value, name: &str, content: Value| {
            value[name] = content;
            value
        };
        let targets = with(head("targets"), "targets", json!({}));
        let snapshot = with(head("snapshot"), "meta", json!({"targets.json": {"version": 1}}));
        let timestamp = with(head("timestamp"), "meta", json!({"snapshot.json": {"version": 1}}));
        let signers = [("targets", vec![4, 5]), ("snapshot", vec![6]), ("timestamp", vec![7])];
        let mut workshop = Self {
            roots: vec![sign(&root, &[1, 2])],
            root,
            targets,
            snapshot,
            timestamp,
            signers: signers.into(),
            replaced: BTreeMap::new(),
            link: true,
        };
        workshop.offer("town", 8, 100, false);
        workshop
    }

    pub(super) fn offer(&mut self, name: &str, version: u64, percent: u64, halted: bool) {
        let sha256 = sha256_hex(format!("{name}@{version}").as_bytes());
        self.targets["targets"][format!("blobs/{sha256}")] = json!({
            "length": 700, "hashes": {"sha256": sha256},
            "custom": {"noctule": {"kind": "release", "name": name, "version": version,
                "percent": percent, "halted": halted}}});
    }

    /// The next version of targets, snapshot and timestamp.
    pub(super) fn next(&mut self) {
        for value in [&mut self.targets, &mut self.snapshot, &mut self.timestamp] {
            value["version"] = json!(value["version"].as_u64().unwrap() + 1);
        }
        self.snapshot["meta"]["targets.json"]["version"] = self.targets["version"].clone();
        self.timestamp["meta"]["snapshot.json"]["version"] = self.snapshot["version"].clone();
    }

    /// Replaces one key of `role`, and publishes the root signed by `signers`.
    pub(super) fn rotate(&mut self, role: &str, seeds: &[u8], signers: &[u8]) {
        for seed in seeds {
            self.root["keys"][id(*seed)] = key_json(*seed);
        }
        let ids: Vec<String> = seeds.iter().map(|seed| id(*seed)).collect();
        self.root["roles"][role]["keyids"] = json!(ids);
        self.root["version"] = json!(self.roots.len() + 1);
        self.roots.push(sign(&self.root, signers));
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for (index, root) in self.roots.iter().enumerate() {
            files.insert(format!("metadata/{}.root.json", index + 1), root.clone());
        }
        let link = |value: &Value, named: &str, bytes: &[u8]| {
            let mut value = value.clone();
            if self.link && value["meta"][named].is_object() {
                value["meta"][named]["length"] = json!(bytes.len());
                value["meta"][named]["hashes"] = json!({"sha256": sha256_hex(bytes)});
            }
            value
        };
        let made = |kind: &str, value: &Value| sign(value, &self.signers[kind]);
        let targets = made("targets", &self.targets);
        let snapshot = made("snapshot", &link(&self.snapshot, "targets.json", &targets));
        let timestamp = made("timestamp", &link(&self.timestamp, "snapshot.json", &snapshot));
        let version = |value: &Value, file: &str| value["meta"][file]["version"].clone();
        let (t, s) =
            (version(&self.snapshot, "targets.json"), version(&self.timestamp, "snapshot.json"));
        files.insert(format!("metadata/{t}.targets.json"), targets);
        files.insert(format!("metadata/{s}.snapshot.json"), snapshot);
        files.insert("metadata/timestamp.json".to_owned(), timestamp);
        files.extend(self.replaced.clone());
        files
    }

    pub(super) fn first(&self) -> TrustedSet {
        TrustedSet::from_root(&self.roots[0]).unwrap()
    }
}

/// Refreshes from `files`; what is trusted afterwards, and how it went.
pub(super) fn refresh(
    stored: TrustedSet,
    files: &BTreeMap<String, Vec<u8>>,
    now_ms: i64,
) -> (TrustedSet, Result<()>) {
    let mut update = Update::begin(stored, now_ms);
    let mut drive = || {
        while let Some(wanted) = update.wanted() {
            match files.get(&wanted.path) {
                Some(bytes) => update.accept(bytes)?,
                None => update.missing()?,
            }
        }
        Ok(())
    };
    let outcome = drive();
    (update.into_set(), outcome)
}

/// A device that has refreshed from `workshop` as it is.
pub(super) fn device(workshop: &Workshop) -> TrustedSet {
    let (set, outcome) = refresh(workshop.first(), &workshop.files(), NOW_MS);
    outcome.unwrap();
    set
}

pub(super) fn refusal(outcome: Result<()>) -> TrustRefusal {
    match outcome {
        Err(Error::TrustRefused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    }
}
