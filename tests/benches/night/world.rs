//! The release and the user of this benchmark.

use std::path::{Path, PathBuf};

use noctule_core::base::{ItemId, Seed, SeededRandom};
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::release::{Architecture, Plan};
use noctule_releases::{Embedding, PackInput, VectorForm, pack};
use noctule_tests::models;
use noctule_tests::phone::Phone;
use noctule_tests::town::Town;
use serde_json::json;

pub(crate) const ITEMS: usize = 100_000;
pub(crate) const DIMENSIONS: usize = 64;
pub(crate) const CONTEXTS: usize = 24;
pub(crate) const SLOTS: usize = 100;
pub(crate) const NEAREST: usize = 400;
pub(crate) const POPULAR: usize = 100;
/// Items that the user likes.
const LIKED: usize = 40;

/// A packed release.
pub(crate) struct World {
    pub(crate) release: PathBuf,
    pub(crate) embedding: Vec<f32>,
    pub(crate) popularity: Vec<f32>,
    pub(crate) by_context: Vec<Vec<f32>>,
}

impl World {
    pub(crate) fn packed(scratch: &Path) -> Self {
        let town = Town { items: ITEMS, contexts: CONTEXTS, ..Town::default() };
        let mut random = SeededRandom::new(Seed(3));
        let embedding: Vec<f32> =
            (0..ITEMS * DIMENSIONS).map(|_| random.normal() as f32 * 0.3).collect();
        let mut drawn = models::input(&town, architecture(), 1.0);
        // The packer computes it from the vectors.
        drawn.tensors.remove("gram");
        let form = VectorForm::default();
        let values = embedding.clone();
        let input = PackInput {
            plan: plan(),
            embedding: Some(Embedding { values, dimensions: DIMENSIONS, form }),
            gram: None,
            ..drawn
        };
        let release = scratch.join("release");
        pack(&input, &Town::key(), &release).unwrap();
        let (popularity, by_context) = (input.popularity, input.context_popularity);
        Self { release, embedding, popularity, by_context }
    }

    pub(crate) fn item(&self, index: usize) -> ItemId {
        ItemId::new(Town::item(index)).unwrap()
    }

    pub(crate) fn like_some(&self, phone: &Phone) {
        let like = |at: usize| FeedbackEvent::new(EventKind::Like, self.item(ITEMS / 2 + 11 * at));
        phone.record(&(0..LIKED).map(like).collect::<Vec<_>>()).unwrap();
    }
}

fn architecture() -> Architecture {
    serde_json::from_value(json!({
        "name": "matrix_factorization", "dimensions": DIMENSIONS, "unobserved_weight": 0.1,
        "regularization": 0.05, "regularization_exponent": 1.0, "context_weight": 2.0,
        "ranker_features": ["fold_in", "context_popularity", "popularity", "cross", "context"],
        "ranker": {"kind": "mlp", "hidden": [128, 64]},
    }))
    .unwrap()
}

/// One surface, the week in 24 hours of each day.
fn plan() -> Plan {
    let id = |hour: usize| format!("part-{hour}");
    let context = |hour: usize| {
        json!({"id": id(hour),
            "when": {"days": "every", "from": 60 * hour, "until": 60 * hour + 60}})
    };
    serde_json::from_value(json!({
        "contexts": (0..CONTEXTS).map(context).collect::<Vec<_>>(),
        "surfaces": [{"id": "home", "length": SLOTS,
            "contexts": (0..CONTEXTS).map(id).collect::<Vec<_>>()}],
        "consumed": "keep",
        "candidates": {"nearest": NEAREST, "popular": POPULAR, "similar": 0, "new": 0},
        "diversity": {"weight": 0.2},
        "exploration": {"epsilon": 0.1, "pool": 20},
        "fatigue_impressions": 0,
    }))
    .unwrap()
}
