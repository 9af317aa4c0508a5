//! `noctule import`: modules of PyTorch become releases with the scores that they had, and back.

use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_core::model::{Observation, UserVector};
use noctule_core::night::LoadedRelease;
use serde_json::Value;

use crate::runner::{Workplace, error_text};

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/import_check.py");
const BACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/to_pytorch.py");
/// The history that `import_check.py` has.
const HISTORY: [u32; 7] = [3, 41, 7, 99, 17, 64, 5];

/// A Python with PyTorch and safetensors: the one that `NOCTULE_PYTHON` names, or `python3`.
/// PyTorch weighs too much to be fetched by a test.
fn torch() -> Option<PathBuf> {
    let named = std::env::var_os("NOCTULE_PYTHON").map(PathBuf::from);
    let python = named.clone().unwrap_or_else(|| PathBuf::from("python3"));
    let asked = Command::new(&python).args(["-c", "import torch, safetensors.torch"]).output();
    if asked.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {} has no PyTorch with safetensors (set NOCTULE_PYTHON)", python.display());
    None
}

fn run(python: &Path, script: &str, arguments: &[String]) -> String {
    let output = Command::new(python).arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", error_text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Vector `index` of a release.
fn vector(loaded: &LoadedRelease, index: u32) -> Vec<f32> {
    loaded.items.matrix().unwrap().unwrap().row(index).unwrap().into_owned()
}

/// What core makes of a history, with the release that `packed` tells of.
fn user(loaded: &LoadedRelease, history: &[u32]) -> UserVector {
    let vectors: Vec<Vec<f32>> = history.iter().map(|item| vector(loaded, *item)).collect();
    let seen = |vector| Observation { vector, weight: 1.0, target: 1.0 };
    let observations: Vec<_> = vectors.iter().map(|vector| seen(vector.as_slice())).collect();
    loaded.model().unwrap().0.encoder.encode(&observations, 0).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The log-odds that core's ranker gives to every item, its features being the score and, where
/// there are more, both vectors and their products.
fn scores(loaded: &LoadedRelease, history: &[u32]) -> Vec<f32> {
    let recommender = &loaded.model().unwrap().0;
    let x = user(loaded, history);
    let x = x.vector.as_slice();
    let items = 0..loaded.release.catalogue().len() as u32;
    let row = |item| {
        let y = vector(loaded, item);
        let mut row = vec![dot(x, &y)];
        if recommender.ranker_features.len() > 1 {
            assert_eq!(recommender.ranker_features, ["fold_in", "user", "item", "cross"]);
            row.extend(x);
            row.extend(&y);
            row.extend(x.iter().zip(&y).map(|(x, y)| x * y));
        }
        row
    };
    let rows: Vec<Vec<f32>> = items.map(row).collect();
    recommender.ranker.score(&rows.concat(), rows[0].len()).unwrap()
}

fn opened(place: &Workplace, packed: &Value) -> LoadedRelease {
    let directory = place.path(packed["directory"].as_str().unwrap());
    LoadedRelease::open(&directory, packed["manifest_sha256"].as_str().unwrap()).unwrap()
}

#[track_caller]
fn assert_alike(found: &[f32], expected: &Value, what: &str) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for (item, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (found, expected) = (f64::from(*found), expected.as_f64().unwrap());
        let off = (found - expected).abs();
        assert!(off <= 1e-5 * expected.abs().max(1.0), "{what}, item {item}: {found}, {expected}");
    }
}

#[test]
fn modules_of_pytorch_become_releases_with_their_scores() {
    let (Some(python), place) = (torch(), Workplace::new()) else { return };
    run(&python, CHECK, &[place.path("").display().to_string()]);
    place.text("pack --new-key key");
    for case in ["factors", "cross-network", "encoder", "plain", "towers"] {
        let imported = place.json(&format!(
            "import {case}/weights.safetensors --map {case}/map.json --catalogue catalogue.jsonl \
             --plan plan.json --output {case}/model"
        ));
        let is_factors = matches!(case, "factors" | "cross-network");
        let unused: &[&str] = if is_factors { &["user_factors.weight"] } else { &[] };
        assert_eq!(imported["unused"], serde_json::json!(unused), "{case}");
        let packed = format!("pack {case}/model --app town --key key --output {case}/release");
        let loaded = opened(&place, &place.json(&packed));
        let lineage = &loaded.release.manifest().lineage;
        assert_eq!(lineage["weights"], "weights.safetensors", "{case}");
        let expected = std::fs::read(place.path(format!("{case}/expected.json"))).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        assert_alike(&scores(&loaded, &HISTORY), &expected["scores"], case);
    }
}

#[test]
fn a_network_trained_here_has_the_same_scores_in_pytorch() {
    let (Some(python), place) = (torch(), Workplace::new()) else { return };
    let line = |user: usize| {
        let words = (0..6 + user % 3).map(|at| format!(" i{}", (user * 5 + at) % 20));
        format!("u{user}{}\n", words.collect::<String>())
    };
    place.write("ring.txt", &(0..30).map(line).collect::<String>());
    for (name, network) in [
        ("first", r#""heads": 2, "activation": "gelu""#),
        ("last", r#""norm_first": false, "scale_embedding": true"#),
    ] {
        let settings = format!(
            "{{\"sasrec\": {{\"dimensions\": 8, \"positions\": 6, \"epochs\": 3, {network}}}}}"
        );
        place.write("settings.json", &settings);
        let train = "train ring.txt --architecture sasrec --settings settings.json";
        place.text(&format!("{train} --output {name}"));
        if !place.path("key").exists() {
            place.text("pack --new-key key");
        }
        let packed = place.json(&format!("pack {name} --app ring --key key --output {name}/r"));
        let loaded = opened(&place, &packed);
        for history in [&[4_u32][..], &[1, 7, 3], &[1, 2, 3, 4, 5, 6, 7, 8]] {
            let words = history.iter().map(ToString::to_string);
            let folder = place.path(name).display().to_string();
            let arguments: Vec<String> = std::iter::once(folder).chain(words).collect();
            let expected: Value = serde_json::from_str(&run(&python, BACK, &arguments)).unwrap();
            assert_alike(&scores(&loaded, history), &expected, name);
        }
    }
}
