//! Models against numpy in double precision; `golden/make.py` makes the files.

use serde::Deserialize;

use crate::model::{Observation, Recommender};
use crate::release::Architecture;

/// Relative error that is allowed, of the largest value of a vector or of all scores.
const TOLERANCE: f64 = 1e-5;

/// The name of a case, its description and its weights.
macro_rules! golden {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("golden/", $name, ".json")),
            &include_bytes!(concat!("golden/", $name, ".safetensors"))[..],
        )
    };
}

#[derive(Deserialize)]
struct Case {
    contexts: usize,
    architecture: Architecture,
    items: Vec<Vec<f32>>,
    users: Vec<User>,
    rows: Vec<Vec<f32>>,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct User {
    context: usize,
    /// Item, weight, target.
    history: Vec<(usize, f32, f32)>,
    vector: Vec<f64>,
}

#[track_caller]
fn assert_near(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= TOLERANCE * size, "{what}: {found} and {expected}");
    }
}

#[test]
fn every_architecture_and_ranker_gives_what_numpy_gives() {
    for (name, text, model) in [
        golden!("two_tower_mlp"),
        golden!("two_tower_linear"),
        golden!("sasrec_dcn_parallel"),
        golden!("sasrec_dcn_stacked"),
        golden!("sasrec_post_cross"),
        golden!("matrix_factorization_mlp"),
    ] {
        let case: Case = serde_json::from_str(text).unwrap();
        let model =
            Recommender::load(model, &case.architecture, case.items.len(), case.contexts).unwrap();
        for (index, user) in case.users.iter().enumerate() {
            let observe = |(item, weight, target): &(usize, f32, f32)| Observation {
                vector: &case.items[*item],
                weight: *weight,
                target: *target,
            };
            let history: Vec<Observation<'_>> = user.history.iter().map(observe).collect();
            let found = model.encoder.encode(&history, user.context).unwrap();
            assert_near(&format!("user {index} of {name}"), &found.vector, &user.vector);
        }
        let width = case.rows[0].len();
        let scores = model.ranker.score(&case.rows.concat(), width).unwrap();
        assert_near(&format!("scores of {name}"), &scores, &case.scores);
        // More rows than go through the layers at once, each as it is alone.
        let many = case.rows.concat().repeat(40);
        let scores = model.ranker.score(&many, width).unwrap();
        assert_near(&format!("many of {name}"), &scores, &case.scores.repeat(40));
    }
}
