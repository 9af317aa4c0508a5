//! What re-ranking decided at each step, for whoever asks why an item stands where it does.

use super::RuleSet;
use super::draw::Choices;
use super::filling::Filling;

/// All that was decided while one slate was filled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Watched {
    /// Where each candidate stood before the first slot was filled, by its place among them.
    pub standings: Vec<Standing>,
    /// How each slot was filled, from the first.
    pub steps: Vec<Step>,
}

/// A candidate after the scores were scaled, boosted and buried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Its rank by falling relevance, from 0.
    pub rank: usize,
    /// Its relevance.
    pub relevance: f32,
    /// The boosts and burials that changed it.
    pub lifted: RuleSet,
}

/// How one slot was filled. Candidates are known by their places.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A pin had promised the position.
    Pinned {
        /// The item that stands there.
        candidate: usize,
        /// The pin.
        rules: RuleSet,
    },
    /// The item was taken out of several.
    Drawn {
        /// The item that stands there.
        candidate: usize,
        /// The item that would without exploration.
        greedy: usize,
        /// Those that could have come, by falling relevance.
        pool: Vec<Considered>,
        /// Those of a higher relevance than the last of the pool that caps kept out.
        kept_out: Vec<(usize, RuleSet)>,
        /// Pins to the top and floors that left only their own items to choose from.
        needed: RuleSet,
    },
}

/// An item that could have come at a position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Considered {
    /// Its place among the candidates.
    pub candidate: usize,
    /// Its relevance less its likeness to the slots before, by the weight of diversity.
    pub worth: f32,
    /// The probability with which it was drawn.
    pub probability: f64,
}

impl Filling<'_> {
    /// Where every candidate stands before anything is placed.
    pub(super) fn standings(&self) -> Vec<Standing> {
        let unknown = Standing { rank: 0, relevance: 0.0, lifted: RuleSet::default() };
        let mut standings = vec![unknown; self.ranks()];
        for rank in 0..self.ranks() {
            let (candidate, relevance) = (self.candidate(rank), self.relevance(rank));
            standings[candidate] = Standing { rank, relevance, lifted: self.lifted(candidate) };
        }
        standings
    }

    /// What is told of the next position, for which `drawn` was drawn from `choices`.
    pub(super) fn step(&mut self, choices: &Choices, drawn: usize) -> Step {
        let last = choices.pool.last().copied().unwrap_or_default();
        let kept_out = self.kept_out_before(last);
        let pool = choices.pool.iter().enumerate().map(|(at, rank)| Considered {
            candidate: self.candidate(*rank),
            worth: self.worth(*rank),
            probability: choices.probability(at),
        });
        Step::Drawn {
            pool: pool.collect(),
            candidate: self.candidate(drawn),
            greedy: self.candidate(choices.greedy),
            kept_out,
            needed: self.needed(&choices.pressing),
        }
    }
}
