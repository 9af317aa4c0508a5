//! Weights that others trained and scores that others computed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::SafeTensors;

use crate::scoring::{ItemMatrix, Quantised, quantise, top_k};

/// The model's folder, or none with a word about it.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("NOCTULE_DATA").map_or_else(beside, PathBuf::from);
    let folder = data.join("ncf-ml1m-mf");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is not there; NOCTULE_DATA says where it is", folder.display());
    None
}

fn rows(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let tensor = tensors.tensor(name).unwrap();
    let (fours, _) = tensor.data().as_chunks::<4>();
    fours.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[test]
fn the_neural_collaborative_filtering_model_gives_its_listed_top_10() {
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join("mf8_folded.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (items, users) = (rows(&tensors, "item_factors"), rows(&tensors, "user_factors"));
    let text = std::fs::read_to_string(folder.join("expected_top10_mf8_folded.json")).unwrap();
    let expected: BTreeMap<String, Vec<(u32, f64)>> = serde_json::from_str(&text).unwrap();
    assert!(!expected.is_empty());
    let Quantised { codes, scales } = quantise(&items, 8).unwrap();
    let matrix = ItemMatrix::new(&codes, &scales, &items, 8).unwrap();
    for (user, top) in expected {
        let at = 8 * user.parse::<usize>().unwrap();
        let found = top_k(&matrix, &users[at..at + 8], top.len(), None).unwrap();
        for (found, (item, score)) in found.iter().zip(&top) {
            assert_eq!(found.index, *item, "user {user}");
            // The list is rounded to six decimals.
            let error = (f64::from(found.score) - score).abs();
            assert!(error <= 1e-5 * score.abs() + 1e-6, "user {user}: {} and {score}", found.score);
        }
    }
}
