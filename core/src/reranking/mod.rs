//! Re-ranking: diversity and exploration, which writes the propensities.
//!
//! Pure and seeded. Slots are filled from the first to the last; for each, the *greedy* item is the
//! best by maximal marginal relevance among the pool of the best ranked items not yet placed. With
//! probability epsilon the slot is drawn uniformly from that pool instead. Given the slots before
//! it, the greedy item of a pool of m has the propensity 1 - epsilon + epsilon / m, every other one
//! epsilon / m.

mod similarity;

pub use similarity::WordSets;

use crate::base::SeededRandom;
use crate::release::Exploration;

/// A ranked candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The item's index.
    pub index: u32,
    /// The score of ranking, finite.
    pub score: f32,
}

/// A slot that re-ranking has filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// The item's index.
    pub index: u32,
    /// The score of ranking.
    pub score: f32,
    /// Probability of this item at this position, given the positions before it.
    pub propensity: f64,
    /// Whether it was drawn and is not the greedy item.
    pub explored: bool,
}

/// Diversity: how much likeness to the slots before costs.
#[derive(Debug, Clone, Copy)]
pub struct Likeness<'a> {
    /// The words of the items.
    pub words: &'a WordSets,
    /// Weight of diversity against relevance, 0 to 1.
    pub weight: f32,
}

/// Fills at most `length` slots from `ranked`.
///
/// Scores are compared after scaling those of `ranked` to 0..1, so that the weight of diversity
/// means the same for every model. Ties go to the lower index.
#[must_use]
pub fn rerank(
    mut ranked: Vec<Ranked>,
    likeness: Option<Likeness<'_>>,
    exploration: Exploration,
    length: usize,
    random: &mut SeededRandom,
) -> Vec<Placed> {
    ranked.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.index.cmp(&b.index)));
    let scale = Scale::of(&ranked);
    let mut nearest_likeness = vec![0f32; ranked.len()];
    let mut placed = Vec::with_capacity(length.min(ranked.len()));
    while placed.len() < length && !ranked.is_empty() {
        let pool = exploration.pool.clamp(1, ranked.len());
        let weight = likeness.map_or(0.0, |likeness| likeness.weight);
        let worth = |at: usize| {
            (1.0 - weight) * scale.scaled(ranked[at].score) - weight * nearest_likeness[at]
        };
        let greedy = best(pool, worth);
        let even = exploration.epsilon / pool as f64;
        let drawn = if random.chance(exploration.epsilon) { random.below(pool) } else { greedy };
        let propensity = if drawn == greedy { 1.0 - exploration.epsilon + even } else { even };
        let Ranked { index, score } = ranked.remove(drawn);
        nearest_likeness.remove(drawn);
        placed.push(Placed { index, score, propensity, explored: drawn != greedy });
        if let Some(Likeness { words, .. }) = likeness {
            for (other, most) in ranked.iter().zip(&mut nearest_likeness) {
                *most = most.max(words.jaccard(index, other.index));
            }
        }
    }
    placed
}

/// The first of the `count` places with the largest worth.
fn best(count: usize, worth: impl Fn(usize) -> f32) -> usize {
    let mut best = (0, worth(0));
    for at in 1..count {
        let value = worth(at);
        if value > best.1 {
            best = (at, value);
        }
    }
    best.0
}

struct Scale {
    lowest: f32,
    width: f32,
}

impl Scale {
    /// Of scores in descending order.
    fn of(ranked: &[Ranked]) -> Self {
        let highest = ranked.first().map_or(0.0, |ranked| ranked.score);
        let lowest = ranked.last().map_or(0.0, |ranked| ranked.score);
        Self { lowest, width: highest - lowest }
    }

    fn scaled(&self, score: f32) -> f32 {
        if self.width > 0.0 { (score - self.lowest) / self.width } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
