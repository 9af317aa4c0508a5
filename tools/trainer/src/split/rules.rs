//! The splits of the literature by name.

use noctule_core::base::Seed;
use serde::{Deserialize, Serialize};

use super::{Leak, Split, global_time, leaks, leave_last_few_out, random};
use crate::Result;
use crate::datasets::Interactions;

/// A way of parting events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// [`leave_last_few_out`]: each user's last event for test, up to `validation` before it for
    /// validation. Most published tables use it with 1; it trains on what is later than the test
    /// events of others.
    LeaveLastOut {
        /// Most validation events of a user.
        validation: usize,
    },
    /// [`global_time`]: one point in time for all. What use is like.
    GlobalTime {
        /// Share of the events for validation.
        validation: f64,
        /// Share of the events for test.
        test: f64,
    },
    /// [`random`]: every event by chance. Trains on the future.
    Random {
        /// Share of the events for validation.
        validation: f64,
        /// Share of the events for test.
        test: f64,
    },
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::LeaveLastOut { validation: 1 }
    }
}

impl SplitRule {
    /// Parts `data`, and says what leaks by it; `seed` is that of [`Self::Random`].
    ///
    /// ```
    /// # use noctule_trainer::datasets::Interactions;
    /// use noctule_trainer::split::SplitRule;
    /// let (split, leaks) = SplitRule::default().apply(&Interactions::default(), 1)?;
    /// assert!(split.test.is_empty() && leaks.is_empty());
    /// # Ok::<(), noctule_trainer::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Setting`] for shares that are not below 1 together, [`crate::Error::Data`]
    /// when a split by time lacks times.
    pub fn apply(self, data: &Interactions, seed: u64) -> Result<(Split, Vec<Leak>)> {
        let split = match self {
            Self::LeaveLastOut { validation } => leave_last_few_out(data, validation),
            Self::GlobalTime { validation, test } => global_time(data, validation, test)?,
            Self::Random { validation, test } => random(data, validation, test, Seed(seed))?,
        };
        let leaks = leaks(data, &split);
        Ok((split, leaks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Interaction, bare_item};

    fn data(rows: &[(u32, u32, Option<i64>)]) -> Interactions {
        let event = |(user, item, at_ms): &(u32, u32, Option<i64>)| Interaction {
            user: *user,
            item: *item,
            at_ms: *at_ms,
            context: None,
            weight: 1.0,
        };
        Interactions {
            users: (0..8).map(|user| user.to_string()).collect(),
            items: (0..8).map(|item| bare_item(&item.to_string()).unwrap()).collect(),
            events: rows.iter().map(event).collect(),
            ..Interactions::default()
        }
    }

    #[test]
    fn leaving_the_last_out_trains_on_the_future_of_others() {
        let rows = [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 7), (1, 1, 8), (1, 2, 9)];
        let rows = rows.map(|(user, item, at)| (user, item, Some(at)));
        let (split, leaks) = SplitRule::default().apply(&data(&rows), 1).unwrap();
        assert_eq!(split.test, [2, 5]);
        assert!(matches!(leaks[0], Leak::TrainAfterTest { events: 2, users: 0, .. }), "{leaks:?}");
        // Item 2 is chosen last by both.
        assert!(matches!(leaks[1], Leak::ItemsOnlyInTest { items: 1, events: 2, of: 2 }));
        assert_eq!(leaks.len(), 2);
    }

    #[test]
    fn a_split_by_time_leaks_nothing_but_says_who_is_new() {
        let rows: Vec<_> = (0..20).map(|at| (at / 5, at % 4, Some(i64::from(at)))).collect();
        let rule = SplitRule::GlobalTime { validation: 0.25, test: 0.25 };
        let (split, leaks) = rule.apply(&data(&rows), 1).unwrap();
        assert_eq!((split.test.len(), split.validation.len()), (5, 5));
        assert_eq!(leaks, [Leak::UsersOnlyInTest { users: 1, of: 1 }]);
    }

    #[test]
    fn ties_repeats_and_missing_times_are_told() {
        let rows = [(0, 0, Some(5)), (0, 1, Some(5)), (0, 0, Some(5))];
        let (_, found) = SplitRule::default().apply(&data(&rows), 1).unwrap();
        assert!(found.contains(&Leak::TiesAtTheBorder { users: 1 }), "{found:?}");
        assert!(found.contains(&Leak::RepeatedInTest { events: 1, of: 1 }), "{found:?}");
        let rows = [(0, 0, None), (0, 1, None), (0, 2, None)];
        let (_, found) = SplitRule::default().apply(&data(&rows), 1).unwrap();
        assert!(found.contains(&Leak::NoTimes { events: 3 }), "{found:?}");
    }

    #[test]
    fn a_random_split_trains_on_the_users_own_future() {
        let rows: Vec<_> = (0..60).map(|at| (at % 3, at % 8, Some(i64::from(at)))).collect();
        let rule = SplitRule::Random { validation: 0.1, test: 0.2 };
        let (_, leaks) = rule.apply(&data(&rows), 1).unwrap();
        assert!(matches!(leaks[0], Leak::TrainAfterTest { users: 3, .. }), "{leaks:?}");
    }
}
