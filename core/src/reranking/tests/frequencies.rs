//! Logged propensities against the frequencies of the draws, and against enumeration.

use std::collections::BTreeMap;

use super::world::{GREEDY, all_slates, chi_square_point, exact_marginals, random, ranked};
use crate::release::Exploration;
use crate::reranking::{
    Cap, Constraints, Deadline, Directions, Fixed, Lift, Likeness, Limit, Need, Settings,
    marginals, rerank,
};

const SCORES: [f32; 7] = [3.0, 2.9, 2.5, 2.5, 2.0, 1.5, 0.0];
const LENGTH: usize = 4;
const EPSILON: Exploration = Exploration { epsilon: 0.3, temperature: 0.0, pool: 4 };
const LUCE: Exploration = Exploration { epsilon: 0.0, temperature: 0.4, pool: 5 };
const BOTH: Exploration = Exploration { epsilon: 0.1, temperature: 0.25, pool: 6 };

/// A pin, a burial, a cap for a window, a cap and a floor for the exposure of another group.
fn rules() -> Constraints {
    Constraints {
        lifts: vec![Lift { rule: 0, members: vec![0], factor: 0.5, offset: -0.1 }],
        fixed: vec![Fixed { rule: 1, members: vec![5], position: 2, one_item: true }],
        caps: vec![
            Cap { rule: 2, members: vec![1, 2, 3], limit: Limit::Window { slots: 1, window: 2 } },
            Cap { rule: 3, members: vec![0, 2, 4], limit: Limit::Prefix(0.6) },
        ],
        deadlines: vec![Deadline { rule: 3, members: vec![0, 2, 4], need: Need::Prefix(0.4) }],
    }
}

fn likeness() -> Likeness {
    let vectors =
        [[1.0, 0.0], [0.8, 0.2], [0.5, 0.5], [0.4, 0.6], [0.1, 0.9], [0.0, 1.0], [1.0, 1.0]];
    Likeness::Directions(Directions::new(vectors.iter(), 2))
}

fn check(exploration: Exploration, constraints: &Constraints, diverse: bool, seed: u64) {
    // Each draws four slots.
    const DRAWS: u32 = 250_000;
    let (all, likeness) = (ranked(&SCORES), likeness());
    let diversity = diverse.then_some((0.3, &likeness));
    let settings = Settings { length: LENGTH, diversity, exploration, constraints };
    let exact = exact_marginals(&all, &settings);
    let mut random = random(seed);
    let mut counts = [[0u32; SCORES.len()]; LENGTH];
    // 1 / propensity over the draws of an item is its number of chances to come.
    let mut slate_weights = 0.0;
    for _ in 0..DRAWS {
        let slate = rerank(&all, &settings, &mut random);
        assert_eq!(slate.slots.len(), LENGTH);
        let mut propensity = 1.0;
        for (position, placed) in slate.slots.iter().enumerate() {
            counts[position][placed.candidate] += 1;
            propensity *= placed.propensity;
        }
        slate_weights += 1.0 / propensity;
    }
    for (position, exact) in exact.iter().enumerate() {
        let mut chi = 0.0;
        for (candidate, count) in counts[position].iter().enumerate() {
            let Some(probability) = exact.get(&candidate) else {
                assert_eq!(*count, 0, "{candidate} at {position} cannot come");
                continue;
            };
            let expected = probability * f64::from(DRAWS);
            chi += (f64::from(*count) - expected).powi(2) / expected;
        }
        let degrees = exact.len() - 1;
        let fits = if degrees == 0 { chi < 1e-12 } else { chi < chi_square_point(degrees) };
        assert!(fits, "position {position}: chi-square {chi} with {degrees} degrees");
    }
    // The mean of 1 / probability is the number of slates that can come.
    let slates = all_slates(&all, &settings);
    let (mean, number) = (slate_weights / f64::from(DRAWS), slates.len() as f64);
    let square: f64 = slates.values().map(|probability| 1.0 / probability).sum();
    let error = ((square - number * number) / f64::from(DRAWS)).max(0.0).sqrt();
    assert!((mean - number).abs() <= 4.0 * error + 1e-9, "{mean} and {number} slates, {error}");
}

#[test]
fn a_million_draws_of_epsilon_have_the_logged_frequencies() {
    check(EPSILON, &Constraints::default(), false, 1);
}

#[test]
fn a_million_draws_of_plackett_and_luce_have_the_logged_frequencies() {
    check(LUCE, &Constraints::default(), false, 2);
}

#[test]
fn a_million_draws_of_epsilon_under_rules_have_the_logged_frequencies() {
    check(EPSILON, &rules(), true, 3);
}

#[test]
fn a_million_draws_of_plackett_and_luce_under_rules_have_the_logged_frequencies() {
    check(LUCE, &rules(), true, 4);
}

#[test]
fn a_million_draws_of_both_under_rules_have_the_logged_frequencies() {
    check(BOTH, &rules(), true, 5);
}

#[test]
fn without_rules_plackett_and_luce_give_every_slate_the_product_of_their_shares() {
    let all = ranked(&[1.0, 0.75, 0.5, 0.0]);
    let none = Constraints::default();
    let exploration = Exploration { pool: 9, ..LUCE };
    let settings = Settings { length: 3, diversity: None, exploration, constraints: &none };
    let weights = [1.0f64, 0.75, 0.5, 0.0].map(|worth| (worth / 0.4).exp());
    let slates = all_slates(&all, &settings);
    assert_eq!(slates.len(), 24);
    for (slate, probability) in slates {
        let mut left: f64 = weights.iter().sum();
        let mut expected = 1.0;
        for candidate in slate {
            expected *= weights[candidate] / left;
            left -= weights[candidate];
        }
        assert!((probability - expected).abs() < 1e-12);
    }
}

#[test]
fn estimated_marginals_are_those_of_enumeration() {
    let (all, constraints) = (ranked(&SCORES), rules());
    let exploration = BOTH;
    let settings =
        Settings { length: LENGTH, diversity: None, exploration, constraints: &constraints };
    let exact = exact_marginals(&all, &settings);
    let estimated = marginals(&all, &settings, 20_000, &mut random(6));
    let first: BTreeMap<usize, f64> = exact[0].clone();
    for (candidate, probability) in &first {
        assert!((estimated[0][candidate] - probability).abs() < 1e-9, "the first is exact");
    }
    for (exact, estimated) in exact.iter().zip(&estimated) {
        assert!((estimated.values().sum::<f64>() - 1.0).abs() < 1e-9);
        for (candidate, probability) in exact {
            // Four times the greatest standard error of a mean of 20,000.
            let found = estimated.get(candidate).copied().unwrap_or_default();
            assert!((found - probability).abs() < 0.0142, "{candidate}: {found} {probability}");
        }
    }
}

#[test]
fn a_temperature_and_epsilon_of_zero_draw_nothing() {
    let none = Constraints::default();
    let all = ranked(&SCORES);
    let settings =
        Settings { length: LENGTH, diversity: None, exploration: GREEDY, constraints: &none };
    assert_eq!(all_slates(&all, &settings).into_values().collect::<Vec<_>>(), [1.0]);
}
