//! What is refused when a model is loaded.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::base::{Error, Refusal};
use crate::model::{Observation, Recommender, UserEncoder};
use crate::release::{Architecture, MODEL_FILE, RankerDesign};

fn architecture() -> Architecture {
    Architecture::MatrixFactorization {
        dimensions: 2,
        unobserved_weight: 0.1,
        regularization: 0.1,
        regularization_exponent: 1.0,
        context_weight: 2.0,
        ranker_features: vec!["fold_in".into(), "popularity".into()],
        ranker: RankerDesign::default(),
    }
}

/// A file with `gram` (of `rank`-many rows), `ranker.weight` and a bias named `bias_name`.
fn file(gram: &[f32], gram_shape: [usize; 2], bias_name: &str) -> Vec<u8> {
    let bytes = |values: &[f32]| -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let (gram, weight, bias) = (bytes(gram), bytes(&[2.0, -1.0]), bytes(&[0.5]));
    let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F32, shape, data).unwrap();
    let tensors = [
        ("gram", view(gram_shape.to_vec(), &gram)),
        ("ranker.weight", view(vec![1, 2], &weight)),
        (bias_name, view(vec![1], &bias)),
    ];
    safetensors::serialize(tensors, None).unwrap()
}

fn refusal(bytes: &[u8]) -> Refusal {
    match Recommender::load(bytes, &architecture(), 3, 1) {
        Err(Error::ReleaseRefused { file, refusal }) => {
            assert_eq!(file, MODEL_FILE);
            refusal
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_from_disk_folds_in_and_ranks() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(MODEL_FILE);
    std::fs::write(&path, file(&[1.0, 0.0, 0.0, 1.0], [2, 2], "ranker.bias")).unwrap();
    let model = Recommender::read(&path, &architecture(), 3, 1).unwrap();
    let seen = [Observation { vector: &[1.0, 0.0], weight: 1.0, target: 1.0 }];
    let user = model.encoder.encode(&seen, 0).unwrap();
    // A = 0.1 + 1 + 0.1 * (1 + 0.3) = 1.23 along the first axis, b = 1.
    assert!((user.vector[0] - 1.0 / 1.23).abs() < 1e-6);
    assert_eq!(model.ranker.score(&[1.0, 1.0], 2).unwrap(), [1.5]);
}

#[test]
fn a_missing_a_misshaped_and_a_nan_tensor_are_named() {
    let square = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(
        refusal(&file(&square, [2, 2], "bias")),
        Refusal::TensorName { name: "bias".into(), reason: "does not belong to the architecture" }
    );
    assert!(matches!(
        refusal(&file(&square, [4, 1], "ranker.bias")),
        Refusal::WrongShape { tensor, found, .. } if tensor == "gram" && found == [4, 1]
    ));
    assert_eq!(
        refusal(&file(&[1.0, 0.0, f32::NAN, 1.0], [2, 2], "ranker.bias")),
        Refusal::NotFinite { tensor: "gram".into(), index: 2 }
    );
    assert!(matches!(refusal(b"not a container"), Refusal::UnknownFormat { .. }));
    assert!(matches!(refusal(&[]), Refusal::UnknownFormat { .. }));
}

#[test]
fn another_architecture_and_a_missing_file_are_typed_errors() {
    let bytes = file(&[1.0, 0.0, 0.0, 1.0], [2, 2], "ranker.bias");
    let other = Recommender::load(&bytes, &Architecture::Popularity {}, 3, 1);
    assert!(matches!(other, Err(Error::Model { .. })));
    let absent = Recommender::read(Path::new("absent"), &architecture(), 3, 1);
    assert!(matches!(absent, Err(Error::File { .. })));
}

/// A transformer that is fine.
fn transformer() -> Value {
    json!({"name": "sasrec", "dimensions": 4, "blocks": 1, "heads": 2, "positions": 3,
        "feed_forward": 5, "ranker_features": ["fold_in"]})
}

/// A file with all tensors of `architecture`, every value the same.
fn filled(architecture: &Architecture, value: f32) -> Vec<u8> {
    let tensors: Vec<_> = architecture
        .model_tensors(2)
        .into_iter()
        .map(|(name, shape)| {
            let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
            let bytes = value.to_le_bytes().repeat(shape.iter().product());
            (name, shape, bytes)
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

#[test]
fn hyper_parameters_out_of_range_are_named() {
    let tower = json!({"name": "two_tower", "dimensions": 4, "hidden": [5],
        "ranker_features": ["fold_in"]});
    for (base, field, value) in [
        (transformer(), "dimensions", json!(0)),
        (transformer(), "dimensions", json!(1_000_000_000)),
        (transformer(), "blocks", json!(0)),
        (transformer(), "blocks", json!(17)),
        (transformer(), "heads", json!(0)),
        (transformer(), "heads", json!(3)),
        (transformer(), "positions", json!(0)),
        (transformer(), "positions", json!(2_001)),
        (transformer(), "feed_forward", json!(1_000_000_000)),
        (transformer(), "norm_epsilon", json!(0.0)),
        (tower.clone(), "hidden", json!([1, 1, 1, 1, 1, 1, 1, 1, 1])),
        (tower.clone(), "hidden[1]", json!([1, 0])),
        (tower.clone(), "context_weight", json!(-1.0)),
        (tower.clone(), "ranker_features", json!([])),
        (tower.clone(), "ranker.hidden", json!({"kind": "mlp"})),
        (tower.clone(), "ranker.hidden", json!({"kind": "linear", "hidden": [4]})),
        (tower.clone(), "ranker.rank", json!({"kind": "mlp", "hidden": [4], "rank": 2})),
        (tower.clone(), "ranker.cross_layers", json!({"kind": "dcn_v2"})),
        (tower.clone(), "ranker.calibration.slope", json!({"calibration": {"slope": -1.0}})),
        (tower.clone(), "ranker.calibration.points", json!({"calibration": {"points": 1}})),
    ] {
        let mut text = base;
        let key = field.split(['.', '[']).next().unwrap();
        text[key] = value.clone();
        let architecture: Architecture = serde_json::from_value(text).unwrap();
        let refusal = architecture.validate(2).unwrap_err();
        let named = matches!(&refusal, Refusal::Field { field: found, .. } if found == field);
        assert!(named, "{field} {value}: {refusal}");
        // Nothing of that size is ever made.
        assert!(matches!(Recommender::load(&[], &architecture, 3, 2), Err(Error::Model { .. })));
    }
}

#[test]
fn a_model_of_more_values_than_a_night_holds_is_refused() {
    let mut text = transformer();
    for (field, value) in [("dimensions", 1024), ("blocks", 16), ("feed_forward", 4096)] {
        text[field] = json!(value);
    }
    let architecture: Architecture = serde_json::from_value(text).unwrap();
    assert!(matches!(architecture.validate(2), Err(Refusal::TooLarge { .. })));
}

#[test]
fn tensors_of_another_architecture_fit_none() {
    let architecture: Architecture = serde_json::from_value(transformer()).unwrap();
    let mut text = transformer();
    text["blocks"] = json!(2);
    let other: Architecture = serde_json::from_value(text).unwrap();
    let refused = |bytes: &[u8], architecture: &Architecture| match Recommender::load(
        bytes,
        architecture,
        3,
        2,
    ) {
        Err(Error::ReleaseRefused { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(Recommender::load(&filled(&architecture, 0.5), &architecture, 3, 2).is_ok());
    let more = refused(&filled(&other, 0.5), &architecture);
    assert!(matches!(more, Refusal::TensorName { .. }), "{more}");
    let less = refused(&filled(&architecture, 0.5), &other);
    assert!(matches!(less, Refusal::MissingTensor { .. }), "{less}");
    let nan = refused(&filled(&architecture, f32::NAN), &architecture);
    assert!(matches!(nan, Refusal::NotFinite { .. }), "{nan}");
}

#[test]
fn a_history_longer_than_the_positions_is_an_error_of_the_transformer_and_cut_by_the_encoder() {
    let architecture: Architecture = serde_json::from_value(transformer()).unwrap();
    let model = Recommender::load(&filled(&architecture, 0.25), &architecture, 3, 2).unwrap();
    let UserEncoder::Sasrec(sasrec) = &model.encoder else { panic!() };
    assert!(matches!(sasrec.encode(&[0.5; 16]), Err(Error::Model { .. })));
    assert!(matches!(sasrec.encode(&[0.5; 3]), Err(Error::Model { .. })));
    let rows: Vec<[f32; 4]> = (0..4).map(|i| [i as f32, 1.0, -1.0, 0.5]).collect();
    let seen: Vec<Observation<'_>> =
        rows.iter().map(|row| Observation { vector: row, weight: 1.0, target: 1.0 }).collect();
    let newest = model.encoder.encode(&seen[1..], 0).unwrap().vector;
    assert_eq!(model.encoder.encode(&seen, 0).unwrap().vector, newest);
}

#[test]
fn weights_that_overflow_give_a_typed_error_and_no_vector() {
    let text = json!({"name": "two_tower", "dimensions": 4, "hidden": [5, 5, 5],
        "ranker_features": ["fold_in"]});
    let architecture: Architecture = serde_json::from_value(text).unwrap();
    let model = Recommender::load(&filled(&architecture, 1e15), &architecture, 3, 2).unwrap();
    let error = model.encoder.encode(&[], 0).unwrap_err();
    assert!(error.to_string().contains("not finite"), "{error}");
    assert!(matches!(model.encoder.encode(&[], 2), Err(Error::Model { .. })));
}
