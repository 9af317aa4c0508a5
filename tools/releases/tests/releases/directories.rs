//! Packing from files that another program wrote.

use std::path::Path;

use noctule_core::base::{Error as CoreError, Refusal};
use noctule_releases::{Error, Packed, pack_from_directory, verify};
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::parts::{NOW_MS, key, plan_json};

pub(crate) type Tensor = (&'static str, safetensors::Dtype, Vec<usize>, Vec<u8>);

pub(crate) fn f32(name: &'static str, shape: &[usize], values: &[f32]) -> Tensor {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    (name, safetensors::Dtype::F32, shape.to_vec(), bytes)
}

pub(crate) fn write(path: &Path, tensors: &[Tensor]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

pub(crate) fn architecture(features: &[&str]) -> Value {
    json!({"name": "matrix_factorization", "dimensions": 2, "unobserved_weight": 0.1,
        "regularization": 0.1, "regularization_exponent": 1.0, "context_weight": 1.0,
        "ranker_features": features})
}

/// A directory of three items with an embedding and one feature, and nothing that can be derived.
fn source() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"title\":\"{id}\"}}\n");
    std::fs::write(home.path().join("catalogue.jsonl"), line("a") + &line("b") + &line("c"))
        .unwrap();
    let description = json!({"app": "town", "name": "town", "version": 1,
        "architecture": architecture(&["fold_in"]), "plan": plan_json()});
    std::fs::write(home.path().join("pack.json"), description.to_string()).unwrap();
    let embedding = f32("embedding", &[3, 2], &[1.0, 0.0, 0.0, 2.0, 1.0, 1.0]);
    write(&home.path().join("items.safetensors"), &[embedding]);
    home
}

/// What was packed, and the directory that holds it as long as this lives.
#[derive(Debug)]
struct Kept {
    packed: Packed,
    _home: tempfile::TempDir,
}

fn packed(source: &Path) -> Result<Kept, Error> {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("r");
    let packed = pack_from_directory(source, &key(), &out, NOW_MS)?;
    verify(&out, &[key().public()], NOW_MS)?;
    Ok(Kept { packed, _home: home })
}

fn values(kept: &Kept, file: &str, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(kept.packed.directory.join(file)).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let fours = tensors.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec();
    fours.into_iter().map(f32::from_le_bytes).collect()
}

#[test]
fn what_is_absent_is_derived() {
    let source = source();
    let kept = packed(source.path()).unwrap();
    assert_eq!(values(&kept, "model.safetensors", "gram"), [2.0, 1.0, 1.0, 5.0]);
    assert_eq!(values(&kept, "model.safetensors", "ranker.weight"), [1.0]);
    assert_eq!(values(&kept, "items.safetensors", "popularity"), [1.0 / 3.0; 3]);
    assert_eq!(values(&kept, "items.safetensors", "context_popularity"), [1.0 / 3.0; 6]);
    assert_eq!(kept.packed.manifest.created_ms, NOW_MS);
    assert_eq!(kept.packed.manifest.expires_ms, NOW_MS + 90 * 24 * 3_600_000);
}

#[test]
fn what_is_there_is_taken() {
    let source = source();
    let description = json!({"app": "town", "name": "town", "version": 1, "created_ms": NOW_MS - 1,
        "valid_days": 1, "plan": plan_json(), "lineage": {"code": "abc"}});
    std::fs::write(source.path().join("pack.json"), description.to_string()).unwrap();
    let architecture = architecture(&["popularity", "nearby"]);
    let training = json!({"architecture": architecture, "losses": [1.0, 0.5]});
    std::fs::write(source.path().join("training.json"), training.to_string()).unwrap();
    write(
        &source.path().join("items.safetensors"),
        &[
            f32("embedding", &[3, 2], &[1.0; 6]),
            f32("popularity", &[3], &[0.5, 0.25, 0.25]),
            f32("context_popularity", &[2, 3], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
            ("codes", safetensors::Dtype::I8, vec![3, 2], vec![1; 6]),
            f32("scale", &[3], &[9.0; 3]),
        ],
    );
    write(
        &source.path().join("model.safetensors"),
        &[
            f32("gram", &[2, 2], &[4.0, 0.0, 0.0, 4.0]),
            f32("ranker.weight", &[1, 2], &[3.0, -1.0]),
            f32("ranker.bias", &[1], &[0.5]),
        ],
    );
    let kept = packed(source.path()).unwrap();
    assert_eq!(values(&kept, "model.safetensors", "gram"), [4.0, 0.0, 0.0, 4.0]);
    assert_eq!(values(&kept, "model.safetensors", "ranker.bias"), [0.5]);
    assert_eq!(values(&kept, "items.safetensors", "popularity"), [0.5, 0.25, 0.25]);
    assert_eq!(values(&kept, "items.safetensors", "context_popularity")[4], 1.0);
    let scales = noctule_core::scoring::quantise(&[1.0; 6], 2).unwrap().scales;
    assert_eq!(values(&kept, "items.safetensors", "scale"), scales, "made anew");
    assert_eq!(kept.packed.manifest.lineage["code"], "abc");
}

#[test]
fn a_popularity_release_needs_no_tensors() {
    let source = source();
    let description = json!({"app": "town", "name": "town", "version": 1,
        "architecture": {"name": "popularity"}, "plan": plan_json()});
    std::fs::write(source.path().join("pack.json"), description.to_string()).unwrap();
    std::fs::remove_file(source.path().join("items.safetensors")).unwrap();
    let kept = packed(source.path()).unwrap();
    assert!(!kept.packed.manifest.files.contains_key("model.safetensors"));
    assert_eq!(values(&kept, "items.safetensors", "popularity").len(), 3);
}

/// The error of packing `source` after `change`.
fn refused(change: impl FnOnce(&Path)) -> Error {
    let source = source();
    change(source.path());
    packed(source.path()).unwrap_err()
}

#[track_caller]
fn names_part(change: impl FnOnce(&Path), expected: &str) {
    match refused(change) {
        Error::Part { field, .. } => assert!(field.contains(expected), "{field}"),
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for file in ["pack.json", "catalogue.jsonl", "items.safetensors"] {
        let error = refused(|source| std::fs::remove_file(source.join(file)).unwrap());
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn a_field_of_the_description_is_named() {
    let error = refused(|source| {
        let text = std::fs::read_to_string(source.join("pack.json")).unwrap();
        std::fs::write(source.join("pack.json"), text.replace("\"version\":1", "\"version\":-1"))
            .unwrap();
    });
    assert!(matches!(
        &error,
        Error::Core(CoreError::ReleaseRefused { file, refusal: Refusal::Field { field, .. } })
            if file == "pack.json" && field == "version"
    ));
}

#[test]
fn a_tensor_that_does_not_fit_is_named() {
    let items = |tensors: &[Tensor]| {
        let tensors = tensors.to_vec();
        move |source: &Path| write(&source.join("items.safetensors"), &tensors)
    };
    names_part(items(&[f32("embedding", &[2, 3], &[0.0; 6])]), "embedding");
    names_part(items(&[f32("popularity", &[3], &[0.0; 3])]), "embedding");
    let good = || f32("embedding", &[3, 2], &[1.0; 6]);
    names_part(items(&[good(), f32("popularity", &[2], &[0.0; 2])]), "popularity");
    names_part(items(&[good(), f32("user.weight", &[1], &[0.0])]), "user.weight");
    let double = ("embedding", safetensors::Dtype::F64, vec![3, 2], vec![0; 48]);
    names_part(items(&[double]), "embedding");
    let model = |tensors: &[Tensor]| {
        let tensors = tensors.to_vec();
        move |source: &Path| write(&source.join("model.safetensors"), &tensors)
    };
    names_part(model(&[f32("ranker.bias", &[1], &[0.0])]), "model.safetensors");
    names_part(model(&[f32("gram", &[2], &[0.0; 2])]), "gram");
}
