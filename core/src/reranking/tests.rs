//! Behaviour of re-ranking.

mod frequencies;
mod off_policy;
mod properties;
mod rules;
mod world;

use super::*;
use world::{GREEDY, indices, random, ranked, settings};

#[test]
fn without_diversity_and_exploration_the_order_is_that_of_the_scores() {
    let none = Constraints::default();
    let slate = rerank(&ranked(&[0.1, 0.9, 0.9, 0.3]), &settings(3, &none), &mut random(1));
    assert_eq!(indices(&slate), [1, 2, 3]);
    assert!(slate.slots.iter().all(|placed| placed.propensity == 1.0 && !placed.explored));
    assert!(rerank(&[], &settings(3, &none), &mut random(1)).slots.is_empty());
}

#[test]
fn equal_scores_stand_in_the_order_of_their_indices() {
    let none = Constraints::default();
    let mut all = ranked(&[0.5; 6]);
    all.reverse();
    assert_eq!(indices(&rerank(&all, &settings(9, &none), &mut random(1))), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn any_length_gives_at_most_all_candidates_once() {
    let none = Constraints::default();
    let all = ranked(&[f32::MAX, f32::MIN, 0.0]);
    for (length, expected) in [(0, 0), (2, 2), (3, 3), (1_000_000_000, 3), (usize::MAX, 3)] {
        let slate = rerank(&all, &settings(length, &none), &mut random(1));
        assert_eq!(slate.slots.len(), expected);
        assert!(slate.slots.iter().all(|placed| placed.propensity == 1.0));
    }
}

#[test]
fn diversity_moves_a_second_one_of_the_same_kind_back() {
    let vectors = [[1.0, 0.0], [0.9, 0.01], [0.0, 1.0]];
    let likeness = Likeness::Directions(Directions::new(vectors.iter(), 2));
    let none = Constraints::default();
    let diverse = Settings { diversity: Some((0.5, &likeness)), ..settings(3, &none) };
    let slate = rerank(&ranked(&[1.0, 0.9, 0.5]), &diverse, &mut random(1));
    assert_eq!(indices(&slate), [0, 2, 1]);
}

#[test]
fn an_explored_slot_is_one_that_the_greedy_policy_would_have_filled_otherwise() {
    let none = Constraints::default();
    let exploration = Exploration { epsilon: 1.0, ..GREEDY };
    let even = Settings { exploration, ..settings(2, &none) };
    for seed in 0..50 {
        let slate = rerank(&ranked(&[3.0, 2.0, 1.0]), &even, &mut random(seed));
        let first = slate.slots[0];
        assert_eq!((first.explored, first.propensity), (first.index != 0, 1.0 / 3.0));
    }
}
