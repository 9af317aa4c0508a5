//! What a split lets models know that they could not know in use.

use serde::{Deserialize, Serialize};

use super::Split;
use crate::datasets::Interactions;

/// A way in which a split flatters or wrongs a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "leak", rename_all = "snake_case")]
pub enum Leak {
    /// Events are trained on that happened after events that are tested on: trends of the test
    /// period are known beforehand.
    TrainAfterTest {
        /// Training and validation events after the first test event.
        events: usize,
        /// Their share of those events.
        share: f64,
        /// Users one of whose own known events is later than one of their test events.
        users: usize,
    },
    /// Users of the test part of whom nothing else is known.
    UsersOnlyInTest {
        /// How many.
        users: usize,
        /// All users of the test part.
        of: usize,
    },
    /// Items of the test part that no other part holds: a collaborative model cannot find them.
    ItemsOnlyInTest {
        /// How many.
        items: usize,
        /// Test events with such an item.
        events: usize,
        /// All test events.
        of: usize,
    },
    /// Pairs of the test part that the same user has in training: they are left out of the ranking
    /// with what was seen, and count as missed.
    RepeatedInTest {
        /// Test events that repeat a known pair.
        events: usize,
        /// All test events.
        of: usize,
    },
    /// Users whose last event before the test part is at the same time as their first in it: the
    /// order of the data decided which is tested.
    TiesAtTheBorder {
        /// How many.
        users: usize,
    },
    /// Events have no time, so that nothing can be said of time.
    NoTimes {
        /// Events without a time.
        events: usize,
    },
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TrainAfterTest { events, share, users } => write!(
                f,
                "{events} events ({:.1} %) that models learn from are later than the first test \
                 event, for {users} users even later than their own: figures are too good for a \
                 model that must predict the future; a split by time has no such leak",
                share * 100.0
            ),
            Self::UsersOnlyInTest { users, of } => {
                write!(
                    f,
                    "{users} of {of} users are in the test part only: nothing is known of them"
                )
            }
            Self::ItemsOnlyInTest { items, events, of } => write!(
                f,
                "{items} items are in the test part only; {events} of {of} test events ask for one"
            ),
            Self::RepeatedInTest { events, of } => write!(
                f,
                "{events} of {of} test events repeat an item that the user is known to have \
                 chosen: missed where seen items are left out"
            ),
            Self::TiesAtTheBorder { users } => write!(
                f,
                "for {users} users the last known and the first test event are at the same time: \
                 the order of the data decided (stable)"
            ),
            Self::NoTimes { events } => {
                write!(f, "{events} events have no time: the order of the data stands for it")
            }
        }
    }
}

/// Looks for every [`Leak`] of `split`.
#[must_use]
pub fn leaks(data: &Interactions, split: &Split) -> Vec<Leak> {
    if split.test.is_empty() {
        return Vec::new();
    }
    let known = Known::of(data, split);
    let mut leaks = Vec::new();
    leaks.extend(known.train_after_test(data, split));
    leaks.extend(known.only_in_test(data, split));
    leaks.extend(repeated(data, split));
    leaks.extend(known.ties());
    let events = data.events.iter().filter(|event| event.at_ms.is_none()).count();
    if events > 0 {
        leaks.push(Leak::NoTimes { events });
    }
    leaks
}

/// Training and validation events.
struct Known {
    events: Vec<u32>,
    users: Vec<bool>,
    items: Vec<bool>,
    /// Latest known time of each user.
    latest: Vec<Option<i64>>,
    /// Earliest test time of each user.
    first_test: Vec<Option<i64>>,
}

impl Known {
    fn of(data: &Interactions, split: &Split) -> Self {
        let events = [split.train.as_slice(), &split.validation].concat();
        let (mut users, mut items) = (vec![false; data.users.len()], vec![false; data.items.len()]);
        let mut latest = vec![None; data.users.len()];
        for index in &events {
            let event = data.events[*index as usize];
            users[event.user as usize] = true;
            items[event.item as usize] = true;
            let latest = &mut latest[event.user as usize];
            *latest = (*latest).max(event.at_ms);
        }
        let mut first_test: Vec<Option<i64>> = vec![None; data.users.len()];
        for index in &split.test {
            let event = data.events[*index as usize];
            let first = &mut first_test[event.user as usize];
            *first = [*first, event.at_ms].into_iter().flatten().min();
        }
        Self { events, users, items, latest, first_test }
    }

    fn train_after_test(&self, data: &Interactions, split: &Split) -> Option<Leak> {
        let times = split.test.iter().filter_map(|index| data.events[*index as usize].at_ms);
        let first = times.min()?;
        let later = |index: &&u32| data.events[**index as usize].at_ms.is_some_and(|at| at > first);
        let events = self.events.iter().filter(later).count();
        let own = self.latest.iter().zip(&self.first_test);
        let users = own
            .filter(|(latest, test)| matches!((latest, test), (Some(a), Some(b)) if a > b))
            .count();
        let share = events as f64 / self.events.len().max(1) as f64;
        (events > 0).then_some(Leak::TrainAfterTest { events, share, users })
    }

    fn only_in_test(&self, data: &Interactions, split: &Split) -> impl Iterator<Item = Leak> {
        let tested = split.test.iter().map(|index| data.events[*index as usize]);
        let (mut users, mut items): (Vec<u32>, Vec<u32>) =
            tested.map(|event| (event.user, event.item)).unzip();
        let of = items.len();
        items.retain(|item| !self.items[*item as usize]);
        let events = items.len();
        let distinct = |values: &mut Vec<u32>| {
            values.sort_unstable();
            values.dedup();
            values.len()
        };
        let items = distinct(&mut items);
        let all_users = distinct(&mut users);
        users.retain(|user| !self.users[*user as usize]);
        let cold = users.len();
        let users = (cold > 0).then_some(Leak::UsersOnlyInTest { users: cold, of: all_users });
        let items = (items > 0).then_some(Leak::ItemsOnlyInTest { items, events, of });
        users.into_iter().chain(items)
    }

    fn ties(&self) -> Option<Leak> {
        let pairs = self.latest.iter().zip(&self.first_test);
        let users = pairs.filter(|(latest, test)| latest.is_some() && latest == test).count();
        (users > 0).then_some(Leak::TiesAtTheBorder { users })
    }
}

fn repeated(data: &Interactions, split: &Split) -> Option<Leak> {
    let pair = |index: &u32| {
        let event = data.events[*index as usize];
        (event.user, event.item)
    };
    let mut known: Vec<(u32, u32)> =
        split.train.iter().chain(&split.validation).map(pair).collect();
    known.sort_unstable();
    let seen = |index: &&u32| known.binary_search(&pair(index)).is_ok();
    let events = split.test.iter().filter(seen).count();
    (events > 0).then_some(Leak::RepeatedInTest { events, of: split.test.len() })
}
