//! The game of one slot: rows of features in which some groups are present and the others stand
//! at the background.
//!
//! A group is what it adds to a row, so that the row of a coalition is the background plus the sum
//! of its groups, and the row of all groups is the slot's own. Rows may be of features, or of
//! anything that is linear in them. The rows of many slots go through the ranker in one call:
//! [`SlotGame::write_rows`] before it, [`SlotGame::parts`] behind it.

use super::shapley::{Estimates, Orders, exact};
use crate::base::SeededRandom;

/// Groups that are enumerated at most; a slot has five kinds of them.
pub const GROUPS_MAX: usize = 6;

/// What one of the groups is split into: some members, and one more that is the rest of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members {
    /// Which of the groups it is.
    pub group: usize,
    /// Members beside the rest.
    pub named: usize,
    /// Ways in which they share the group: the pairs of orders take them in turn.
    pub ways: usize,
}

/// The groups of a slot, of which one may be split over its members.
#[derive(Debug, Clone)]
pub struct SlotGame {
    groups: usize,
    split: Option<Split>,
}

#[derive(Debug, Clone)]
struct Split {
    members: Members,
    orders: Orders,
    /// The groups that came before the members, by order.
    before: Vec<usize>,
}

/// What the groups of a slot, and the members of one, are worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The groups; they sum to the slot's score less the background's.
    pub groups: Vec<f64>,
    /// The members; they sum to their group. Empty when there are none.
    pub members: Estimates,
}

impl SlotGame {
    /// The game of so many `groups`, at most [`GROUPS_MAX`]. With `members`, so many `pairs` of
    /// orders are drawn from `random`.
    #[must_use]
    pub fn new(
        groups: usize,
        members: Option<Members>,
        pairs: usize,
        random: &mut SeededRandom,
    ) -> Self {
        let groups = groups.min(GROUPS_MAX);
        let fits = |members: &Members| members.group < groups && members.ways > 0;
        let split = members.filter(fits).map(|members| {
            let orders = Orders::draw(members.named + 1, pairs, random);
            let before = |order: &[usize]| {
                let earlier = order.iter().take_while(|group| **group != members.group);
                earlier.map(|group| 1 << group).sum()
            };
            // As the order of the members, that of the groups is drawn and then reversed.
            let before = Orders::draw(groups, pairs, random).all().map(before).collect();
            Split { members, orders, before }
        });
        Self { groups, split }
    }

    /// Rows of this game.
    #[must_use]
    pub fn rows(&self) -> usize {
        let split = self.split.as_ref().map_or(0, |split| split.orders.beginnings().count());
        self.enumerated() + split
    }

    /// Rows that say what the groups and the members add, see [`Self::write_rows`].
    #[must_use]
    pub fn added(&self) -> usize {
        let members =
            self.split.as_ref().map_or(0, |split| split.members.named * split.members.ways);
        self.groups + members
    }

    /// Coalitions of some groups and not all.
    fn enumerated(&self) -> usize {
        (1_usize << self.groups).saturating_sub(2)
    }

    /// Writes the rows to `rows`: those of the coalitions of groups, in the order of their bits,
    /// then those in which some members are present.
    ///
    /// `added` holds [`Self::added`] rows: what each group adds to a row, then, for each way, what
    /// the named members do; `rows` has room for [`Self::rows`]. With another number of either
    /// nothing is written.
    pub fn write_rows(&self, background: &[f32], added: &[f32], rows: &mut [f32]) {
        let width = background.len();
        if added.len() != self.added() * width || rows.len() != self.rows() * width {
            return;
        }
        let added = |at: usize| &added[at * width..(at + 1) * width];
        // Row `at` is that of an earlier row, or the background, and what comes to it.
        let mut write = |at: usize, from: Option<usize>, more: &[f32]| {
            let (before, to) = rows.split_at_mut(at * width);
            let from = from.map_or(background, |from| &before[from * width..(from + 1) * width]);
            let sums = from.iter().zip(more).map(|(from, more)| from + more);
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum);
        };
        // The row of a coalition; nobody's is the background.
        let row = |coalition: usize| coalition.checked_sub(1);
        for coalition in 1..=self.enumerated() {
            let without = row(coalition & (coalition - 1));
            write(coalition - 1, without, added(coalition.trailing_zeros() as usize));
        }
        let Some(Split { members, orders, before }) = &self.split else { return };
        let named = |way: usize, member: usize| added(self.groups + way * members.named + member);
        let mut rests = Vec::with_capacity(members.ways * width);
        for way in 0..members.ways {
            rests.extend_from_slice(added(members.group));
            for member in 0..members.named {
                let rest = rests[way * width..].iter_mut();
                rest.zip(named(way, member)).for_each(|(rest, own)| *rest -= own);
            }
        }
        for (at, (order, some)) in (self.enumerated()..).zip(orders.beginnings()) {
            let Some(last) = some.last() else { continue };
            let from = if some.len() == 1 { row(before[order]) } else { row(at) };
            let way = order / 2 % members.ways;
            match *last < members.named {
                true => write(at, from, named(way, *last)),
                false => write(at, from, &rests[way * width..(way + 1) * width]),
            }
        }
    }

    /// The parts, `scores` being those of this game's rows in their order, `background` that of the
    /// background and `score` that of the slot.
    #[must_use]
    pub fn parts(&self, background: f32, scores: &[f32], score: f32) -> Parts {
        let everyone = (1_usize << self.groups) - 1;
        let worth = |coalition: usize| match coalition {
            0 => background,
            some if some == everyone => score,
            some => scores.get(some - 1).copied().unwrap_or(background),
        };
        let worths: Vec<f64> = (0..=everyone).map(|some| f64::from(worth(some))).collect();
        let groups = if everyone == 0 { Vec::new() } else { exact(&worths) };
        let Some(Split { members, orders, before }) = &self.split else {
            return Parts { groups, members: Estimates::of(&[]) };
        };
        let ends: Vec<[[f32; 1]; 2]> = before
            .iter()
            .map(|before| [[worth(*before)], [worth(before | 1 << members.group)]])
            .collect();
        let inner = scores.get(self.enumerated()..).unwrap_or_default();
        let by_pair = orders.added(1, |order| (&ends[order][0], &ends[order][1]), inner);
        let total = groups.get(members.group).copied().unwrap_or_default();
        Parts { groups, members: Estimates::of(&by_pair).summing_to(total) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    /// A function of a row in which everything acts together.
    fn worth(row: &[f32]) -> f32 {
        let [a, b, c, d] = row else { panic!("{row:?}") };
        0.25 + a * b + (c * d - a).tanh() + a * b * c
    }

    fn add(row: &mut [f32], added: &[f32]) {
        row.iter_mut().zip(added).for_each(|(value, added)| *value += added);
    }

    const BACKGROUND: [f32; 4] = [0.5, -1.0, 0.25, 1.0];

    fn groups() -> Vec<Vec<f32>> {
        vec![vec![1.0, 0.0, 0.5, 0.0], vec![0.0, 1.5, 0.0, 0.0], vec![0.0, 0.0, 0.0, -0.75]]
    }

    /// The first group, split.
    fn members() -> Vec<Vec<f32>> {
        vec![vec![0.75, 0.0, 0.0, 0.0], vec![0.0, 0.0, 0.5, 0.0], vec![0.25, 0.0, 0.0, 0.0]]
    }

    fn of(present: &[&Vec<f32>]) -> f32 {
        let mut row = BACKGROUND.to_vec();
        present.iter().for_each(|added| add(&mut row, added));
        worth(&row)
    }

    fn all() -> f32 {
        of(&groups().iter().collect::<Vec<_>>())
    }

    fn play(pairs: usize, seed: u64) -> Parts {
        let split = Members { group: 0, named: 2, ways: 1 };
        let mut random = SeededRandom::new(Seed(seed));
        let game = SlotGame::new(3, Some(split), pairs, &mut random);
        let mut rows = vec![9.0; 4 * game.rows()];
        let added = [groups(), members()[..2].to_vec()].concat().concat();
        game.write_rows(&BACKGROUND, &added, &mut rows);
        let scores: Vec<f32> = rows.chunks_exact(4).map(worth).collect();
        assert_eq!(scores.len(), game.rows());
        game.parts(worth(&BACKGROUND), &scores, all())
    }

    /// The 6 orders of 3 players.
    const ORDERS: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

    /// Owen's value by its definition: the mean over all orders of groups and of members.
    fn owen() -> Vec<f64> {
        let (groups, members) = (groups(), members());
        let mut values = vec![0.0; 3];
        for order in ORDERS {
            let earlier = order.iter().take_while(|group| **group != 0);
            let before: Vec<&Vec<f32>> = earlier.map(|group| &groups[*group]).collect();
            for inner in ORDERS {
                let mut present = before.clone();
                for member in inner {
                    let without = of(&present);
                    present.push(&members[member]);
                    values[member] += f64::from(of(&present) - without) / 36.0;
                }
            }
        }
        values
    }

    #[test]
    fn groups_are_exact_and_members_sum_to_theirs() {
        let parts = play(2, 1);
        let total = f64::from(all() - worth(&BACKGROUND));
        assert!((parts.groups.iter().sum::<f64>() - total).abs() < 1e-6);
        let mut expected = vec![0.0; 3];
        for order in ORDERS {
            let mut present: Vec<&Vec<f32>> = Vec::new();
            let groups = groups();
            for group in order {
                let without = of(&present);
                present.push(&groups[group]);
                expected[group] += f64::from(of(&present) - without) / 6.0;
            }
        }
        for (found, expected) in parts.groups.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        for seed in 1..20 {
            let parts = play(2, seed);
            let members: f64 = parts.members.values.iter().sum();
            assert!((members - parts.groups[0]).abs() < 1e-6, "{seed}");
        }
    }

    #[test]
    fn members_come_to_the_value_of_owen_within_their_error() {
        let parts = play(3_000, 7);
        for (at, expected) in owen().into_iter().enumerate() {
            let (found, error) = (parts.members.values[at], parts.members.standard_errors[at]);
            assert!(error > 0.0 && error < 0.02, "{error}");
            assert!((found - expected).abs() < 3.5 * error, "{found} {expected} {error}");
        }
    }

    #[test]
    fn a_slot_without_groups_has_no_rows_and_no_parts() {
        let game = SlotGame::new(0, None, 4, &mut SeededRandom::new(Seed(1)));
        assert_eq!((game.rows(), game.added()), (0, 0));
        let parts = game.parts(1.0, &[], 1.0);
        assert!(parts.groups.is_empty() && parts.members.values.is_empty());
    }
}
