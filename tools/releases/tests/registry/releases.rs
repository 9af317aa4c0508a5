//! Small releases and the registries that they go to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use noctule_releases::registry::{PublishOptions, Reference, Registry};
use noctule_releases::{HealthSource, PackInput, SecretKey, pack};
use tempfile::TempDir;

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// A folder for a registry and the releases that go there.
pub(crate) struct Workplace(TempDir);

impl Workplace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn registry(&self) -> Registry {
        open(&self.path("registry"))
    }

    /// A release of `name`, its bytes depending on `salt`.
    pub(crate) fn release(&self, name: &str, version: u64, salt: u64) -> PathBuf {
        let out = self.path(&format!("{name}-{version}-{salt}"));
        if !out.exists() {
            pack(&input(name, version, salt), &key(), &out).unwrap();
        }
        out
    }

    /// Publishes version `version` of `town`.
    pub(crate) fn publish(&self, version: u64, options: PublishOptions) {
        let release = self.release("town", version, version);
        self.registry().publish(&release, &signed(options)).unwrap();
    }
}

pub(crate) fn open(folder: &Path) -> Registry {
    Registry::create(folder.to_str().unwrap()).unwrap().at_time(NOW_MS).as_publisher("test")
}

pub(crate) fn signed(options: PublishOptions) -> PublishOptions {
    PublishOptions { keys: vec![key().public()], ..options }
}

pub(crate) fn at(text: &str) -> Reference {
    text.parse().unwrap()
}

/// A release without a model: two files' worth of bytes, quick to pack and to verify.
pub(crate) fn input(name: &str, version: u64, salt: u64) -> PackInput {
    let item = |index: u64| {
        serde_json::from_value(serde_json::json!({
            "id": format!("item-{index}"), "title": format!("Item {index}"),
        }))
        .unwrap()
    };
    // The shares of an item depend on the salt: two salts, two files.
    let share = 0.25 + (salt % 1_000) as f32 / 4_000.0;
    PackInput {
        app: "town".into(),
        name: name.into(),
        version,
        created_ms: NOW_MS,
        expires_ms: NOW_MS + 365 * 24 * 3_600_000,
        architecture: serde_json::from_value(serde_json::json!({"name": "popularity"})).unwrap(),
        plan: serde_json::from_value(serde_json::json!({
            "surfaces": [{"id": "home", "length": 10, "contexts": ["noon"]}],
            "contexts": [{"id": "noon",
                "when": {"days": "every", "from": 660, "until": 900}}],
        }))
        .unwrap(),
        experiment: None,
        catalogue: (0..4).map(item).collect(),
        popularity: vec![share, 1.0 - share, 0.0, 0.0],
        context_popularity: vec![vec![0.25; 4]],
        embedding: None,
        gram: None,
        ranker: None,
        tensors: BTreeMap::new(),
        checks: None,
        health: HealthSource::None,
        minimum_runtime: None,
        lineage: BTreeMap::from([
            ("data".into(), format!("rows {salt}")),
            ("metrics".into(), format!("ndcg@10=0.{salt:04}")),
            ("parent".into(), format!("{name}@{}", version.saturating_sub(1))),
        ]),
    }
}
