//! Someone else's weights: a factorisation of MovieLens 1M that others trained.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::data::find;

fn rows(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let (fours, rest) = tensors.tensor(name).unwrap().data().as_chunks::<4>();
    assert!(rest.is_empty());
    fours.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[test]
fn its_ten_best_are_found_with_its_scores() {
    let Some(weights) = find("ncf-ml1m-mf/mf8_folded.safetensors") else { return };
    let Some(expected) = find("ncf-ml1m-mf/expected_top10_mf8_folded.json") else { return };
    let bytes = std::fs::read(weights).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (users, items) = (rows(&tensors, "user_factors"), rows(&tensors, "item_factors"));
    assert_eq!((users.len(), items.len()), (6_040 * 8, 3_706 * 8));
    let expected: BTreeMap<String, Vec<(usize, f32)>> =
        serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    assert!(!expected.is_empty());
    for (user, list) in expected {
        let place = user.parse::<usize>().unwrap() * 8;
        let vector = &users[place..place + 8];
        let score = |item: &[f32]| item.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
        let mut scored: Vec<(usize, f32)> = items.chunks_exact(8).map(score).enumerate().collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for ((item, score), (expected_item, expected_score)) in scored.iter().zip(&list) {
            assert_eq!(item, expected_item, "user {user}");
            assert!((score - expected_score).abs() < 1e-5, "user {user}: {score}");
        }
        assert_eq!(list.len(), 10);
    }
}
