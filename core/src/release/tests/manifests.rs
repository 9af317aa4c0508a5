//! Every range of a manifest.

use serde_json::{Value, json};

use super::fixture::{fixture, popularity, refused};
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Error, Refusal};
use crate::release::{MANIFEST_FILE, Manifest};

/// A good manifest as JSON.
fn good() -> Value {
    let release = fixture().on_disk();
    serde_json::from_slice(&std::fs::read(release.file(MANIFEST_FILE)).unwrap()).unwrap()
}

fn refusal(manifest: &Value) -> Refusal {
    let (file, refusal) = refused(Manifest::parse(manifest.to_string().as_bytes()));
    assert_eq!(file, MANIFEST_FILE);
    refusal
}

/// Puts `value` at `pointer` (RFC 6901; "/-" at the end appends).
fn set(manifest: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match manifest.pointer_mut(parent).unwrap() {
        Value::Array(array) if key == "-" => array.push(value),
        Value::Array(array) => array[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
}

/// Setting `value` at `pointer` is refused for `field`.
#[track_caller]
fn names(pointer: &str, value: Value, field: &str) {
    let mut manifest = good();
    let shown = value.to_string();
    set(&mut manifest, pointer, value);
    let refusal = refusal(&manifest);
    match &refusal {
        Refusal::Field { field: found, .. } => assert_eq!(found, field, "{pointer} = {shown}"),
        other => panic!("{pointer} = {shown}: {other}"),
    }
}

#[test]
fn what_is_written_is_read_again() {
    let manifest = Manifest::parse(good().to_string().as_bytes()).unwrap();
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(Manifest::parse(&bytes).unwrap(), manifest);
    assert_eq!(Manifest::parse(&bytes).unwrap().to_bytes().unwrap(), bytes);
    let mut bad = manifest;
    bad.release.version = 0;
    assert!(bad.to_bytes().is_err());
}

#[test]
fn a_field_out_of_range_is_named() {
    names("/format", json!(0), "format");
    names("/app", json!(""), "app");
    for name in ["", "Town", "a/b", "..", "a b", &"x".repeat(65)] {
        names("/release/name", json!(name), "release.name");
    }
    names("/release/version", json!(0), "release.version");
    names("/release/version", json!(1_u64 << 53), "release.version");
    names("/created_ms", json!(-1), "created_ms");
    names("/expires_ms", json!(1), "expires_ms");
    names("/expires_ms", json!(i64::MAX), "expires_ms");
}

#[test]
fn a_hyper_parameter_out_of_range_is_named() {
    for dimensions in [0, 1025] {
        names("/architecture/dimensions", json!(dimensions), "architecture.dimensions");
    }
    for name in ["unobserved_weight", "regularization", "regularization_exponent", "context_weight"]
    {
        names(&format!("/architecture/{name}"), json!(-0.5), &format!("architecture.{name}"));
        names(&format!("/architecture/{name}"), json!(1e39), &format!("architecture.{name}"));
    }
    let field = "architecture.ranker_features";
    names("/architecture/ranker_features", json!([]), field);
    names("/architecture/ranker_features", json!(["a", "a"]), &format!("{field}[1]"));
    names("/architecture/ranker_features", json!([""]), &format!("{field}[0]"));
    names("/architecture/ranker_features", json!(vec!["a"; 129]), field);
}

#[test]
fn a_surface_or_context_out_of_range_is_named() {
    for length in [0, 1001] {
        names("/plan/surfaces/0/length", json!(length), "plan.surfaces[0].length");
    }
    names("/plan/surfaces", json!([]), "plan.surfaces");
    names("/plan/surfaces/0/contexts", json!([]), "plan.surfaces[0].contexts");
    names("/plan/surfaces/0/contexts/1", json!("moon"), "plan.surfaces[0].contexts[1]");
    names("/plan/surfaces/0/contexts/1", json!("noon"), "plan.surfaces[0].contexts[1]");
    let home = json!({"id": "home", "length": 1, "contexts": ["noon"]});
    names("/plan/surfaces/-", home, "plan.surfaces[1]");
    let noon = json!({"id": "noon", "when": {"days": "every", "from": 0, "until": 1}});
    names("/plan/contexts/-", noon, "plan.contexts[2]");
    names("/plan/contexts/0/when/from", json!(1440), "plan.contexts[0].when");
    names("/plan/contexts/0/when/until", json!(1441), "plan.contexts[0].when");
    let mut manifest = good();
    let when = json!({"days": "every", "from": 0, "until": 1});
    let many: Vec<Value> =
        (0..257).map(|n| json!({"id": format!("c{n}"), "when": when.clone()})).collect();
    set(&mut manifest, "/plan/contexts", json!(many));
    assert!(matches!(refusal(&manifest), Refusal::TooLarge { found: 257, limit: 256, .. }));
}

#[test]
fn a_setting_of_the_plan_out_of_range_is_named() {
    names("/plan/candidates", json!({"nearest": 10_001, "popular": 0}), "plan.candidates.nearest");
    names("/plan/candidates", json!({"nearest": 0, "popular": 10_001}), "plan.candidates.popular");
    names("/plan/candidates", json!({"nearest": 9_999, "popular": 2}), "plan.candidates");
    names("/plan/candidates", json!({"nearest": 0, "popular": 0}), "plan.candidates");
    names("/plan/consumed", json!({"cooldown-days": 0}), "plan.consumed.cooldown-days");
    for radius in [json!(0), json!(-1.0), json!(1e9)] {
        names("/plan/radius_km", radius, "plan.radius_km");
    }
    names("/plan/diversity", json!({"attribute": "", "weight": 0.1}), "plan.diversity.attribute");
    names("/plan/diversity", json!({"attribute": "a", "weight": 1.1}), "plan.diversity.weight");
    names("/plan/exploration", json!({"epsilon": 1.1}), "plan.exploration.epsilon");
    names("/plan/exploration", json!({"pool": 0}), "plan.exploration.pool");
    for hours in [0, 8_761] {
        names("/plan/fresh_hours", json!(hours), "plan.fresh_hours");
    }
}

#[test]
fn an_override_of_the_plan_is_checked_by_the_same_rules() {
    let mut plan = fixture().manifest.plan;
    plan.validate().unwrap();
    plan.surfaces[0].length = 0;
    let error = plan.validate().unwrap_err();
    assert!(matches!(error, Error::InvalidInput { field, .. } if field == "surfaces[0].length"));
    plan = fixture().manifest.plan;
    plan.exploration.epsilon = f64::NAN;
    assert!(plan.validate().is_err());
}

#[test]
fn an_experiment_out_of_range_is_named() {
    let arm = |name: &str, share: f64| json!({"name": name, "share": share, "policy": "model"});
    let with = |arms: Value| json!({"key": "k", "salt": "s", "arms": arms});
    let third = 0.333_333_3;
    let good_arms = with(json!([arm("a", third), arm("b", third), arm("c", third)]));
    let mut manifest = good();
    set(&mut manifest, "/experiment", good_arms);
    Manifest::parse(manifest.to_string().as_bytes()).unwrap();
    names("/experiment", with(json!([])), "experiment.arms");
    names("/experiment", with(json!(vec![arm("a", 0.1); 17])), "experiment.arms");
    names("/experiment", with(json!([arm("a", 0.5), arm("b", 0.4)])), "experiment.arms");
    let doubled = with(json!([arm("a", 0.5), arm("a", 0.5)]));
    names("/experiment", doubled, "experiment.arms[1]");
    let negative = with(json!([arm("a", 1.0), arm("b", -0.0)]));
    names("/experiment", negative, "experiment.arms[1].share");
    let unsalted = json!({"key": "k", "salt": "", "arms": [arm("a", 1.0)]});
    names("/experiment", unsalted, "experiment.salt");
}

#[test]
fn a_file_name_that_climbs_is_refused() {
    for name in ["../x", "/etc/passwd", "a/b", "a\\b", "..", ".", "", ".x", "manifest.json", "c:"] {
        let mut manifest = good();
        manifest["files"][name] = manifest["files"]["catalogue.safetensors"].clone();
        assert_eq!(refusal(&manifest), Refusal::UnsafePath, "{name}");
    }
}

#[test]
fn files_and_tensors_that_do_not_belong_together_are_named() {
    let remove = |parent: &str, key: &str| {
        let mut manifest = good();
        manifest[parent].as_object_mut().unwrap().remove(key);
        match refusal(&manifest) {
            Refusal::Field { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    for file in ["catalogue.safetensors", "items.safetensors", "model.safetensors"] {
        assert!(remove("files", file).ends_with(file));
    }
    assert_eq!(remove("tensors", "items.safetensors"), "tensors.items.safetensors");
    names("/tensors/x.safetensors", json!({}), "tensors.x.safetensors");
    let mut manifest = good();
    let entry = manifest["files"]["items.safetensors"].clone();
    set(&mut manifest, "/files/notes.txt", entry);
    set(&mut manifest, "/tensors/notes.txt", json!({}));
    assert!(
        matches!(refusal(&manifest), Refusal::Field { field, .. } if field == "tensors.notes.txt")
    );
    names("/architecture", json!({"name": "popularity"}), "files.model.safetensors");
    let upper = json!({"length": 1, "sha256": "A".repeat(64)});
    names("/files/catalogue.safetensors", upper, "files.catalogue.safetensors.sha256");
    let mut manifest = good();
    set(&mut manifest, "/files/catalogue.safetensors/length", json!(u64::MAX));
    assert!(matches!(refusal(&manifest), Refusal::TooLarge { .. }));
}

#[test]
fn an_unknown_and_a_missing_field_are_named_by_their_path() {
    names("/more", json!(1), "more");
    names("/plan/surfaces/0/more", json!(1), "plan.surfaces[0].more");
    names("/plan/surfaces/0", json!({"id": "home", "contexts": []}), "plan.surfaces[0].length");
    names("/plan/surfaces/0/length", json!("5"), "plan.surfaces[0].length");
    names("/architecture/name", json!("oracle"), "architecture.name");
}

#[test]
fn a_newer_format_is_told_apart_from_a_mistake() {
    let mut manifest = good();
    set(&mut manifest, "/format", json!(2));
    set(&mut manifest, "/more", json!(1));
    assert_eq!(refusal(&manifest), Refusal::FormatTooNew { found: 2, supported: 1 });
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let text = good().to_string();
    let entry = "\"a\":{\"length\":1,\"sha256\":\"\"},";
    let twice = text.replacen("\"files\":{", &format!("\"files\":{{{entry}{entry}"), 1);
    let (_, refusal) = refused(Manifest::parse(twice.as_bytes()));
    assert!(refusal.to_string().contains("duplicate key `a`"), "{refusal}");
}

#[test]
fn an_endless_manifest_is_refused_at_its_bound() {
    let bytes = vec![b' '; MANIFEST_BYTES_MAX as usize + 1];
    assert!(matches!(refused(Manifest::parse(&bytes)).1, Refusal::TooLarge { .. }));
    assert!(matches!(refused(Manifest::parse(b"")).1, Refusal::Field { .. }));
}

#[test]
fn a_popularity_release_has_no_model_file() {
    let mut fixture = popularity(1);
    fixture.model = super::fixture::fixture().model;
    assert!(matches!(fixture.refusal().1, Refusal::Field { field, .. }
        if field == "files.model.safetensors"));
}
