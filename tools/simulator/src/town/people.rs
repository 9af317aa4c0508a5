//! The people of the town and what they like.

use noctule_core::base::{GeoPoint, Seed, SeededRandom};

use super::plan::CONTEXTS;
use super::restaurant::{CENTRE, TASTES, Taste, direction, scattered};

/// Kinds of eaters around whom tastes gather.
const CIRCLES: usize = 12;

/// One person, with tastes that change with daypart and weekend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    /// Tells people apart in draws; no two of a town are alike.
    pub(crate) key: u64,
    /// Where they live.
    pub(crate) home: GeoPoint,
    /// Log-odds lost with each kilometre.
    pub(crate) distance_aversion: f64,
    /// Taste by context, about unit length.
    pub(crate) taste: [Taste; CONTEXTS],
    /// Ideal price level by context, on the scale 0 to 2.
    pub(crate) budget: [f64; CONTEXTS],
}

/// What all people of a town have in common: the circles, and how taste turns with the day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Society {
    circles: Vec<Circle>,
}

#[derive(Debug, Clone, PartialEq)]
struct Circle {
    taste: Taste,
    turns: [Taste; CONTEXTS],
    budget: f64,
}

impl Society {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut random = SeededRandom::new(seed.derive(&["town", "society"]));
        let mut circle = || {
            let taste = direction(&mut random);
            let mut dayparts = [[0.0; TASTES]; 3];
            dayparts.fill_with(|| direction(&mut random));
            let weekend = direction(&mut random);
            let mut turns = [[0.0; TASTES]; CONTEXTS];
            for (context, turn) in turns.iter_mut().enumerate() {
                let weekend_share = if context >= 3 { 0.4 } else { 0.0 };
                for (axis, value) in turn.iter_mut().enumerate() {
                    *value = 0.5 * dayparts[context % 3][axis] + weekend_share * weekend[axis];
                }
            }
            Circle { taste, turns, budget: 0.4 + 0.9 * random.uniform() }
        };
        Self { circles: (0..CIRCLES).map(|_| circle()).collect() }
    }

    /// `count` people, numbered from `first_key`, of the stream `purpose`.
    pub(crate) fn people(
        &self,
        seed: Seed,
        purpose: &str,
        first_key: u64,
        count: usize,
    ) -> Vec<Person> {
        let mut random = SeededRandom::new(seed.derive(&["town", "people", purpose]));
        (first_key..).take(count).map(|key| self.person(&mut random, key)).collect()
    }

    fn person(&self, random: &mut SeededRandom, key: u64) -> Person {
        let circle = &self.circles[random.below(self.circles.len())];
        let own = direction(random);
        let own_turn = direction(random);
        let mut taste = [[0.0; TASTES]; CONTEXTS];
        for (context, taste) in taste.iter_mut().enumerate() {
            for (axis, value) in taste.iter_mut().enumerate() {
                let turned = if context % 3 == 0 { 0.3 * own_turn[axis] } else { 0.0 };
                *value = 0.75 * circle.taste[axis]
                    + circle.turns[context][axis]
                    + turned
                    + 0.6 * own[axis];
            }
        }
        let thrift = circle.budget + 0.3 * random.normal();
        let mut budget = [thrift; CONTEXTS];
        for (context, level) in budget.iter_mut().enumerate() {
            // Dinner may cost more than breakfast, and the weekend more than a working day.
            *level += 0.25 * (context % 3) as f64 + if context >= 3 { 0.25 } else { 0.0 } - 0.3;
        }
        Person {
            key,
            home: scattered(random, CENTRE, 1.8),
            distance_aversion: 0.15 + 0.35 * random.uniform(),
            taste,
            budget,
        }
    }
}
