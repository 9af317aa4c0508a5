//! How much of an epoch is of new data, and how much of old.

use noctule_core::base::SeededRandom;

use crate::training::neural::Key;
use crate::{Error, Result};

/// What an epoch is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix<T> {
    new: Vec<T>,
    old: Vec<T>,
    /// How many of either an epoch has.
    counts: (usize, usize),
}

impl<T: Copy> Mix<T> {
    /// All of `examples` in every epoch.
    #[must_use]
    pub fn all(examples: Vec<T>) -> Self {
        Self { counts: (0, examples.len()), new: Vec::new(), old: examples }
    }

    /// The share `new` of every epoch is of the examples that are new, the others are old ones; of
    /// which there are too many, another part is drawn for each epoch.
    ///
    /// # Errors
    /// [`Error::Data`] when one of the two is to have a share and there is none of it.
    pub fn of(examples: Vec<T>, new: f64, is_new: impl Fn(&T) -> bool) -> Result<Self> {
        let (newer, older): (Vec<T>, Vec<T>) = examples.into_iter().partition(is_new);
        let missing = match (newer.is_empty() && new > 0.0, older.is_empty() && new < 1.0) {
            (true, _) => Some("new"),
            (_, true) => Some("old"),
            _ => None,
        };
        if let Some(missing) = missing {
            return Err(Error::data(format!(
                "a share of {missing} data is asked for, there is none"
            )));
        }
        let (all_new, all_old) = (newer.len() as f64, older.len() as f64);
        let counts = if all_old * new >= all_new * (1.0 - new) {
            let old = if new > 0.0 { all_new * (1.0 - new) / new } else { all_old };
            (if new > 0.0 { newer.len() } else { 0 }, old.round() as usize)
        } else {
            ((all_old * new / (1.0 - new)).round() as usize, older.len())
        };
        Ok(Self { new: newer, old: older, counts })
    }

    /// Examples of an epoch.
    #[must_use]
    pub fn per_epoch(&self) -> usize {
        self.counts.0 + self.counts.1
    }

    /// The examples of an epoch, in the random order of `key`.
    #[must_use]
    pub fn order(&self, key: Key) -> Vec<T> {
        let mut random = SeededRandom::new(key.seed());
        let mut drawn = |examples: &[T], count: usize| {
            let mut examples = examples.to_vec();
            if count < examples.len() {
                random.shuffle(&mut examples);
                examples.truncate(count);
            }
            examples
        };
        let mut order = drawn(&self.new, self.counts.0);
        order.extend(drawn(&self.old, self.counts.1));
        random.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_epoch_has_the_share_and_as_many_examples_as_it_allows(
            new in 1usize..200,
            old in 1usize..200,
            share in 0.0f64..=1.0,
            epoch in 0u64..9,
        ) {
            let examples: Vec<usize> = (0..new + old).collect();
            let mix = Mix::of(examples, share, |at| *at < new).unwrap();
            let order = mix.order(Key::new(1, "epochs").part(epoch));
            prop_assert_eq!(order.len(), mix.per_epoch());
            let newer = order.iter().filter(|at| **at < new).count();
            let older = order.len() - newer;
            // All of one kind are there, and the other kind is within half an example.
            prop_assert!(newer == new || older == old);
            let of = |share: f64, other: usize| share / (1.0 - share) * other as f64;
            prop_assert!(
                (of(share, older) - newer as f64).abs() <= 0.5 + 1e-6
                    || (of(1.0 - share, newer) - older as f64).abs() <= 0.5 + 1e-6
            );
            let mut once = order.clone();
            once.sort_unstable();
            once.dedup();
            prop_assert_eq!(once.len(), order.len());
        }
    }

    #[test]
    fn epochs_draw_other_parts_of_what_is_too_much() {
        let mix = Mix::of((0..1_000usize).collect(), 0.5, |at| *at < 10).unwrap();
        let epoch = |epoch| {
            let mut order = mix.order(Key::new(1, "epochs").part(epoch));
            order.sort_unstable();
            order
        };
        assert_eq!((epoch(0).len(), epoch(0)), (20, epoch(0)));
        assert_eq!(epoch(0)[..10], epoch(1)[..10]);
        assert_ne!(epoch(0), epoch(1));
    }

    #[test]
    fn a_share_of_what_is_not_there_is_an_error() {
        assert!(matches!(Mix::of(vec![1, 2], 0.5, |_| false), Err(Error::Data { .. })));
        assert!(matches!(Mix::of(vec![1, 2], 0.5, |_| true), Err(Error::Data { .. })));
        assert_eq!(Mix::of(vec![1, 2], 1.0, |_| true).unwrap().per_epoch(), 2);
        assert_eq!(Mix::of(vec![1, 2], 0.0, |_| false).unwrap().per_epoch(), 2);
    }
}
