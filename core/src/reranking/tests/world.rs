//! What the tests of re-ranking share.

use std::collections::BTreeMap;

use crate::base::{Seed, SeededRandom};
use crate::release::Exploration;
use crate::reranking::filling::{Filling, Next};
use crate::reranking::{Constraints, Ranked, Reranked, Settings};

pub(super) const GREEDY: Exploration = Exploration::OFF;

pub(super) fn ranked(scores: &[f32]) -> Vec<Ranked> {
    (0..).zip(scores).map(|(index, score)| Ranked { index, score: *score }).collect()
}

pub(super) fn random(seed: u64) -> SeededRandom {
    SeededRandom::new(Seed(seed))
}

pub(super) fn settings(length: usize, constraints: &Constraints) -> Settings<'_> {
    Settings { length, diversity: None, exploration: GREEDY, constraints }
}

pub(super) fn indices(slate: &Reranked) -> Vec<u32> {
    slate.slots.iter().map(|placed| placed.index).collect()
}

/// Every slate that can come, by its candidates, with its probability.
pub(super) fn all_slates(ranked: &[Ranked], settings: &Settings<'_>) -> BTreeMap<Vec<usize>, f64> {
    let mut slates = BTreeMap::new();
    grow(Filling::new(ranked, settings), Vec::new(), 1.0, &mut slates);
    slates
}

fn grow(
    mut filling: Filling<'_>,
    begin: Vec<usize>,
    probability: f64,
    slates: &mut BTreeMap<Vec<usize>, f64>,
) {
    let choices: Vec<(usize, f64)> = match filling.next() {
        Next::End => {
            assert!(slates.insert(begin, probability).is_none(), "two ways to one slate");
            return;
        }
        Next::Forced(rank, _) => vec![(rank, 1.0)],
        Next::Among(choices) => {
            let shares = choices.pool.iter().enumerate();
            shares.map(|(at, rank)| (*rank, choices.probability(at))).collect()
        }
    };
    for (rank, share) in choices.into_iter().filter(|(_, share)| *share > 0.0) {
        let mut next = filling.clone();
        next.place(rank);
        let slate = begin.iter().copied().chain([filling.candidate(rank)]).collect();
        grow(next, slate, probability * share, slates);
    }
}

/// The exact marginal probability of each candidate at each position.
pub(super) fn exact_marginals(
    ranked: &[Ranked],
    settings: &Settings<'_>,
) -> Vec<BTreeMap<usize, f64>> {
    let mut marginals = vec![BTreeMap::new(); settings.length.min(ranked.len())];
    for (slate, probability) in all_slates(ranked, settings) {
        for (candidate, marginals) in slate.into_iter().zip(&mut marginals) {
            *marginals.entry(candidate).or_insert(0.0) += probability;
        }
    }
    marginals
}

/// The point below which a chi-square value lies with probability 1 - 1e-4, by the approximation of
/// Wilson and Hilferty (1931).
pub(super) fn chi_square_point(degrees: usize) -> f64 {
    let (k, z) = (degrees as f64, 3.719);
    let root = 1.0 - 2.0 / (9.0 * k) + z * (2.0 / (9.0 * k)).sqrt();
    k * root.powi(3)
}
