//! What `diff` tells.

use noctule_releases::registry::{PublishOptions, diff};
use noctule_releases::{Embedding, PackInput, RankerWeights, VectorForm, pack};
use serde_json::json;

use crate::releases::{Workplace, at, input, key, signed};

const DIMENSIONS: usize = 4;

/// A release with a model, the values of whose embedding are `value(row, column)`.
fn publish(place: &Workplace, version: u64, value: impl Fn(usize, usize) -> f32, length: u64) {
    let mut input = PackInput {
        architecture: serde_json::from_value(json!({
            "name": "matrix_factorization", "dimensions": DIMENSIONS, "unobserved_weight": 0.1,
            "regularization": 0.05, "regularization_exponent": 1.0, "context_weight": 2.0,
            "ranker_features": ["fold_in", "popularity"]
        }))
        .unwrap(),
        ranker: Some(RankerWeights { weight: vec![1.0, 0.0], bias: 0.0 }),
        embedding: Some(Embedding {
            values: (0..4 * DIMENSIONS)
                .map(|index| value(index / DIMENSIONS, index % DIMENSIONS))
                .collect(),
            dimensions: DIMENSIONS,
            form: VectorForm::default(),
        }),
        ..input("town", version, 1)
    };
    input.plan.surfaces[0].length = length as _;
    let out = place.path(&format!("model-{version}"));
    pack(&input, &key(), &out).unwrap();
    place.registry().publish(&out, &signed(PublishOptions::default())).unwrap();
}

#[test]
fn changed_rows_their_change_fields_of_the_plan_and_bytes_are_told() {
    let place = Workplace::new();
    let value = |row: usize, column: usize| (row + column) as f32 / 8.0 - 0.25;
    publish(&place, 1, value, 10);
    // One of four rows, half a unit further.
    publish(&place, 2, |row, column| value(row, column) + f32::from(row == 2) * 0.5, 20);
    let diff = diff(&place.registry(), &at("town@1"), &at("town@2")).unwrap();
    let embedding = &diff.tensors["items/embedding"];
    assert_eq!((embedding.rows, embedding.rows_changed), (4, 1));
    assert_eq!((embedding.max_change, embedding.mean_change), (Some(0.5), Some(0.125)));
    assert!(!diff.tensors.contains_key("items/popularity"), "the same in both");
    assert!(diff.tensors.contains_key("model/gram"));
    let length = &diff.fields["plan.surfaces[0].length"];
    assert_eq!((&length.old, &length.new), (&Some(json!(10)), &Some(json!(20))));
    assert!(!diff.files.contains_key("catalogue.safetensors"));
    let state = place.registry().state().unwrap();
    let new = &state.lines["town"].versions[&2];
    let moved: u64 = new
        .blobs()
        .filter(|blob| Some(*blob) != new.files.get("catalogue.safetensors"))
        .map(|blob| blob.length)
        .sum();
    assert_eq!((diff.bytes_to_move, diff.by_delta), (moved, false));
    let text = diff.to_string();
    assert!(text.contains("items/embedding: F32 [4, 4], 1 rows changed"), "{text}");
}

#[test]
fn a_tensor_that_comes_or_goes_is_told_with_its_shape() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    publish(&place, 2, |_, _| 0.5, 10);
    let forward = diff(&place.registry(), &at("town@1"), &at("town@2")).unwrap();
    let embedding = &forward.tensors["items/embedding"];
    assert_eq!((&embedding.old, &embedding.new), (&None, &Some("F32 [4, 4]".to_owned())));
    let back = diff(&place.registry(), &at("town@2"), &at("town@1")).unwrap();
    assert_eq!(back.tensors["model/gram"].new, None);
    assert_eq!(back.files["model.safetensors"].new, None);
}

#[test]
fn a_release_does_not_differ_from_itself() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let same = diff(&place.registry(), &at("town@1"), &at("town@1")).unwrap();
    assert_eq!(same.bytes_to_move, 0);
    assert!(same.files.is_empty() && same.tensors.is_empty() && same.fields.is_empty());
}

#[test]
fn a_delta_is_what_moves_when_there_is_one() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let delta = place.path("delta");
    std::fs::write(&delta, b"what has changed").unwrap();
    place.publish(2, PublishOptions { deltas: vec![(1, delta)], ..Default::default() });
    let diff = diff(&place.registry(), &at("town@1"), &at("town@2")).unwrap();
    let manifest = place.registry().state().unwrap().lines["town"].versions[&2].manifest.length;
    assert_eq!((diff.bytes_to_move, diff.by_delta), (manifest + 16, true));
}
