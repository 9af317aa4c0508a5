//! Which sequence numbers of an installation have been received, as runs without a gap.
//!
//! Memory grows with the number of gaps and of changes of the label, not with the number of events.

use std::collections::BTreeMap;

/// Runs of sequence numbers by their first; each has its last and a label, such as the day.
#[derive(Debug, Clone)]
pub(crate) struct Runs<L>(BTreeMap<u64, (u64, L)>);

// Derived, it would ask for a label by default.
impl<L> Default for Runs<L> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<L: Copy + PartialEq> Runs<L> {
    /// Adds a number; false when it was there, whatever its label was then.
    pub(crate) fn insert(&mut self, sequence: u64, label: L) -> bool {
        let before = self.0.range(..=sequence).next_back().map(|(first, run)| (*first, *run));
        if before.is_some_and(|(_, (last, _))| last >= sequence) {
            return false;
        }
        let mut first = sequence;
        let mut last = sequence;
        if let Some((start, (end, of))) = before
            && end.checked_add(1) == Some(sequence)
            && of == label
        {
            first = start;
        }
        // The run behind begins at a number that is not in this one, so that it can be taken whole.
        if let Some(next) = sequence.checked_add(1)
            && let Some((end, of)) = self.0.get(&next).copied()
            && of == label
        {
            last = end;
            self.0.remove(&next);
        }
        self.0.insert(first, (last, label));
        true
    }

    /// The runs in order: first, last, label.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64, L)> {
        self.0.iter().map(|(first, (last, label))| (*first, *last, *label))
    }

    /// How many runs there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    #[test]
    fn runs_agree_with_a_plain_map_of_every_number() {
        let mut random = SeededRandom::new(Seed(20_261_128));
        for _ in 0..300 {
            let (mut runs, mut plain) = (Runs::default(), BTreeMap::new());
            for _ in 0..random.below(120) {
                let (sequence, label) = (1 + random.below(60) as u64, random.below(2));
                let new = !plain.contains_key(&sequence);
                plain.entry(sequence).or_insert(label);
                assert_eq!(runs.insert(sequence, label), new);
            }
            let numbers = runs.iter().flat_map(|(first, last, label)| {
                (first..=last).map(move |sequence| (sequence, label))
            });
            assert!(numbers.eq(plain.iter().map(|(sequence, label)| (*sequence, *label))));
            // No two runs that could be one.
            let all: Vec<_> = runs.iter().collect();
            assert!(all.windows(2).all(|two| two[0].1 + 1 < two[1].0 || two[0].2 != two[1].2));
            assert_eq!(runs.len(), all.len());
        }
    }

    #[test]
    fn the_largest_number_is_a_number_like_others() {
        let mut runs = Runs::default();
        assert!(runs.insert(u64::MAX, ()) && runs.insert(u64::MAX - 1, ()));
        assert!(!runs.insert(u64::MAX, ()));
        assert_eq!(runs.iter().collect::<Vec<_>>(), [(u64::MAX - 1, u64::MAX, ())]);
    }
}
