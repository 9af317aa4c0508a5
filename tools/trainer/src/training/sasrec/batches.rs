//! What each user chose, in order, and batches of it without padding.

use crate::datasets::Interactions;

/// What each user chose, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequences {
    by_user: Vec<Vec<u32>>,
    /// The same, each item once, in ascending order.
    chosen: Vec<Vec<u32>>,
    /// Users with two items at least: one to read, and one behind it to predict.
    trainable: Vec<u32>,
    items: usize,
}

/// Sequences one behind the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Packed {
    /// Items that are read.
    pub items: Vec<u32>,
    /// Row of the position of each: the newest of a sequence has the last.
    pub positions: Vec<u32>,
    /// What each row is to predict; empty where nothing is.
    pub targets: Vec<u32>,
    /// User of each sequence.
    pub users: Vec<u32>,
    /// Where sequences begin, and where the last one ends.
    pub begins: Vec<usize>,
}

impl Packed {
    fn push(&mut self, user: u32, read: &[u32], targets: &[u32], positions: usize) {
        if self.begins.is_empty() {
            self.begins.push(0);
        }
        self.items.extend_from_slice(read);
        self.targets.extend_from_slice(targets);
        self.positions.extend(positions as u32 - read.len() as u32..positions as u32);
        self.users.push(user);
        self.begins.push(self.items.len());
    }
}

impl Sequences {
    /// The sequences of the events `indices` of `data`.
    #[must_use]
    pub fn new(data: &Interactions, indices: &[u32]) -> Self {
        let mut kept = vec![false; data.events.len()];
        indices.iter().for_each(|index| kept[*index as usize] = true);
        let items = |events: Vec<u32>| -> Vec<u32> {
            let events = events.into_iter().filter(|index| kept[*index as usize]);
            events.map(|index| data.events[index as usize].item).collect()
        };
        let by_user: Vec<Vec<u32>> = data.by_user().into_iter().map(items).collect();
        let chosen = by_user.iter().map(|items| {
            let mut items = items.clone();
            items.sort_unstable();
            items.dedup();
            items
        });
        let trainable = (0u32..).zip(&by_user).filter(|(_, items)| items.len() >= 2);
        let trainable = trainable.map(|(user, _)| user).collect();
        Self { chosen: chosen.collect(), trainable, by_user, items: data.items.len() }
    }

    /// Items of the catalogue.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// What `user` chose.
    #[must_use]
    pub fn of(&self, user: u32) -> &[u32] {
        self.by_user.get(user as usize).map_or(&[], Vec::as_slice)
    }

    /// The same, each item once, in ascending order.
    #[must_use]
    pub fn chosen(&self, user: u32) -> &[u32] {
        self.chosen.get(user as usize).map_or(&[], Vec::as_slice)
    }

    /// Users with something to learn from.
    #[must_use]
    pub fn trainable(&self) -> &[u32] {
        &self.trainable
    }

    /// How often each item was chosen.
    #[must_use]
    pub fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.items];
        self.by_user.iter().flatten().for_each(|item| counts[*item as usize] += 1);
        counts
    }

    /// What `users` are to learn: of each, up to `positions` items, the newest, and for each what
    /// came behind it.
    #[must_use]
    pub fn to_learn(&self, users: &[u32], positions: usize) -> Packed {
        let mut packed = Packed::default();
        for user in users {
            let items = self.of(*user);
            let items = &items[items.len().saturating_sub(positions + 1)..];
            packed.push(*user, &items[..items.len() - 1], &items[1..], positions);
        }
        packed
    }

    /// The newest items of `users`, up to `positions` of each; a user without any has no row.
    #[must_use]
    pub fn to_read(&self, users: &[u32], positions: usize) -> Packed {
        let mut packed = Packed::default();
        for user in users {
            let items = self.of(*user);
            packed.push(*user, &items[items.len().saturating_sub(positions)..], &[], positions);
        }
        packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};

    fn data() -> Interactions {
        let event =
            |(user, item)| Interaction { user, item, at_ms: None, context: None, weight: 1.0 };
        let events = [(0, 1), (1, 2), (0, 3), (0, 0), (2, 3), (0, 1), (2, 1)].map(event);
        Interactions {
            users: ["a", "b", "c", "d"].map(String::from).to_vec(),
            items: ["p", "q", "r", "s"].map(|name| bare_item(name).unwrap()).to_vec(),
            events: events.to_vec(),
            ..Interactions::default()
        }
    }

    #[test]
    fn each_row_predicts_what_came_behind_it_and_the_newest_has_the_last_position() {
        let sequences = Sequences::new(&data(), &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!((sequences.trainable(), sequences.of(3)), ([0, 2].as_slice(), [].as_slice()));
        assert_eq!(
            (sequences.chosen(0), sequences.counts()),
            ([0, 1, 3].as_slice(), vec![1, 3, 1, 2])
        );
        let packed = sequences.to_learn(&[2, 0], 5);
        assert_eq!((packed.items, packed.targets), (vec![3, 1, 3, 0], vec![1, 3, 0, 1]));
        assert_eq!((packed.positions, packed.begins), (vec![4, 2, 3, 4], vec![0, 1, 4]));
    }

    #[test]
    fn of_a_long_history_the_newest_items_count() {
        let sequences = Sequences::new(&data(), &[0, 1, 2, 3, 4, 5, 6]);
        let packed = sequences.to_learn(&[0], 2);
        assert_eq!((packed.items, packed.targets), (vec![3, 0], vec![0, 1]));
        assert_eq!(packed.positions, [0, 1]);
        let packed = sequences.to_read(&[0, 3, 1], 2);
        assert_eq!((packed.items, packed.begins), (vec![0, 1, 2], vec![0, 2, 2, 3]));
    }

    #[test]
    fn events_that_are_not_in_the_part_are_not_seen() {
        let sequences = Sequences::new(&data(), &[0, 2, 4]);
        assert_eq!((sequences.of(0), sequences.of(1)), ([1, 3].as_slice(), [].as_slice()));
    }
}
