//! Visits before the first day: who went where, by their own choice.

use noctule_core::base::{Seed, SeededRandom, WeekMinute};

use super::Town;
use super::people::Person;
use super::plan::CONTEXTS;
use crate::world::{BEGIN_MS, DAY_MS, MINUTE_MS, PastChoice};

/// Places that come to mind before a choice.
const CONSIDERED: usize = 40;

/// Shares of breakfasts, lunches and dinners among visits.
const MEALS: [f64; 3] = [0.25, 0.35, 0.40];

/// Draws visits: an occasion, a few open places that come to mind by fame, and a choice among them
/// by affinity (a softmax: Luce's choice rule).
pub(crate) struct Visits<'a> {
    town: &'a Town,
    /// By context: the places open in its middle, with the running sum of their fame.
    famous: Vec<Vec<(usize, f64)>>,
}

impl<'a> Visits<'a> {
    pub(crate) fn new(town: &'a Town) -> Self {
        let famous = (0..CONTEXTS).map(|context| {
            let mut sum = 0.0;
            let open = town.open_in(context);
            let with_fame = open.into_iter().map(|item| {
                sum += town.restaurants[item].fame;
                (item, sum)
            });
            with_fame.collect()
        });
        Self { famous: famous.collect(), town }
    }

    /// `count` visits of `person`, number `user`, in the `days` before the first day, in time
    /// order.
    pub(crate) fn of(
        &self,
        random: &mut SeededRandom,
        (user, person): (u32, &Person),
        days: u32,
        count: usize,
    ) -> Vec<PastChoice> {
        let mut visits: Vec<PastChoice> = Vec::with_capacity(count);
        // A town in which nothing is open at a meal must not hold anybody up for ever.
        for _ in 0..count * 10 {
            if visits.len() == count {
                break;
            }
            visits.extend(self.visit(random, user, person, days));
        }
        visits.sort_by_key(|visit| visit.at_ms);
        // Nobody is twice at the same place in the same minute.
        visits.dedup_by_key(|visit| (visit.at_ms, visit.item));
        visits
    }

    fn visit(
        &self,
        random: &mut SeededRandom,
        user: u32,
        person: &Person,
        days: u32,
    ) -> Option<PastChoice> {
        let midnight = BEGIN_MS - DAY_MS * (1 + random.below(days as usize) as i64);
        let weekend = WeekMinute::at(midnight, 0).day() >= 5;
        let context = random.weighted(&MEALS)? + if weekend { 3 } else { 0 };
        let when = self.town.plan.contexts[context].when;
        let minute = when.from as usize + random.below(when.length() as usize);
        let at_ms = midnight + minute as i64 * MINUTE_MS;
        let considered = self.considered(random, context, WeekMinute::at(at_ms, 0));
        let affinities: Vec<f64> =
            considered.iter().map(|item| self.town.affinity_of(person, *item, context)).collect();
        let best = affinities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = affinities.iter().map(|value| (value - best).exp()).collect();
        let item = considered[random.weighted(&weights)?] as u32;
        Some(PastChoice { user, item, at_ms, context: Some(context as u16), weight: 1.0 })
    }

    /// Up to [`CONSIDERED`] different places open at `moment`, drawn by fame.
    fn considered(
        &self,
        random: &mut SeededRandom,
        context: usize,
        moment: WeekMinute,
    ) -> Vec<usize> {
        let famous = &self.famous[context];
        let Some((_, total)) = famous.last().copied() else { return Vec::new() };
        let mut considered = Vec::with_capacity(CONSIDERED);
        for _ in 0..CONSIDERED * 2 {
            let draw = random.uniform() * total;
            let place = famous.partition_point(|(_, sum)| *sum <= draw).min(famous.len() - 1);
            let item = famous[place].0;
            if self.town.items[item].is_open(moment) && !considered.contains(&item) {
                considered.push(item);
                if considered.len() == CONSIDERED {
                    break;
                }
            }
        }
        considered
    }
}

/// The visits of all `people`, each a number of them within `count` (begin, end), in time order;
/// visits at the same time stand in the order of the people.
pub(crate) fn visits_of_all(
    town: &Town,
    seed: Seed,
    people: &[Person],
    days: u32,
    (least, most): (usize, usize),
) -> Vec<Vec<PastChoice>> {
    let visits = Visits::new(town);
    let one = |(user, person): (usize, &Person)| {
        let mut random = SeededRandom::new(seed.derive(&["visits", &person.key.to_string()]));
        let count = least + random.below(most - least + 1);
        visits.of(&mut random, (user as u32, person), days, count)
    };
    people.iter().enumerate().map(one).collect()
}
