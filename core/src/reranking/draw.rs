//! Drawing a slot, with the probability of every item that could have been drawn.

use std::collections::BTreeMap;

use super::filling::{Filling, Next};
use super::{Ranked, RuleSet, Settings};
use crate::base::SeededRandom;
use crate::release::Exploration;

/// The items that may come at a position, with their probabilities.
#[derive(Debug, Clone)]
pub(super) struct Choices {
    /// Ranks of the pool, ascending; never empty.
    pub(super) pool: Vec<usize>,
    /// Share of each in what is not drawn uniformly; empty when that is the greedy item.
    shares: Vec<f64>,
    pub(super) greedy: usize,
    epsilon: f64,
    /// Deadlines that narrowed the pool.
    pub(super) pressing: Vec<u32>,
    /// The rules whose caps kept a better ranked item out.
    pub(super) kept_out: RuleSet,
}

impl Choices {
    /// Of the `pool` with its worths, which are finite.
    pub(super) fn new(pool: Vec<usize>, worths: &[f32], exploration: Exploration) -> Self {
        let mut best = 0;
        for (at, worth) in worths.iter().enumerate() {
            if *worth > worths[best] {
                best = at;
            }
        }
        let mut shares = Vec::new();
        if exploration.temperature > 0.0 {
            let most = f64::from(worths[best]);
            let share =
                |worth: &f32| libm::exp((f64::from(*worth) - most) / exploration.temperature);
            shares.extend(worths.iter().map(share));
            let total: f64 = shares.iter().sum();
            shares.iter_mut().for_each(|share| *share /= total);
        }
        Self {
            greedy: pool[best],
            pool,
            shares,
            epsilon: exploration.epsilon,
            pressing: Vec::new(),
            kept_out: RuleSet::default(),
        }
    }

    /// Probability of the item at place `at` of the pool.
    pub(super) fn probability(&self, at: usize) -> f64 {
        let even = self.epsilon / self.pool.len() as f64;
        let own = match self.shares.get(at) {
            Some(share) => *share,
            None => f64::from(u8::from(self.pool[at] == self.greedy)),
        };
        (1.0 - self.epsilon) * own + even
    }

    /// Draws a rank, and gives its probability.
    pub(super) fn draw(&self, random: &mut SeededRandom) -> (usize, f64) {
        let at = if random.chance(self.epsilon) {
            random.below(self.pool.len())
        } else if let Some(at) = random.weighted(&self.shares) {
            at
        } else {
            self.pool.binary_search(&self.greedy).unwrap_or_default()
        };
        (self.pool[at], self.probability(at))
    }
}

/// Estimates the marginal probability of each candidate at each position: the mean over `draws`
/// slates of the conditional probabilities, given the slots before, of *all* items that could have
/// come. By position, the candidates with a probability above 0.
///
/// The mean is unbiased, and for the first position it is exact. Its standard error is at most
/// 1 / (2 sqrt(`draws`)), and much less where the slots before change little.
#[must_use]
pub fn marginals(
    ranked: &[Ranked],
    settings: &Settings<'_>,
    draws: u32,
    random: &mut SeededRandom,
) -> Vec<BTreeMap<usize, f64>> {
    let begin = Filling::new(ranked, settings);
    let mut sums = vec![BTreeMap::new(); begin.length()];
    for _ in 0..draws {
        let mut filling = begin.clone();
        for sums in &mut sums {
            let drawn = match filling.next() {
                Next::End => break,
                Next::Forced(rank, _) => {
                    *sums.entry(filling.candidate(rank)).or_insert(0.0) += 1.0;
                    rank
                }
                Next::Among(choices) => {
                    for (at, rank) in choices.pool.iter().enumerate() {
                        let sum = sums.entry(filling.candidate(*rank)).or_insert(0.0);
                        *sum += choices.probability(at);
                    }
                    choices.draw(random).0
                }
            };
            filling.place(drawn);
        }
    }
    let mean = |sum: &mut f64| *sum /= f64::from(draws.max(1));
    sums.iter_mut().for_each(|sums| sums.values_mut().for_each(mean));
    sums
}
