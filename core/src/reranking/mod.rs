//! Re-ranking: rules, exposure, diversity and exploration, which writes the propensities.
//!
//! Pure and seeded. Slots are filled from the first to the last, in a fixed order of precedence:
//!
//! 1. *Eligibility*: who is not eligible is no candidate, whatever a rule says.
//! 2. *Scale*: scores are scaled to 0..1 over the candidates (all 0 when all are equal), then
//!    boosts and burials change them: all factors first, then all offsets. What results is the
//!    *relevance*; candidates stand in the order of falling relevance, ties by the lower index.
//! 3. *Pins to a position* are settled before the first slot is filled, those of one item first,
//!    then those of groups, each by position: the most relevant candidate that no cap keeps out.
//!    Such a slot is *forced*: its propensity is 1.
//! 4. *Caps*, of rules and of exposure, are never broken: an item that would break one at this
//!    position, pins further down included, is not *admissible* there.
//! 5. *Pins to the top* and *floors* are deadlines. As long as there is room, relevance decides;
//!    when the free positions before some deadline are no more than what is still owed by then,
//!    only items of the groups that are owed are admissible.
//! 6. *Diversity and exploration*: among the first `pool` admissible items, the *greedy* one is the
//!    best by maximal marginal relevance. With probability epsilon the slot is drawn uniformly from
//!    the pool; else it is the greedy item or, with a temperature t, an item drawn with a
//!    probability in proportion to exp(worth / t) (Plackett and Luce; with neither diversity nor
//!    rules the slate is a sample without replacement by that model, as a sort by worth / t plus
//!    Gumbel noise would give). The worth is drawn afresh at every position, so that the
//!    probabilities stay exact where diversity or a rule changes the set or the worths.
//!
//! Marginal relevance is that of Carbonell and Goldstein (SIGIR 1998). A determinantal point
//! process in its place (Chen, Zhang and Zhou, NeurIPS 2018) was measured and left out: for as
//! much distance within the list its NDCG@10 is the same on one public data set and lower on
//! another, and a long slate takes it no less time (`cargo dev bench diversity`).
//!
//! # Propensities
//! The propensity of a slot is the probability of its item at its position *given the slots before
//! it*: with a pool of m items, epsilon / m, and (1 - epsilon) times 1 for the greedy item, or its
//! share of the softmax. The admissible items and their worths follow from the slots before, so
//! this is exact whatever the rules. The product over a slate is the probability of the slate. The
//! *marginal* probability of an item at a position is the mean of these conditional ones over the
//! slates that the policy makes; [`marginals`] estimates it by drawing slates and taking the
//! mean of all conditional probabilities on the way, not of the draws alone.
//!
//! # When it does not work out
//! A slate is never longer than there are candidates. Where nothing is admissible, the next pinned
//! item moves up, and without one the slate ends. A pin or a floor that cannot be met is counted
//! in [`Reranked::unmet`].

mod caps;
mod constraints;
mod deadlines;
mod draw;
mod filling;
mod measures;
mod resolve;
mod similarity;
#[cfg(test)]
mod tests;
mod watched;

pub use constraints::{Cap, Constraints, Deadline, Fixed, Lift, Limit, Need, RuleSet};
pub use draw::marginals;
pub use measures::{ndkl, skew};
pub use resolve::{constraints_of, rule_name};
pub use similarity::{Directions, Likeness, WordSets};
pub use watched::{Considered, Standing, Step, Watched};

use crate::base::SeededRandom;
use crate::release::Exploration;
use filling::{Filling, Next};

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
    /// The item's place among the candidates.
    pub candidate: usize,
    /// The item's index.
    pub index: u32,
    /// The score of ranking.
    pub score: f32,
    /// Probability of this item at this position, given the positions before it.
    pub propensity: f64,
    /// Whether it was drawn and is not the greedy item.
    pub explored: bool,
    /// The rules and exposures that touched the slot.
    pub rules: RuleSet,
}

/// How a slate is filled.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// Slots, at most.
    pub length: usize,
    /// Diversity, if any: its weight against relevance, 0 to 1, and who is like whom, by the places
    /// of the candidates.
    pub diversity: Option<(f32, &'a Likeness)>,
    /// Exploration.
    pub exploration: Exploration,
    /// What the plan asks for, by the places of the candidates.
    pub constraints: &'a Constraints,
}

/// A filled slate.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reranked {
    /// The slots, from the first.
    pub slots: Vec<Placed>,
    /// Rules and exposures that could not be met, and in how many slots: 1 for a pin, for a floor
    /// the number of prefixes of the slate that have too few of the group.
    pub unmet: Vec<(u8, usize)>,
}

/// Fills at most `settings.length` slots from `ranked`; see the page of this module.
///
/// ```
/// use noctule_core::base::{Seed, SeededRandom};
/// use noctule_core::release::Exploration;
/// use noctule_core::reranking::{Constraints, Ranked, Settings, rerank};
/// let ranked = [(7, 0.5), (3, 2.0)].map(|(index, score)| Ranked { index, score });
/// let settings = Settings {
///     length: 10,
///     diversity: None,
///     exploration: Exploration::OFF,
///     constraints: &Constraints::default(),
/// };
/// let slate = rerank(&ranked, &settings, &mut SeededRandom::new(Seed(1)));
/// assert_eq!((slate.slots[0].index, slate.slots[0].propensity), (3, 1.0));
/// ```
#[must_use]
pub fn rerank(ranked: &[Ranked], settings: &Settings<'_>, random: &mut SeededRandom) -> Reranked {
    fill(ranked, settings, random, None)
}

/// As [`rerank`], and tells what was decided at each step.
#[must_use]
pub fn rerank_watched(
    ranked: &[Ranked],
    settings: &Settings<'_>,
    random: &mut SeededRandom,
) -> (Reranked, Watched) {
    let mut watched = Watched::default();
    let reranked = fill(ranked, settings, random, Some(&mut watched));
    (reranked, watched)
}

fn fill(
    ranked: &[Ranked],
    settings: &Settings<'_>,
    random: &mut SeededRandom,
    mut watched: Option<&mut Watched>,
) -> Reranked {
    let mut filling = Filling::new(ranked, settings);
    if let Some(watched) = &mut watched {
        watched.standings = filling.standings();
    }
    let mut slots = Vec::with_capacity(filling.length());
    loop {
        let (drawn, propensity, explored, rules) = match filling.next() {
            Next::End => break,
            Next::Forced(rank, rules) => {
                if let Some(watched) = &mut watched {
                    watched.steps.push(Step::Pinned { candidate: filling.candidate(rank), rules });
                }
                (rank, 1.0, false, rules)
            }
            Next::Among(choices) => {
                let (drawn, propensity) = choices.draw(random);
                if let Some(watched) = &mut watched {
                    watched.steps.push(filling.step(&choices, drawn));
                }
                let rules = filling.touched(&choices, drawn);
                (drawn, propensity, drawn != choices.greedy, rules)
            }
        };
        let candidate = filling.candidate(drawn);
        let Ranked { index, score } = ranked[candidate];
        slots.push(Placed { candidate, index, score, propensity, explored, rules });
        filling.place(drawn);
    }
    Reranked { slots, unmet: filling.unmet() }
}
