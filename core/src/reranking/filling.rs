//! A slate while it is filled: what is placed, what may come next.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::caps::Caps;
use super::deadlines::Deadlines;
use super::draw::Choices;
use super::{Constraints, Fixed, Likeness, Ranked, RuleSet, Settings};
use crate::base::order;

/// Ranks that are compared with each other at most: a megabyte of likenesses.
const COMPARED_MAX: usize = 512;

/// What comes at the next position.
pub(super) enum Next {
    /// Nothing: the slate is full, or nothing is admissible.
    End,
    /// The item of this rank, by a pin.
    Forced(usize, RuleSet),
    /// One of several.
    Among(Choices),
}

/// Candidates are known by their *rank* in the order of falling relevance.
#[derive(Debug, Clone)]
pub(super) struct Filling<'a> {
    settings: Settings<'a>,
    length: usize,
    /// The candidate of each rank.
    candidates: Vec<usize>,
    relevance: Vec<f32>,
    /// Rules that changed the score, by candidate; empty when none did.
    lifted: Vec<RuleSet>,
    /// Ranks that are neither placed nor pinned, ascending.
    left: Vec<usize>,
    /// Pins to come, by position.
    pins: BTreeMap<usize, (usize, u8)>,
    /// Candidates placed, by position.
    placed: Vec<usize>,
    /// The greatest likeness to a placed item, and how many of these were looked at, by rank.
    likeness: Vec<(f32, usize)>,
    /// The likeness of each two of the first ranks, by rank; empty when it is looked up one by one.
    among: Arc<[f32]>,
    /// Number of these ranks.
    first: usize,
    /// Ranks placed, by position.
    placed_ranks: Vec<usize>,
    caps: Caps<'a>,
    deadlines: Deadlines<'a>,
    unmet_pins: Vec<u8>,
}

impl<'a> Filling<'a> {
    pub(super) fn new(ranked: &[Ranked], settings: &Settings<'a>) -> Self {
        let constraints = settings.constraints;
        let length = settings.length.min(ranked.len());
        let (relevance, lifted) = relevance(ranked, constraints);
        let mut candidates: Vec<usize> = (0..ranked.len()).collect();
        candidates.sort_unstable_by(|a, b| {
            let by_index = || ranked[*a].index.cmp(&ranked[*b].index);
            relevance[*b].total_cmp(&relevance[*a]).then_with(by_index)
        });
        let mut filling = Self {
            settings: *settings,
            length,
            left: (0..ranked.len()).collect(),
            relevance: candidates.iter().map(|candidate| relevance[*candidate]).collect(),
            lifted,
            pins: BTreeMap::new(),
            placed: Vec::with_capacity(length),
            likeness: vec![(0.0, 0); ranked.len()],
            among: Arc::default(),
            first: 0,
            placed_ranks: Vec::with_capacity(length),
            caps: Caps::new(constraints, ranked.len()),
            deadlines: Deadlines::new(constraints, ranked.len(), length),
            unmet_pins: Vec::new(),
            candidates,
        };
        filling.settle_pins();
        filling.compare_first();
        filling
    }

    /// Compares the first ranks with each other, as many as a slate without rules looks at.
    fn compare_first(&mut self) {
        let Some((_, Likeness::Directions(directions))) = self.settings.diversity else { return };
        let looked_at = self.length.saturating_add(self.settings.exploration.pool);
        let first = looked_at.min(self.candidates.len()).min(COMPARED_MAX);
        // Without a comparison each pair is compared when it is asked for.
        if let Ok(among) = directions.among(&self.candidates[..first]) {
            (self.among, self.first) = (among.into(), first);
        }
    }

    /// The most slots that there can be.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn candidate(&self, rank: usize) -> usize {
        self.candidates[rank]
    }

    /// The number of candidates.
    pub(super) fn ranks(&self) -> usize {
        self.candidates.len()
    }

    pub(super) fn relevance(&self, rank: usize) -> f32 {
        self.relevance[rank]
    }

    /// Rules that changed the score of `candidate`.
    pub(super) fn lifted(&self, candidate: usize) -> RuleSet {
        self.lifted.get(candidate).copied().unwrap_or_default()
    }

    /// Of the candidates before `rank`, those that caps keep from the position last looked at.
    pub(super) fn kept_out_before(&self, rank: usize) -> Vec<(usize, RuleSet)> {
        let left = self.left.iter().take_while(|other| **other < rank);
        let candidates = left.map(|rank| self.candidates[*rank]);
        let kept_out = candidates.filter(|candidate| !self.caps.admit(*candidate));
        kept_out.map(|candidate| (candidate, self.caps.against(candidate))).collect()
    }

    /// The rules of the `pressing` deadlines.
    pub(super) fn needed(&self, pressing: &[u32]) -> RuleSet {
        let mut rules = RuleSet::default();
        self.deadlines.rules(pressing).for_each(|rule| rules.add(rule));
        rules
    }

    /// Promises a candidate to every pinned position for which there is one.
    fn settle_pins(&mut self) {
        let mut fixed: Vec<&Fixed> = self.settings.constraints.fixed.iter().collect();
        if fixed.is_empty() {
            return;
        }
        order::sort_by_key(&mut fixed, |pin| (!pin.one_item, pin.position, pin.rule));
        let mut ranks = vec![0; self.candidates.len()];
        for (rank, candidate) in self.candidates.iter().enumerate() {
            ranks[*candidate] = rank;
        }
        for pin in fixed {
            let mut members: Vec<usize> = pin
                .members
                .iter()
                .filter_map(|member| ranks.get(*member as usize).copied())
                .collect();
            members.sort_unstable();
            let is_free = |rank: &usize| {
                self.left.binary_search(rank).is_ok()
                    && self.caps.admit_at(self.candidates[*rank], pin.position)
            };
            let taken = self.pins.contains_key(&pin.position);
            match members.into_iter().filter(|_| !taken).find(is_free) {
                Some(rank) => {
                    self.take(rank);
                    self.pins.insert(pin.position, (rank, pin.rule));
                    self.stand(rank, pin.position);
                }
                None => self.unmet_pins.push(pin.rule),
            }
        }
    }

    fn take(&mut self, rank: usize) {
        if let Ok(at) = self.left.binary_search(&rank) {
            self.left.remove(at);
        }
    }

    /// Tells caps and deadlines where the item of `rank` stands or will.
    fn stand(&mut self, rank: usize, position: usize) {
        self.caps.add(self.candidates[rank], position);
        self.deadlines.add(self.candidates[rank], position);
    }

    /// What comes next. The same until [`Self::place`] is called.
    pub(super) fn next(&mut self) -> Next {
        let position = self.placed.len();
        if position >= self.length {
            return Next::End;
        }
        if let Some((rank, rule)) = self.pins.get(&position) {
            let mut rules = RuleSet::default();
            rules.add(*rule);
            return Next::Forced(*rank, rules);
        }
        self.caps.look(position);
        let pressing = self.deadlines.pressing(position, |at| !self.pins.contains_key(&at));
        match self.choices(pressing) {
            Some(choices) => Next::Among(choices),
            None => self.next_pin(position),
        }
    }

    fn choices(&mut self, pressing: Vec<u32>) -> Option<Choices> {
        let most = self.settings.exploration.pool.max(1);
        let mut best_kept_out = None;
        let mut pool = Vec::with_capacity(most.min(self.left.len()));
        for rank in &self.left {
            let candidate = self.candidates[*rank];
            if !pressing.is_empty() && !self.deadlines.serves(candidate, &pressing) {
                continue;
            }
            if !self.caps.admit(candidate) {
                best_kept_out = best_kept_out.or(Some(*rank));
                continue;
            }
            pool.push(*rank);
            if pool.len() == most {
                break;
            }
        }
        if pool.is_empty() {
            // Nobody may serve what is owed: as without it. What is not met is counted.
            return if pressing.is_empty() { None } else { self.choices(Vec::new()) };
        }
        let worths: Vec<f32> = pool.iter().map(|rank| self.worth(*rank)).collect();
        let mut choices = Choices::new(pool, &worths, self.settings.exploration);
        choices.pressing = pressing;
        if let Some(rank) = best_kept_out.filter(|rank| *rank < choices.greedy) {
            choices.kept_out = self.caps.against(self.candidates[rank]);
        }
        Some(choices)
    }

    /// Relevance less the likeness to what is placed, by the weight of diversity.
    pub(super) fn worth(&mut self, rank: usize) -> f32 {
        let relevance = self.relevance[rank];
        let Some((weight, likeness)) = self.settings.diversity else { return relevance };
        let (most, looked_at) = &mut self.likeness[rank];
        let row = self.among.get(rank * self.first..(rank + 1) * self.first);
        let placed = self.placed.iter().zip(&self.placed_ranks).skip(*looked_at);
        for (other, other_rank) in placed {
            let known = row.and_then(|row| row.get(*other_rank).copied());
            let alike = known.unwrap_or_else(|| likeness.between(self.candidates[rank], *other));
            *most = most.max(alike);
        }
        *looked_at = self.placed.len();
        (1.0 - weight) * relevance - weight * *most
    }

    /// The next pin that may move up to `position`; those that may not are given up.
    fn next_pin(&mut self, position: usize) -> Next {
        while let Some((from, (rank, rule))) = self.pins.pop_first() {
            let candidate = self.candidates[rank];
            self.caps.remove(candidate, from);
            self.deadlines.remove(candidate, from);
            if self.caps.admit_at(candidate, position) {
                self.pins.insert(position, (rank, rule));
                self.stand(rank, position);
                let mut rules = RuleSet::default();
                rules.add(rule);
                return Next::Forced(rank, rules);
            }
            self.unmet_pins.push(rule);
        }
        Next::End
    }

    /// The rules that touched the next position when `rank` was drawn from `choices`.
    pub(super) fn touched(&self, choices: &Choices, rank: usize) -> RuleSet {
        let mut rules = choices.kept_out;
        let candidate = self.candidates[rank];
        if let Some(lifted) = self.lifted.get(candidate) {
            rules.extend(*lifted);
        }
        for rule in self.deadlines.served(candidate, &choices.pressing) {
            rules.add(rule);
        }
        rules
    }

    /// Puts the item of `rank`, which [`Self::next`] gave, at the next position.
    pub(super) fn place(&mut self, rank: usize) {
        let position = self.placed.len();
        if self.pins.remove(&position).is_none() {
            self.take(rank);
            self.stand(rank, position);
        }
        self.placed.push(self.candidates[rank]);
        self.placed_ranks.push(rank);
    }

    /// The rules that the slate does not meet as it is.
    pub(super) fn unmet(&self) -> Vec<(u8, usize)> {
        let slots = self.placed.len();
        let late = self.pins.values().map(|(_, rule)| *rule);
        let pins = self.unmet_pins.iter().copied().chain(late).map(|rule| (rule, 1));
        let mut unmet: Vec<(u8, usize)> = pins.chain(self.deadlines.unmet(slots)).collect();
        unmet.sort_unstable();
        unmet
    }
}

/// The scaled scores of the candidates after boosts and burials, and the rules that changed them.
fn relevance(ranked: &[Ranked], constraints: &Constraints) -> (Vec<f32>, Vec<RuleSet>) {
    let lowest = ranked.iter().map(|one| one.score).reduce(f32::min).unwrap_or_default();
    let highest = ranked.iter().map(|one| one.score).reduce(f32::max).unwrap_or_default();
    // In double precision, where no difference overflows.
    let [lowest, highest] = [lowest, highest].map(f64::from);
    let scaled = |one: &Ranked| match highest > lowest {
        true => ((f64::from(one.score) - lowest) / (highest - lowest)) as f32,
        false => 0.0,
    };
    let mut relevance: Vec<f32> = ranked.iter().map(scaled).collect();
    if constraints.lifts.is_empty() {
        return (relevance, Vec::new());
    }
    let mut lifted = vec![RuleSet::default(); ranked.len()];
    for lift in &constraints.lifts {
        for member in &lift.members {
            if let Some(relevance) = relevance.get_mut(*member as usize) {
                *relevance *= lift.factor;
                lifted[*member as usize].add(lift.rule);
            }
        }
    }
    for lift in &constraints.lifts {
        for member in &lift.members {
            if let Some(relevance) = relevance.get_mut(*member as usize) {
                *relevance += lift.offset;
            }
        }
    }
    (relevance, lifted)
}
