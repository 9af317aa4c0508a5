//! Other people's weights, and maps that do not fit them.

use std::path::Path;

use noctule_core::base::{Error as CoreError, Refusal};
use noctule_releases::{Error, ImportInput, Imported, import};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use crate::parts::plan_json;

/// Three items of two dimensions behind a row of padding, in F64, and a user side.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"title\":\"{id}\"}}\n");
    write(home.path(), "catalogue.jsonl", &(line("a") + &line("b") + &line("c")));
    write(home.path(), "plan.json", &plan_json().to_string());
    let table = [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let numbers = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let tensors = [
        ("items", Dtype::F64, vec![4, 2], numbers(&table)),
        ("turned", Dtype::F64, vec![2, 3], numbers(&[1.0, 3.0, 5.0, 2.0, 4.0, 6.0])),
        ("huge", Dtype::F64, vec![3, 2], numbers(&[1.0, 1.0, 1.0, 1e300, 1.0, 1.0])),
        ("broken", Dtype::F64, vec![3, 2], numbers(&[1.0, 1.0, 1.0, 1.0, f64::NAN, 1.0])),
        ("whole", Dtype::I64, vec![3, 2], vec![0; 48]),
        ("users", Dtype::F64, vec![1, 2], numbers(&[1.0, 1.0])),
        ("deep", Dtype::F64, vec![1, 3, 1, 2], numbers(&table[2..])),
    ];
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(home.path().join("weights.safetensors"), bytes).unwrap();
    home
}

fn write(home: &Path, name: &str, text: &str) {
    std::fs::write(home.join(name), text).unwrap();
}

fn architecture() -> Value {
    json!({"name": "matrix_factorization", "dimensions": 2, "unobserved_weight": 0.1,
        "regularization": 0.1, "regularization_exponent": 1.0, "context_weight": 1.0,
        "ranker_features": ["fold_in"]})
}

fn imported(home: &Path, map: &Value) -> Result<Imported, Error> {
    write(home, "map.json", &map.to_string());
    let path = |name: &str| home.join(name);
    let (weights, catalogue) = (path("weights.safetensors"), path("catalogue.jsonl"));
    let (map, plan) = (path("map.json"), path("plan.json"));
    let input = ImportInput { weights: &weights, map: &map, catalogue: &catalogue, plan: &plan };
    import(&input, &path("model"))
}

fn with(tensors: &Value) -> Value {
    json!({"architecture": architecture(), "tensors": tensors})
}

/// The values of `embedding` that a recipe gives.
fn embedding(recipe: &Value) -> Vec<f32> {
    let home = home();
    imported(home.path(), &with(&json!({"embedding": recipe}))).unwrap();
    let bytes = std::fs::read(home.path().join("model/items.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let fours = tensors.tensor("embedding").unwrap().data().as_chunks::<4>().0.to_vec();
    fours.into_iter().map(f32::from_le_bytes).collect()
}

#[test]
fn rows_turned_squeezed_and_stacked_tensors_are_the_same_items() {
    let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for recipe in [
        json!({"from": "items", "rows": [1, 4]}),
        json!({"from": "turned", "transpose": true}),
        json!({"from": "deep", "squeeze": true}),
        json!({"stack": [{"from": "items", "rows": [1, 3]}, {"from": "items", "rows": [3, 4]}]}),
    ] {
        assert_eq!(embedding(&recipe), expected, "{recipe}");
    }
    assert_eq!(embedding(&json!({"fill": 0.5})), [0.5; 6]);
}

#[test]
fn what_is_not_used_is_told_and_the_directory_can_be_packed() {
    let home = home();
    let map = with(&json!({"embedding": {"from": "items", "rows": [1, 4]}}));
    let imported = imported(home.path(), &map).unwrap();
    assert_eq!(imported.unused, ["broken", "deep", "huge", "turned", "users", "whole"]);
    assert_eq!((imported.items, imported.tensors.len()), (3, 1));
    // Catalogue, plan, items and training.json: a factorisation has no other weights.
    assert_eq!(std::fs::read_dir(imported.directory).unwrap().count(), 4);
    let again = self::imported(home.path(), &map).unwrap_err();
    assert!(matches!(again, Error::Exists { .. }), "{again}");
}

#[test]
fn a_tensor_that_does_not_fit_is_named_with_what_it_is_and_what_is_needed() {
    for (recipe, tensor, dtype, shape, expected) in [
        (json!("items"), "items", "F64", vec![4, 2], "gives [4, 2], [3, 2] is needed"),
        (json!("turned"), "turned", "F64", vec![2, 3], "[3, 2] is needed: transpose it"),
        (json!("whole"), "whole", "I64", vec![3, 2], "F16, BF16, F32 or F64 is needed"),
        (json!("broken"), "broken", "F64", vec![3, 2], "value 4 is NaN"),
        (json!("huge"), "huge", "F64", vec![3, 2], "value 3 is inf"),
        (
            json!({"from": "items", "rows": [2, 5]}),
            "items",
            "F64",
            vec![4, 2],
            "rows 2 to 5 are not among 4",
        ),
        (json!({"from": "items", "rows": [2, 2]}), "items", "F64", vec![4, 2], "rows 2 to 2"),
        (
            json!({"from": "deep", "transpose": true}),
            "deep",
            "F64",
            vec![1, 3, 1, 2],
            "no two axes",
        ),
        (json!({"stack": ["users", "items"]}), "items", "F64", vec![4, 2], "has 5 rows, 3"),
        (json!({"stack": ["users", "turned"]}), "turned", "F64", vec![2, 3], "does not go into"),
    ] {
        let home = home();
        let error = imported(home.path(), &with(&json!({"embedding": recipe}))).unwrap_err();
        let Error::Misfit { tensor: found, dtype: of, shape: had, target, reason } = &error else {
            panic!("{recipe}: {error}")
        };
        assert_eq!((found.as_str(), of.as_str(), had), (tensor, dtype, &shape), "{error}");
        assert!(target == "embedding" && reason.contains(expected), "{error}");
        assert!(!home.path().join("model").exists());
        // Nothing half written is left beside it either.
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 4, "{recipe}");
    }
}

#[test]
fn a_map_of_other_tensors_than_the_architecture_has_is_refused() {
    let of = |map: &Value| imported(home().path(), map).unwrap_err();
    let all = json!({"from": "items", "rows": [1, 4]});
    let error = of(&with(&json!({"embedding": all, "gram": "items"})));
    assert!(matches!(&error, Error::UnknownTarget { target, .. } if target == "gram"), "{error}");
    let error = of(&with(&json!({})));
    assert!(
        matches!(&error, Error::NotMapped { target, shape }
            if target == "embedding" && shape[..] == [3, 2]),
        "{error}"
    );
    let error = of(&with(&json!({"embedding": all, "ranker.bias": {"fill": 0}})));
    assert!(matches!(&error, Error::NotMapped { target, .. } if target == "ranker.weight"));
    let error = of(&with(&json!({"embedding": "item.weight"})));
    assert!(matches!(&error, Error::NoTensor { tensor, .. } if tensor == "item.weight"), "{error}");
    assert!(error.to_string().contains("broken, deep, huge, items"), "{error}");
    let error = of(&json!({"architecture": {"name": "popularity"}, "tensors": {}}));
    assert!(error.to_string().contains("popularity has no weights"), "{error}");
    let error = of(&with(&json!({"embedding": {"fill": 1e30}})));
    assert!(error.to_string().contains("map: embedding: value 0 is 1e30"), "{error}");
}

#[test]
fn a_map_that_is_none_names_the_field() {
    for (text, expected) in [
        ("{\"tensors\": {}}", "architecture: missing field"),
        ("[", "EOF while parsing"),
        ("{\"architecture\": {\"name\": \"oracle\"}}", "architecture.name: unknown variant"),
        ("{\"tensors\": {\"embedding\": \"a\", \"embedding\": \"b\"}}", "a key twice"),
        ("{\"tensors\": {\"embedding\": {\"form\": \"a\"}}}", "tensors.embedding.form"),
    ] {
        let home = home();
        write(home.path(), "map.json", text);
        let path = |name: &str| home.path().join(name);
        let (weights, catalogue) = (path("weights.safetensors"), path("catalogue.jsonl"));
        let (map, plan) = (path("map.json"), path("plan.json"));
        let input =
            ImportInput { weights: &weights, map: &map, catalogue: &catalogue, plan: &plan };
        let error = import(&input, &path("model")).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let unknown = json!({"architecture": architecture(), "tensors": {}, "version": 1});
    let error = imported(home().path(), &unknown).unwrap_err();
    let Error::Core(CoreError::ReleaseRefused { refusal: Refusal::Field { field, .. }, .. }) =
        &error
    else {
        panic!("{error}")
    };
    assert_eq!(field, "version");
}

#[test]
fn a_file_that_is_no_container_is_refused_before_anything_is_read() {
    let home = home();
    let map = with(&json!({"embedding": "items"}));
    let weights = home.path().join("weights.safetensors");
    for bytes in [&b""[..], b"PK\x03\x04 a zip of pickles", &[0xff; 64]] {
        std::fs::write(&weights, bytes).unwrap();
        let error = imported(home.path(), &map).unwrap_err();
        assert!(matches!(error, Error::Core(CoreError::ReleaseRefused { .. })), "{error}");
    }
}
