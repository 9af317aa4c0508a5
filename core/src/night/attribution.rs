//! What each item of the history adds to the user's vector.
//!
//! A fold-in says it exactly, and the vector of a stranger is zero. Of other encoders it is a
//! Shapley value, with the user's vector in the place of a worth: a few items stand alone, the rest
//! of the history, what was passed over included, is one more player, and an absent item is one
//! that the encoder does not read. Values of vectors give values of any linear function of them.

use std::sync::{Arc, OnceLock};

use super::SlateMaker;
use super::user::{History, Seen, User};
use crate::base::{Result, Seed, SeededRandom, order};
use crate::model::UserEncoder;
use crate::reasons::shapley::Orders;
use crate::release::Context;
use crate::scoring::ItemMatrix;

/// History items that stand alone: of a sequence the newest, of another history the heaviest.
const SINGLES_MAX: usize = 5;

/// Pairs of orders: as few as tell an error, since each costs a row of the ranker for each member
/// of each slot. The standard error of their mean has 2 degrees of freedom, so that about 95 % of
/// the truths lie within 4.3 of it.
pub(super) const PAIRS: usize = 3;

/// What the user's vector is made of.
#[derive(Debug)]
pub(super) struct Attribution {
    /// The vector of a stranger in the same context.
    pub(super) stranger: Vec<f32>,
    /// Shares of the difference to it; none for a fold-in, and without a history.
    pub(super) sampled: Option<Sampled>,
}

/// Shares of the history, by sampling.
#[derive(Debug)]
pub(super) struct Sampled {
    /// The items that stand alone, by their places among the chosen ones.
    pub(super) singles: Vec<usize>,
    /// By pair of orders, the vectors of the players one behind the other, the rest of the history
    /// last: they sum to the user's vector less the stranger's.
    pub(super) by_pair: Vec<Vec<f32>>,
}

/// Keeps from slate to slate what does not depend on the context.
#[derive(Debug, Default)]
pub struct SequenceParts(OnceLock<Arc<Attribution>>);

impl SlateMaker<'_> {
    /// What `user`, who is in the context of this index, is made of.
    pub(super) fn attribution(
        &self,
        (context, index): (&Context, usize),
        matrix: &ItemMatrix<'_>,
        user: &User<'_>,
    ) -> Result<Arc<Attribution>> {
        let (model, _) = self.loaded.model()?;
        let is_sequence = matches!(model.encoder, UserEncoder::Sasrec(_));
        if is_sequence && let Some(known) = self.sequence.0.get() {
            return Ok(Arc::clone(known));
        }
        let stranger = model.encoder.encode(&[], index)?.vector;
        let exact = matches!(model.encoder, UserEncoder::FoldIn(_));
        let history = if exact { None } else { Some(self.history(context, matrix)?) };
        let history = history.filter(|history| !history.seen.is_empty());
        let sampled = if let Some(history) = history {
            let whose = if is_sequence { "" } else { context.id.as_str() };
            let seed = Seed(self.profile.seed).derive(&["history", whose]);
            let ends = (&stranger[..], &user.vector.vector[..]);
            let encode = |some: &dyn Fn(&Seen<'_>) -> bool| {
                Ok(model.encoder.encode(&history.observations(some), index)?.vector)
            };
            Some(sample(&history, is_sequence, ends, &mut SeededRandom::new(seed), encode)?)
        } else {
            None
        };
        let found = Arc::new(Attribution { stranger, sampled });
        if is_sequence {
            // Another thread may have been faster: it found the same.
            let _ = self.sequence.0.set(Arc::clone(&found));
        }
        Ok(found)
    }
}

/// The places of the items that stand alone.
fn singles(history: &History<'_>, is_sequence: bool) -> Vec<usize> {
    let chosen = &history.seen[..history.items.len()];
    let mut places: Vec<usize> = (0..chosen.len()).collect();
    if is_sequence {
        places.reverse();
    } else {
        order::sort_by(&mut places, |a, b| {
            let (a, b) = (&chosen[*a], &chosen[*b]);
            b.weight.total_cmp(&a.weight).then_with(|| b.chosen_ms.cmp(&a.chosen_ms))
        });
    }
    places.truncate(SINGLES_MAX);
    places
}

fn sample(
    history: &History<'_>,
    is_sequence: bool,
    (stranger, user): (&[f32], &[f32]),
    random: &mut SeededRandom,
    encode: impl Fn(&dyn Fn(&Seen<'_>) -> bool) -> Result<Vec<f32>>,
) -> Result<Sampled> {
    let singles = singles(history, is_sequence);
    // The player that an observation belongs to.
    let player = |seen: &Seen<'_>| {
        let single = seen.chosen.and_then(|at| singles.iter().position(|single| *single == at));
        single.unwrap_or(singles.len())
    };
    let others = history.seen.iter().any(|seen| player(seen) == singles.len());
    let orders = Orders::draw(singles.len() + usize::from(others), PAIRS, random);
    let mut between = Vec::new();
    for (_, some) in orders.beginnings() {
        between.extend(encode(&|seen: &Seen<'_>| some.contains(&player(seen)))?);
    }
    let by_pair = orders.added(user.len(), |_| (stranger, user), &between);
    let narrowed = by_pair.into_iter().map(|row| row.into_iter().map(|x| x as f32).collect());
    let by_pair = narrowed.collect();
    Ok(Sampled { singles, by_pair })
}
