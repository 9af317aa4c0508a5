//! What a network is validated on: NDCG of the next choice, the whole catalogue ranked.

use candle_core::Tensor;
use noctule_core::base::{Seed, SeededRandom};
use rayon::prelude::*;

use crate::Result;
use crate::datasets::Interactions;
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
}

/// A user, and the context in which something is chosen.
pub type Known = (u32, Option<u16>);

impl HeldOut {
    /// The first of the events `validation` of each user who `is_known`, of `users_max` users at
    /// most, drawn by `seed`.
    #[must_use]
    pub fn new(
        data: &Interactions,
        validation: &[u32],
        is_known: impl Fn(u32) -> bool,
        users_max: usize,
        seed: Seed,
    ) -> Self {
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
        Self { users }
    }

    /// NDCG@10; none when nobody is held out. `scores` gives some users' scores of all `items`,
    /// \[users, items\]; what `chosen` names (in ascending order) is not ranked.
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
            let rank = |(scores, ((user, _), target)): (&[f32], &(Known, u32))| {
                rank(scores, chosen(*user), *target)
            };
            let ranks: Vec<usize> = rows.map(rank).collect();
            for rank in ranks {
                if rank <= VALIDATION_K {
                    sum += 1.0 / ((1 + rank) as f64).log2();
                }
            }
        }
        Ok(Some(sum / self.users.len() as f64))
    }
}

/// The rank of `target`, from 1; ties by index.
fn rank(scores: &[f32], chosen: &[u32], target: u32) -> usize {
    if chosen.binary_search(&target).is_ok() {
        return usize::MAX;
    }
    let score = scores[target as usize];
    let above = |item: u32| {
        let other = scores[item as usize];
        other > score || (other == score && item < target)
    };
    let all = (0..scores.len() as u32).filter(|item| above(*item)).count();
    1 + all - chosen.iter().filter(|item| above(**item)).count()
}
