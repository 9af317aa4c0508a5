//! `manifest.json`.

use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::release::{Architecture, ITEMS_FILE, MODEL_FILE, Manifest};
use serde_json::{Value, json};

use super::{Target, answer};
use crate::Shape;

pub(super) const TARGET: Target = Target {
    name: "manifest",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &[
        "\"format\"",
        "\"files\"",
        "\"tensors\"",
        "\"lineage\"",
        "\"popularity\"",
        "\"F32\"",
        "\"keep\"",
        "{\"cooldown-days\":3}",
        "\"every\"",
        "\"arms\"",
        "\"a\":{},\"a\":{}",
        "catalogue.jsonl",
        ".safetensors",
        "\"experiment\":null,",
        "1440",
        "9007199254740992",
    ],
    bytes_max: MANIFEST_BYTES_MAX as usize + 16,
    // What is parsed of it: tensors without a name take five times their text.
    declared_bytes: 4 * MANIFEST_BYTES_MAX as usize,
};

fn execute(bytes: &[u8]) -> u64 {
    let parsed = Manifest::parse(bytes);
    if let Ok(manifest) = &parsed {
        // What is accepted can be written and read again, and is the same then.
        let again = manifest.to_bytes().and_then(|bytes| Manifest::parse(&bytes));
        assert!(again.is_ok_and(|again| again == *manifest), "accepted, and not after writing it");
    }
    answer(&parsed)
}

fn seeds() -> Vec<Vec<u8>> {
    let entry = || json!({"length": 8, "sha256": "0".repeat(64)});
    let plan = json!({
        "surfaces": [{"id": "home", "length": 5, "contexts": ["noon", "night"]}],
        "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}},
                     {"id": "night", "when": {"days": "weekend", "from": 1200, "until": 120}}],
        "candidates": {"nearest": 10, "popular": 5}, "consumed": {"cooldown-days": 3},
        "only_open": false, "radius_km": 2.5, "diversity": {"attribute": "kind", "weight": 0.2},
        "exploration": {"epsilon": 0.1, "pool": 5}, "fresh_hours": 24, "fatigue_impressions": 3
    });
    let mut full: Value = json!({
        "format": 1, "app": "town", "release": {"name": "town", "version": 3},
        "created_ms": 1, "expires_ms": 2, "plan": plan,
        "architecture": {"name": "matrix_factorization", "dimensions": 2,
            "unobserved_weight": 0.1, "regularization": 0.1, "regularization_exponent": 1.0,
            "context_weight": 2.0, "ranker_features": ["fold_in"]},
        "experiment": {"key": "first", "salt": "s", "arms": [
            {"name": "model", "share": 0.5, "policy": "model"},
            {"name": "baseline", "share": 0.5, "policy": "baseline"}]},
        "files": {"catalogue.jsonl": entry(), ITEMS_FILE: entry(), MODEL_FILE: entry()},
        "tensors": {ITEMS_FILE: {"popularity": {"dtype": "F32", "shape": [3]}}, MODEL_FILE: {}},
        "lineage": {"data": "a test"}
    });
    let first = full.to_string().into_bytes();
    full["architecture"] = json!(Architecture::Popularity {});
    for file in ["files", "tensors"] {
        full[file].as_object_mut().map(|object| object.remove(MODEL_FILE));
    }
    vec![first, full.to_string().into_bytes(), b"{}".to_vec()]
}
