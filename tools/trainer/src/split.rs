//! Parting a data set into training, validation and test events.

mod leaks;
mod rules;

use noctule_core::base::{Seed, SeededRandom};

use crate::datasets::Interactions;
use crate::{Error, Result};
pub use leaks::{Leak, leaks};
pub use rules::SplitRule;

/// Indices into [`Interactions::events`]; each event is in exactly one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// What models are trained on.
    pub train: Vec<u32>,
    /// What settings, and the ranker, are fitted on.
    pub validation: Vec<u32>,
    /// What is measured, once.
    pub test: Vec<u32>,
}

/// Each user's last event is for test and the one before it for validation. Users with fewer than
/// three events stay in training whole.
#[must_use]
pub fn leave_last_out(data: &Interactions) -> Split {
    leave_last_few_out(data, 1)
}

/// Each user's last event is for test and up to `validation_max` (at least one, at most a quarter
/// of the user's other events, rounded up) before it for validation. Users with fewer than three
/// events stay in training whole.
#[must_use]
pub fn leave_last_few_out(data: &Interactions, validation_max: usize) -> Split {
    let mut split = Split::default();
    for mut events in data.by_user() {
        if events.len() >= 3 {
            split.test.extend(events.pop());
            let few = events.len().div_ceil(4).min(validation_max.max(1));
            split.validation.extend(events.drain(events.len() - few..));
        }
        split.train.extend(events);
    }
    split
}

/// Every event goes to test with probability `test`, to validation with probability `validation`.
///
/// # Errors
/// [`Error::Setting`] when a share is negative or the two are not below 1 together.
pub fn random(data: &Interactions, validation: f64, test: f64, seed: Seed) -> Result<Split> {
    check_shares(validation, test)?;
    let mut random = SeededRandom::new(seed.derive(&["split", "random"]));
    let mut split = Split::default();
    for index in 0..data.events.len() as u32 {
        let draw = random.uniform();
        let part = if draw < test {
            &mut split.test
        } else if draw < test + validation {
            &mut split.validation
        } else {
            &mut split.train
        };
        part.push(index);
    }
    Ok(split)
}

/// One point in time for all: the latest share `test` of the events is for test, the share
/// `validation` before it for validation. Events at the very same time stay together, in the later
/// part.
///
/// # Errors
/// [`Error::Setting`] as [`random`]; [`Error::Data`] when an event has no time.
pub fn global_time(data: &Interactions, validation: f64, test: f64) -> Result<Split> {
    check_shares(validation, test)?;
    let times: Option<Vec<i64>> = data.events.iter().map(|event| event.at_ms).collect();
    let Some(times) = times else {
        return Err(Error::data("a split by time needs a time for every event"));
    };
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let begin = |share: f64| {
        let place = ((1.0 - share) * sorted.len() as f64).round() as usize;
        sorted.get(place).copied().unwrap_or(i64::MAX)
    };
    let (validation_from, test_from) = (begin(validation + test), begin(test));
    let mut split = Split::default();
    for (index, time) in times.iter().enumerate() {
        let part = if *time >= test_from {
            &mut split.test
        } else if *time >= validation_from {
            &mut split.validation
        } else {
            &mut split.train
        };
        part.push(index as u32);
    }
    Ok(split)
}

fn check_shares(validation: f64, test: f64) -> Result<()> {
    if validation >= 0.0 && test >= 0.0 && validation + test < 1.0 {
        return Ok(());
    }
    Err(Error::setting("split", format!("shares {validation} and {test} are not below 1 together")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::datasets::Interaction;

    fn data(rows: &[(u32, Option<i64>)]) -> Interactions {
        let event = |(user, at_ms): &(u32, Option<i64>)| Interaction {
            user: *user,
            item: 0,
            at_ms: *at_ms,
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..8).map(|user| user.to_string()).collect(),
            events: rows.iter().map(event).collect(),
            ..Interactions::default()
        }
    }

    #[test]
    fn the_last_event_in_time_is_for_test_and_short_histories_stay_whole() {
        let data = data(&[(0, Some(9)), (0, Some(3)), (0, Some(5)), (1, Some(1)), (1, Some(2))]);
        let split = leave_last_out(&data);
        assert_eq!((split.test, split.validation), (vec![0], vec![2]));
        assert_eq!(split.train, [1, 3, 4]);
    }

    #[test]
    fn longer_histories_give_more_to_validation_up_to_a_quarter() {
        let rows = |user, events: i64| (0..events).map(move |at| (user, Some(at)));
        let data = data(&rows(0, 9).chain(rows(1, 40)).collect::<Vec<_>>());
        let split = leave_last_few_out(&data, 5);
        assert_eq!(split.validation, [6, 7, 43, 44, 45, 46, 47]);
        assert_eq!(split.test, [8, 48]);
    }

    #[test]
    fn a_split_by_time_looks_at_time_alone_and_needs_it() {
        let rows: Vec<_> = (0..10).map(|i| (i % 3, Some(i64::from(9 - i)))).collect();
        let split = global_time(&data(&rows), 0.1, 0.2).unwrap();
        assert_eq!((split.test, split.validation), (vec![0, 1], vec![2]));
        assert!(matches!(global_time(&data(&[(0, None)]), 0.1, 0.1), Err(Error::Data { .. })));
        assert!(matches!(global_time(&data(&[]), 0.5, 0.5), Err(Error::Setting { .. })));
    }

    proptest! {
        #[test]
        fn every_event_is_in_exactly_one_part(
            rows in prop::collection::vec((0u32..8, prop::option::of(0i64..20)), 0..60),
            seed in any::<u64>(),
        ) {
            let data = data(&rows);
            let splits = [leave_last_out(&data), random(&data, 0.2, 0.3, Seed(seed)).unwrap()];
            for split in splits.into_iter().chain(global_time(&data, 0.2, 0.3).ok()) {
                let mut all = [split.train, split.validation, split.test].concat();
                all.sort_unstable();
                prop_assert!(all.iter().copied().eq(0..rows.len() as u32));
            }
        }
    }

    #[test]
    fn the_seed_decides_a_random_split() {
        let data = data(&[(0, None); 200]);
        let split = |seed| random(&data, 0.2, 0.2, Seed(seed)).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        assert!((20..60).contains(&split(1).test.len()));
    }
}
