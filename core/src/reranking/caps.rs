//! Who may not come next, since a cap would be broken.

use super::constraints::{Constraints, Limit, RuleSet};
use crate::release::Exposure;

/// Where the members of each cap stand, and which caps are full at a position.
#[derive(Debug, Clone)]
pub(super) struct Caps<'a> {
    constraints: &'a Constraints,
    /// Caps by candidate.
    of: Vec<Vec<u32>>,
    /// Positions of members by cap, ascending: filled slots, and pins further down.
    taken: Vec<Vec<usize>>,
    full: Vec<bool>,
    any: bool,
}

impl<'a> Caps<'a> {
    pub(super) fn new(constraints: &'a Constraints, candidates: usize) -> Self {
        let caps = &constraints.caps;
        let mut of = vec![Vec::new(); if caps.is_empty() { 0 } else { candidates }];
        for (number, cap) in (0u32..).zip(caps) {
            for member in &cap.members {
                if let Some(of) = of.get_mut(*member as usize) {
                    of.push(number);
                }
            }
        }
        let (taken, full) = (vec![Vec::new(); caps.len()], vec![false; caps.len()]);
        Self { constraints, of, taken, full, any: false }
    }

    fn of(&self, candidate: usize) -> &[u32] {
        self.of.get(candidate).map_or(&[], Vec::as_slice)
    }

    /// Notes that `candidate` stands at `position`, or will.
    pub(super) fn add(&mut self, candidate: usize, position: usize) {
        let Self { of, taken, .. } = self;
        for cap in of.get(candidate).into_iter().flatten() {
            let taken = &mut taken[*cap as usize];
            let at = taken.partition_point(|other| *other < position);
            taken.insert(at, position);
        }
    }

    /// Forgets that `candidate` would stand at `position`.
    pub(super) fn remove(&mut self, candidate: usize, position: usize) {
        let Self { of, taken, .. } = self;
        for cap in of.get(candidate).into_iter().flatten() {
            let taken = &mut taken[*cap as usize];
            if let Ok(at) = taken.binary_search(&position) {
                taken.remove(at);
            }
        }
    }

    /// Finds out which caps are full at `position`.
    pub(super) fn look(&mut self, position: usize) {
        self.any = false;
        for cap in 0..self.full.len() {
            self.full[cap] = self.is_full(cap, position);
            self.any |= self.full[cap];
        }
    }

    /// Whether `candidate` may stand at the position last looked at.
    pub(super) fn admit(&self, candidate: usize) -> bool {
        !self.any || self.of(candidate).iter().all(|cap| !self.full[*cap as usize])
    }

    /// Whether `candidate` may stand at `position`.
    pub(super) fn admit_at(&self, candidate: usize, position: usize) -> bool {
        self.of(candidate).iter().all(|cap| !self.is_full(*cap as usize, position))
    }

    /// The rules whose caps keep `candidate` from the position last looked at.
    pub(super) fn against(&self, candidate: usize) -> RuleSet {
        let mut rules = RuleSet::default();
        for cap in self.of(candidate).iter().filter(|cap| self.full[**cap as usize]) {
            rules.add(self.constraints.caps[*cap as usize].rule);
        }
        rules
    }

    /// Whether one more member at `position` would be one too many.
    fn is_full(&self, cap: usize, position: usize) -> bool {
        let taken = &self.taken[cap];
        let before = taken.partition_point(|other| *other < position);
        match self.constraints.caps[cap].limit {
            Limit::Window { slots, window } => {
                if taken.len() < slots {
                    return false;
                }
                // With one more at `position`, some `slots` + 1 that follow one another, this one
                // among them, would lie within a window.
                let with = |at: usize| match at.cmp(&before) {
                    std::cmp::Ordering::Less => taken[at],
                    std::cmp::Ordering::Equal => position,
                    std::cmp::Ordering::Greater => taken[at - 1],
                };
                let first = before.saturating_sub(slots);
                let last = before.min(taken.len() - slots);
                (first..=last).any(|at| with(at + slots) - with(at) < window)
            }
            Limit::Prefix(share) => {
                let exceeds = |members: usize, slots: usize| members > Exposure::most(share, slots);
                // Further down, only where another member stands can the bound be reached first.
                exceeds(before + 1, position + 1)
                    || (before..taken.len()).any(|at| exceeds(at + 2, taken[at] + 1))
            }
        }
    }
}
