//! The town with models that no fold-in makes.

use std::collections::BTreeMap;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::Architecture;
use noctule_releases::{PackInput, RankerWeights};
use serde_json::{Value, json};

use crate::town::{DIMENSIONS, Town};

/// A user tower and a cross network.
#[must_use]
pub fn two_tower() -> Architecture {
    read(json!({
        "name": "two_tower", "dimensions": DIMENSIONS, "hidden": [16], "activation": "gelu",
        "normalize": true, "context_weight": 2.0,
        "ranker_features": ["fold_in", "popularity", "cross", "context"],
        "ranker": {"kind": "dcn_v2", "cross_layers": 2, "rank": 4, "hidden": [8],
            "calibration": {"slope": 0.5, "intercept": -1.0}},
    }))
}

/// A transformer and hidden layers.
#[must_use]
pub fn sasrec() -> Architecture {
    read(json!({
        "name": "sasrec", "dimensions": DIMENSIONS, "blocks": 2, "heads": 2, "positions": 5,
        "feed_forward": 16,
        "ranker_features": ["fold_in", "context_popularity", "item"],
        "ranker": {"kind": "mlp", "hidden": [12]},
    }))
}

/// A transformer and a weighted sum.
#[must_use]
pub fn sasrec_linear() -> Architecture {
    read(json!({
        "name": "sasrec", "dimensions": DIMENSIONS, "blocks": 1, "heads": 1, "positions": 5,
        "feed_forward": 8, "norm_first": false, "ranker_features": ["fold_in", "popularity"],
    }))
}

fn read(text: Value) -> Architecture {
    serde_json::from_value(text).expect("the text is one of the three above")
}

/// The release of `town` with `architecture`, its weights drawn and multiplied by `size`.
#[must_use]
pub fn input(town: &Town, architecture: Architecture, size: f32) -> PackInput {
    let mut random = SeededRandom::new(Seed(town.version));
    let mut tensors = BTreeMap::new();
    for (name, shape) in architecture.model_tensors(town.contexts) {
        let scale = 1.0 / (*shape.last().unwrap_or(&1) as f64).sqrt();
        let is_norm = name.contains("norm") && name.ends_with("weight");
        let mut value = || if is_norm { 1.0 } else { (scale * random.normal()) as f32 * size };
        let count = shape.iter().product();
        tensors.insert(name, (0..count).map(|_: u64| value()).collect::<Vec<f32>>());
    }
    let weight = tensors.remove("ranker.weight").unwrap_or_default();
    let bias = tensors.remove("ranker.bias").map_or(0.0, |bias| bias[0]);
    let ranker = Some(RankerWeights { weight, bias });
    PackInput { architecture, ranker, tensors, gram: None, ..town.input() }
}
