//! Behaviour of re-ranking.

use std::collections::BTreeMap;

use super::*;
use crate::base::{ItemId, Seed};
use crate::catalogue::{AttributeValue, Catalogue, Item};

const GREEDY: Exploration = Exploration { epsilon: 0.0, pool: 50 };

fn ranked(scores: &[f32]) -> Vec<Ranked> {
    (0..).zip(scores).map(|(index, score)| Ranked { index, score: *score }).collect()
}

fn random(seed: u64) -> SeededRandom {
    SeededRandom::new(Seed(seed))
}

fn indices(placed: &[Placed]) -> Vec<u32> {
    placed.iter().map(|placed| placed.index).collect()
}

#[test]
fn without_diversity_and_exploration_the_order_is_that_of_the_scores() {
    let placed = rerank(ranked(&[0.1, 0.9, 0.9, 0.3]), None, GREEDY, 3, &mut random(1));
    assert_eq!(indices(&placed), [1, 2, 3]);
    assert!(placed.iter().all(|placed| placed.propensity == 1.0 && !placed.explored));
    assert!(rerank(vec![], None, GREEDY, 3, &mut random(1)).is_empty());
}

#[test]
fn diversity_moves_a_second_one_of_the_same_kind_back() {
    let item = |(id, cuisine): (&str, &str)| Item {
        id: ItemId::new(id).unwrap(),
        title: id.into(),
        attributes: BTreeMap::from([("cuisine".into(), AttributeValue::Text(cuisine.into()))]),
        place: None,
        hours: vec![],
        available: true,
    };
    let items = [("a", "thai"), ("b", "thai"), ("c", "pizza")].map(item);
    let catalogue = Catalogue::from_items(&items).unwrap();
    let words = WordSets::new(&catalogue, "cuisine", &[0, 1, 2]);
    assert_eq!((words.jaccard(0, 1), words.jaccard(0, 2)), (1.0, 0.0));
    let likeness = Some(Likeness { words: &words, weight: 0.5 });
    let placed = rerank(ranked(&[1.0, 0.9, 0.5]), likeness, GREEDY, 3, &mut random(1));
    assert_eq!(indices(&placed), [0, 2, 1]);
}

#[test]
fn logged_propensities_are_the_frequencies_of_the_draws() {
    let exploration = Exploration { epsilon: 0.4, pool: 4 };
    let draws = 40_000;
    let mut random = random(7);
    let mut seen: BTreeMap<Vec<u32>, (f64, f64)> = BTreeMap::new();
    for _ in 0..draws {
        let placed = rerank(ranked(&[4.0, 3.0, 2.0, 1.0]), None, exploration, 2, &mut random);
        let probability = placed.iter().map(|placed| placed.propensity).product();
        let entry = seen.entry(indices(&placed)).or_insert((0.0, probability));
        assert_eq!(entry.1, probability, "a slate has one probability");
        entry.0 += 1.0;
    }
    let total: f64 = seen.values().map(|(_, probability)| probability).sum();
    assert!((total - 1.0).abs() < 1e-9, "all 12 slates were seen and sum to 1: {total}");
    let chi: f64 = seen
        .values()
        .map(|(count, probability)| {
            let expected = probability * f64::from(draws);
            (count - expected).powi(2) / expected
        })
        .sum();
    // 11 degrees of freedom: 31.3 is the 99.9 % point.
    assert!(seen.len() == 12 && chi < 31.3, "{chi}: {seen:?}");
}
