//! How much the answers of one device may tell in all: composition (Dwork and Roth, 2014, 3.5).
//!
//! Every answer costs, also one that is given again: if a repeated one were free, what is marked as
//! noise would say whether the user had changed her mind.

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::base::Day;
use crate::release::PrivateBudget;

/// Parts of an epsilon that are counted.
const PARTS: f64 = 1e6;

/// What was spent, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Spent {
    /// The newest day on which anything was told: a clock that is set back brings nothing back.
    day: i64,
    today: u64,
    in_all: u64,
}

/// Says of each answer whether it may still be told.
#[derive(Debug)]
pub struct Meter {
    budget: PrivateBudget,
    spent: Spent,
    changed: bool,
}

impl Meter {
    /// With `budget`, on `day`, after `spent`.
    #[must_use]
    pub fn new(budget: PrivateBudget, mut spent: Spent, day: Day) -> Self {
        if day.0 > spent.day {
            spent = Spent { day: day.0, today: 0, in_all: spent.in_all };
        }
        Self { budget, spent, changed: false }
    }

    /// With nothing left on `day`, and nothing in all.
    #[must_use]
    pub fn exhausted(budget: PrivateBudget, day: Day) -> Self {
        let spent = Spent { day: day.0, today: u64::MAX, in_all: u64::MAX };
        Self { budget, spent, changed: true }
    }

    /// Whether one more answer may be told with `epsilon`; it is counted then.
    pub fn may_tell(&mut self, epsilon: f64) -> bool {
        let cost = (epsilon * PARTS).ceil() as u64;
        let today = self.spent.today.saturating_add(cost);
        let in_all = self.spent.in_all.saturating_add(cost);
        let within = |spent: u64, most: Option<f64>| {
            most.is_none_or(|most| spent <= (most * PARTS).floor() as u64)
        };
        let allowed =
            within(today, self.budget.epsilon_a_day) && within(in_all, self.budget.epsilon_in_all);
        if allowed {
            (self.spent.today, self.spent.in_all) = (today, in_all);
            self.changed = true;
        }
        allowed
    }

    /// What is spent by now, when it is more than before.
    #[must_use]
    pub fn into_spent(self) -> Option<Spent> {
        self.changed.then_some(self.spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Seed, SeededRandom};

    fn budget(a_day: Option<f64>, in_all: Option<f64>) -> PrivateBudget {
        PrivateBudget { epsilon_a_day: a_day, epsilon_in_all: in_all }
    }

    #[test]
    fn a_day_has_so_much_and_the_next_as_much_again() {
        let mut meter = Meter::new(budget(Some(2.5), None), Spent::default(), Day(10));
        assert_eq!([1.0, 1.0, 1.0, 0.5].map(|one| meter.may_tell(one)), [true, true, false, true]);
        let spent = meter.into_spent().unwrap();
        let mut next = Meter::new(budget(Some(2.5), None), spent, Day(11));
        assert!(next.may_tell(1.0));
    }

    #[test]
    fn what_cannot_be_read_counts_as_spent_and_a_day_comes_back() {
        let daily = budget(Some(2.0), None);
        let mut meter = Meter::exhausted(daily, Day(10));
        assert!(!meter.may_tell(0.01));
        let spent = meter.into_spent().unwrap();
        assert!(Meter::new(daily, spent, Day(11)).may_tell(2.0));
        assert!(!Meter::new(budget(None, Some(1e6)), spent, Day(11)).may_tell(0.01));
    }

    #[test]
    fn what_was_spent_in_all_never_comes_back() {
        let mut spent = Spent::default();
        let mut told = 0;
        for day in 0..10 {
            let mut meter = Meter::new(budget(None, Some(5.0)), spent, Day(day));
            told += u32::from(meter.may_tell(1.0));
            spent = meter.into_spent().unwrap_or(spent);
        }
        assert_eq!(told, 5);
    }

    #[test]
    fn no_budget_is_overspent_however_clocks_jump_and_processes_end() {
        for seed in 0..10_000 {
            let mut random = SeededRandom::new(Seed(seed));
            let (a_day, in_all) = (0.5 + 4.0 * random.uniform(), 2.0 + 20.0 * random.uniform());
            let budget = budget(Some(a_day), Some(in_all));
            let mut spent = Spent::default();
            let (mut newest, mut of_newest, mut all) = (0, 0.0, 0.0);
            for _ in 0..random.below(12) {
                let day = random.below(8) as i64;
                let mut meter = Meter::new(budget, spent, Day(day));
                for _ in 0..random.below(6) {
                    let epsilon = 0.01 + 3.0 * random.uniform();
                    if meter.may_tell(epsilon) {
                        if day > newest {
                            (newest, of_newest) = (day, 0.0);
                        }
                        of_newest += epsilon;
                        all += epsilon;
                    }
                }
                // A process that ends before its transaction does has told nothing either.
                spent = meter.into_spent().unwrap_or(spent);
                assert!(of_newest <= a_day && all <= in_all, "seed {seed}");
            }
        }
    }
}
