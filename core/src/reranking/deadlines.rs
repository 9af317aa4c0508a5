//! What is owed by when: pins to the top and floors.

use super::constraints::{Constraints, Deadline, Need};

/// How far each deadline is met.
#[derive(Debug, Clone)]
pub(super) struct Deadlines<'a> {
    deadlines: &'a [Deadline],
    /// Deadlines by candidate.
    of: Vec<Vec<u32>>,
    /// Members that are neither placed nor promised to a position, by deadline.
    left: Vec<usize>,
    /// Positions of members by deadline, ascending: filled slots, and pins further down.
    taken: Vec<Vec<usize>>,
    length: usize,
}

impl<'a> Deadlines<'a> {
    pub(super) fn new(constraints: &'a Constraints, candidates: usize, length: usize) -> Self {
        let deadlines = &constraints.deadlines;
        let mut of = vec![Vec::new(); if deadlines.is_empty() { 0 } else { candidates }];
        let mut left = vec![0; deadlines.len()];
        for (number, deadline) in (0u32..).zip(deadlines) {
            for member in &deadline.members {
                if let Some(of) = of.get_mut(*member as usize) {
                    of.push(number);
                    left[number as usize] += 1;
                }
            }
        }
        Self { deadlines, of, left, taken: vec![Vec::new(); deadlines.len()], length }
    }

    /// Notes that `candidate` stands at `position`, or will.
    pub(super) fn add(&mut self, candidate: usize, position: usize) {
        let Self { of, taken, left, .. } = self;
        for deadline in of.get(candidate).into_iter().flatten() {
            let taken = &mut taken[*deadline as usize];
            taken.insert(taken.partition_point(|other| *other < position), position);
            left[*deadline as usize] -= 1;
        }
    }

    /// Forgets that `candidate` would stand at `position`.
    pub(super) fn remove(&mut self, candidate: usize, position: usize) {
        let Self { of, taken, left, .. } = self;
        for deadline in of.get(candidate).into_iter().flatten() {
            let taken = &mut taken[*deadline as usize];
            if let Ok(at) = taken.binary_search(&position) {
                taken.remove(at);
                left[*deadline as usize] += 1;
            }
        }
    }

    /// The deadlines of which one must be served at `position`, if there is no more time: those
    /// that are owed anything by the first prefix that has as many debts as free positions. `free`
    /// says whether a position from `position` on is free. Groups that overlap may be served
    /// earlier than they would need.
    pub(super) fn pressing(&self, position: usize, free: impl Fn(usize) -> bool) -> Vec<u32> {
        if self.deadlines.is_empty() {
            return Vec::new();
        }
        let mut room = 0;
        let mut passed = vec![0; self.deadlines.len()];
        for last in position..self.length {
            room += usize::from(free(last));
            let mut owed = 0;
            for (number, deadline) in self.deadlines.iter().enumerate() {
                let taken = &self.taken[number];
                while taken.get(passed[number]).is_some_and(|at| *at <= last) {
                    passed[number] += 1;
                }
                owed += self.debt(number, deadline, last + 1, passed[number]);
            }
            if owed > 0 && owed >= room {
                let is_owed = |number: &u32| {
                    let at = *number as usize;
                    self.debt(at, &self.deadlines[at], last + 1, passed[at]) > 0
                };
                return (0..self.deadlines.len() as u32).filter(is_owed).collect();
            }
        }
        Vec::new()
    }

    /// How many members are missing among the first `slots`, of which `there` are there already:
    /// no more than there are left.
    fn debt(&self, number: usize, deadline: &Deadline, slots: usize, there: usize) -> usize {
        deadline.need.among(slots).saturating_sub(there).min(self.left[number])
    }

    /// Whether `candidate` serves one of the `pressing` deadlines.
    pub(super) fn serves(&self, candidate: usize, pressing: &[u32]) -> bool {
        self.of.get(candidate).is_some_and(|of| of.iter().any(|number| pressing.contains(number)))
    }

    /// The rules among `pressing` that `candidate` serves.
    pub(super) fn served(&self, candidate: usize, pressing: &[u32]) -> impl Iterator<Item = u8> {
        let of = self.of.get(candidate).into_iter().flatten();
        let of = of.filter(|number| pressing.contains(number));
        of.map(|number| self.deadlines[*number as usize].rule)
    }

    /// The rules of the `pressing` deadlines.
    pub(super) fn rules(&self, pressing: &[u32]) -> impl Iterator<Item = u8> {
        pressing.iter().map(|number| self.deadlines[*number as usize].rule)
    }

    /// The rules that a slate of `slots` does not meet, with the number of prefixes in which there
    /// is too little, 1 for a pin.
    pub(super) fn unmet(&self, slots: usize) -> impl Iterator<Item = (u8, usize)> {
        self.deadlines.iter().zip(&self.taken).filter_map(move |(deadline, taken)| {
            let there = |slots: usize| taken.partition_point(|position| *position < slots);
            let short = match deadline.need {
                Need::Top(top) => usize::from(there(top.min(slots)) == 0),
                Need::Prefix(_) => {
                    (1..=slots).filter(|k| there(*k) < deadline.need.among(*k)).count()
                }
            };
            (short > 0).then_some((deadline.rule, short))
        })
    }
}
