//! What a policy would have earned, estimated from the slates of another by their propensities.

use super::world::{all_slates, random, ranked};
use crate::base::SeededRandom;
use crate::release::Exploration;
use crate::reranking::{Cap, Constraints, Limit, Ranked, Settings, rerank};

const SCORES: [f32; 6] = [1.0, 0.8, 0.7, 0.4, 0.3, 0.0];
/// What the user likes is not what the model believes.
const CLICKS: [f64; 6] = [0.10, 0.30, 0.05, 0.40, 0.20, 0.15];
/// The attention of each position.
const ATTENTION: [f64; 3] = [1.0, 0.6, 0.4];
const RUNS: u64 = 100;
const SLATES: usize = 2_000;

fn policy(exploration: Exploration, constraints: &Constraints) -> Settings<'_> {
    Settings { length: 3, diversity: None, exploration, constraints }
}

/// Expected clicks on the first slot, and on a whole slate, of a policy.
fn truth(all: &[Ranked], settings: &Settings<'_>) -> [f64; 2] {
    let mut values = [0.0; 2];
    for (slate, probability) in all_slates(all, settings) {
        values[0] += probability * CLICKS[slate[0]];
        let clicks = slate.iter().zip(ATTENTION).map(|(at, seen)| CLICKS[*at] * seen);
        values[1] += probability * clicks.sum::<f64>();
    }
    values
}

/// The mean of `values`, and half of its 95 % interval.
fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, 1.96 * (variance / n).sqrt())
}

/// In how many of the runs the interval holds the truth, for the first slot and the whole slate.
fn covered(logging: &Settings<'_>, target: &Settings<'_>, seed: u64) -> [u32; 2] {
    let all = ranked(&SCORES);
    let truth = truth(&all, target);
    let wanted = all_slates(&all, target);
    let first = |item: usize| -> f64 {
        let of = wanted.iter().filter(|(slate, _)| slate[0] == item);
        of.map(|(_, probability)| probability).sum()
    };
    let first: Vec<f64> = (0..SCORES.len()).map(first).collect();
    let mut covered = [0; 2];
    for run in 0..RUNS {
        let mut random = random(seed + run);
        let (mut firsts, mut slates) = (Vec::new(), Vec::new());
        for _ in 0..SLATES {
            let slate = rerank(&all, logging, &mut random).slots;
            let clicks: Vec<f64> = slate
                .iter()
                .zip(ATTENTION)
                .map(|(p, a)| click(p.candidate, a, &mut random))
                .collect();
            firsts.push(first[slate[0].candidate] / slate[0].propensity * clicks[0]);
            let logged: f64 = slate.iter().map(|placed| placed.propensity).product();
            let candidates: Vec<usize> = slate.iter().map(|placed| placed.candidate).collect();
            let weight = wanted.get(&candidates).copied().unwrap_or_default() / logged;
            slates.push(weight * clicks.iter().sum::<f64>());
        }
        for (at, values) in [firsts, slates].iter().enumerate() {
            let (mean, half) = interval(values);
            covered[at] += u32::from((mean - truth[at]).abs() <= half);
        }
    }
    covered
}

fn click(candidate: usize, attention: f64, random: &mut SeededRandom) -> f64 {
    f64::from(u8::from(random.chance(CLICKS[candidate] * attention)))
}

/// Of 100 runs whose interval holds the truth with probability 0.95, 88 to 100 do with probability
/// 0.996.
#[track_caller]
fn holds(covered: [u32; 2]) {
    assert!(covered.iter().all(|runs| (88..=100).contains(runs)), "{covered:?}");
}

#[test]
fn inverse_propensities_of_plackett_and_luce_recover_the_value_of_another_policy() {
    let none = Constraints::default();
    let logging = Exploration { epsilon: 0.2, temperature: 0.5, pool: 6 };
    let target = Exploration { epsilon: 0.0, temperature: 1.0, pool: 6 };
    holds(covered(&policy(logging, &none), &policy(target, &none), 1_000));
}

#[test]
fn inverse_propensities_under_a_cap_recover_the_value_of_another_policy() {
    let limit = Limit::Window { slots: 1, window: 9 };
    let capped = Constraints {
        caps: vec![Cap { rule: 0, members: vec![0, 1, 2], limit }],
        ..Constraints::default()
    };
    let logging = Exploration { epsilon: 0.5, temperature: 0.0, pool: 4 };
    let target = Exploration { epsilon: 0.1, temperature: 0.0, pool: 3 };
    holds(covered(&policy(logging, &capped), &policy(target, &capped), 2_000));
}
