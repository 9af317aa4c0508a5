//! What a network is validated on: NDCG of the next choice, ranked among what the run's protocol
//! says.

use candle_core::Tensor;
use noctule_core::base::{Seed, SeededRandom};
use rayon::prelude::*;

use crate::Result;
use crate::evaluation::Protocol;
use crate::training::network::Job;
use crate::training::neural::ops::numbers;

/// Length of the lists that validation looks at.
const VALIDATION_K: usize = 10;
/// Users whose scores are held at once in validation, at most, and their scores.
const USERS_AT_ONCE: usize = 256;
const SCORES_MAX: usize = 1 << 22;

/// Users, and what each of them chose next.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOut {
    /// User and context, and the item.
    users: Vec<(Known, u32)>,
    protocol: Protocol,
}

/// A user, and the context in which something is chosen.
pub type Known = (u32, Option<u16>);

impl HeldOut {
    /// The first of the validation events of each user of `job` who `is_known`, of `users_max`
    /// users at most, drawn by `seed`.
    #[must_use]
    pub fn new(
        job: &Job<'_>,
        is_known: impl Fn(u32) -> bool,
        users_max: usize,
        seed: Seed,
    ) -> Self {
        let Job { data, validation, protocol, .. } = *job;
        let mut next = vec![None; data.users.len()];
        for index in validation {
            let event = data.events[*index as usize];
            next[event.user as usize].get_or_insert((event.item, event.context));
        }
        let known = |(user, next): (u32, Option<(u32, Option<u16>)>)| {
            next.filter(|_| is_known(user)).map(|(item, context)| ((user, context), item))
        };
        let mut users: Vec<(Known, u32)> = (0..).zip(next).filter_map(known).collect();
        if users.len() > users_max {
            SeededRandom::new(seed).shuffle(&mut users);
            users.truncate(users_max);
        }
        Self { users, protocol }
    }

    /// NDCG@10; none when nobody is held out. Of sampled negatives it is the mean over all samples,
    /// which the rank in the whole catalogue tells: no draw adds its noise. `scores` gives some
    /// users' scores of all `items`, \[users, items\]; what `chosen` names (in ascending order) is
    /// not ranked.
    ///
    /// # Errors
    /// Those of `scores`.
    pub fn ndcg<'c>(
        &self,
        items: usize,
        chosen: impl Fn(u32) -> &'c [u32] + Sync,
        mut scores: impl FnMut(&[Known]) -> Result<Tensor>,
    ) -> Result<Option<f64>> {
        if self.users.is_empty() {
            return Ok(None);
        }
        let step = (SCORES_MAX / items.max(1)).clamp(1, USERS_AT_ONCE);
        let mut sum = 0.0;
        for users in self.users.chunks(step) {
            let known: Vec<Known> = users.iter().map(|(known, _)| *known).collect();
            let scores = scores(&known)?;
            let scores = numbers(&scores)?;
            let rows = scores.par_chunks_exact(items).zip(users);
            let gain = |(scores, ((user, _), target)): (&[f32], &(Known, u32))| {
                let chosen = chosen(*user);
                above(scores, chosen, *target).map_or(0.0, |above| match self.protocol {
                    Protocol::Full => discount(above),
                    Protocol::SampledNegatives(drawn) => {
                        mean_discount(above, items - 1 - chosen.len(), drawn)
                    }
                })
            };
            let gains: Vec<f64> = rows.map(gain).collect();
            sum += gains.iter().sum::<f64>();
        }
        Ok(Some(sum / self.users.len() as f64))
    }
}

/// Items that are ranked above `target`, ties by index; none where it is not ranked.
fn above(scores: &[f32], chosen: &[u32], target: u32) -> Option<usize> {
    if chosen.binary_search(&target).is_ok() {
        return None;
    }
    let score = scores[target as usize];
    let above = |item: u32| {
        let other = scores[item as usize];
        other > score || (other == score && item < target)
    };
    let all = (0..scores.len() as u32).filter(|item| above(*item)).count();
    Some(all - chosen.iter().filter(|item| above(**item)).count())
}

/// NDCG@10 of the one item wanted, with so many above it.
fn discount(above: usize) -> f64 {
    if above < VALIDATION_K { 1.0 / ((2 + above) as f64).log2() } else { 0.0 }
}

/// The mean of [`discount`] when `drawn` of `others` are drawn without repetition, `above` of which
/// are above: how many of these are drawn is hypergeometric.
fn mean_discount(above: usize, others: usize, drawn: usize) -> f64 {
    let drawn = drawn.min(others);
    let below = others - above;
    let least = drawn.saturating_sub(below);
    // C(above, least) C(below, drawn - least) / C(others, drawn)
    let share =
        log_choices(above, least) + log_choices(below, drawn - least) - log_choices(others, drawn);
    let mut share = share.exp();
    let mut mean = 0.0;
    for hits in least..VALIDATION_K.min(above.min(drawn) + 1) {
        mean += share * discount(hits);
        let more = ((above - hits) * (drawn - hits)) as f64;
        share *= more / ((hits + 1) * (below + hits + 1 - drawn)) as f64;
    }
    mean
}

/// The logarithm of the number of ways to choose `some` of `all`.
fn log_choices(all: usize, some: usize) -> f64 {
    (0..some).map(|i| ((all - i) as f64 / (some - i) as f64).ln()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mean over every subset of `drawn` of `others` items, the first `above` of them above.
    fn by_counting(above: usize, others: usize, drawn: usize) -> f64 {
        let subsets = (0u32..1 << others).filter(|set| set.count_ones() as usize == drawn);
        let gains: Vec<f64> =
            subsets.map(|set| discount((set & ((1 << above) - 1)).count_ones() as usize)).collect();
        gains.iter().sum::<f64>() / gains.len() as f64
    }

    proptest! {
        #[test]
        fn the_mean_over_samples_is_that_of_all_subsets(
            others in 0usize..15,
            above in 0usize..15,
            drawn in 0usize..15,
        ) {
            let (above, drawn) = (above.min(others), drawn.min(others));
            let mean = mean_discount(above, others, drawn);
            let counted = by_counting(above, others, drawn);
            prop_assert!((mean - counted).abs() < 1e-12, "{mean} {counted}");
        }
    }

    #[test]
    fn a_sample_of_everything_is_the_whole_ranking() {
        for above in 0..30 {
            assert!((mean_discount(above, 40, 1_000) - discount(above)).abs() < 1e-12, "{above}");
        }
    }
}
