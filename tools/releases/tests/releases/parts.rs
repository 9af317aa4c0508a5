//! A small release, made of parts that a test can change.

use std::collections::BTreeMap;

use noctule_releases::{Embedding, HealthSource, PackInput, RankerWeights, SecretKey, VectorForm};

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;
pub(crate) const YEAR_MS: i64 = 365 * 24 * 3_600_000;

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub(crate) fn plan_json() -> serde_json::Value {
    serde_json::json!({
        "surfaces": [{"id": "home", "length": 10, "contexts": ["noon", "night"]}],
        "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}},
                     {"id": "night", "when": {"days": "weekend", "from": 1200, "until": 120}}],
        "diversity": {"attribute": "kind", "weight": 0.2}
    })
}

/// `items` items in `dimensions` dimensions with deterministic, uneven values.
pub(crate) fn input(items: usize, dimensions: usize) -> PackInput {
    let item = |index: usize| {
        let kind = ["a", "b", "c"][index % 3];
        serde_json::from_value(serde_json::json!({
            "id": format!("item-{index}"), "title": format!("Item {index}"),
            "attributes": {"kind": kind}
        }))
    };
    let value = |index: usize| ((index * 37 + 11) % 101) as f32 / 50.0 - 1.0;
    let shares = |seed: usize| -> Vec<f32> {
        let weights: Vec<f32> = (0..items).map(|i| 1.0 + ((i + seed) % 5) as f32).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    };
    PackInput {
        app: "town".into(),
        name: "town".into(),
        version: 3,
        created_ms: NOW_MS,
        expires_ms: NOW_MS + YEAR_MS,
        minimum_runtime: None,
        architecture: serde_json::from_value(serde_json::json!({
            "name": "matrix_factorization", "dimensions": dimensions, "unobserved_weight": 0.1,
            "regularization": 0.05, "regularization_exponent": 1.0, "context_weight": 2.0,
            "ranker_features": ["fold_in", "popularity"]
        }))
        .unwrap(),
        plan: serde_json::from_value(plan_json()).unwrap(),
        experiment: serde_json::from_value(serde_json::json!({
            "key": "first", "salt": "s", "arms": [
                {"name": "model", "share": 0.5, "policy": "model"},
                {"name": "baseline", "share": 0.5, "policy": "baseline"}]
        }))
        .unwrap(),
        catalogue: (0..items).map(|index| item(index).unwrap()).collect(),
        popularity: shares(0),
        context_popularity: vec![shares(1), shares(2)],
        embedding: Some(Embedding {
            values: (0..items * dimensions).map(value).collect(),
            dimensions,
            form: VectorForm::default(),
        }),
        gram: None,
        ranker: Some(RankerWeights { weight: vec![1.5, -0.5], bias: 0.25 }),
        tensors: BTreeMap::new(),
        checks: None,
        health: HealthSource::None,
        lineage: BTreeMap::from([("data".into(), "a test".into())]),
    }
}
