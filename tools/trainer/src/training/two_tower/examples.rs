//! What the towers learn from: each choice, with what its user had chosen before.

use noctule_core::release::Architecture;

use super::TwoTowerSettings;
use crate::datasets::{Interaction, Interactions};
use crate::training::Sparse;
use crate::training::neural::ops::Pool;

/// Choices by user, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    by_user: Vec<Vec<Interaction>>,
    /// The same, each item once, in ascending order.
    chosen: Vec<Vec<u32>>,
    /// User and place of every choice.
    all: Vec<(u32, u32)>,
    items: usize,
    contexts: usize,
    dimensions: usize,
    /// Choices of a history that count, the newest.
    history: usize,
    context_weight: f32,
}

impl Examples {
    /// The choices `indices` of `data`, in a plan of `contexts`.
    #[must_use]
    pub fn new(
        data: &Interactions,
        indices: &[u32],
        contexts: usize,
        settings: &TwoTowerSettings,
    ) -> Self {
        let mut kept = vec![false; data.events.len()];
        indices.iter().for_each(|index| kept[*index as usize] = true);
        let events = |events: Vec<u32>| -> Vec<Interaction> {
            let events = events.into_iter().filter(|index| kept[*index as usize]);
            events.map(|index| data.events[index as usize]).collect()
        };
        let by_user: Vec<Vec<Interaction>> = data.by_user().into_iter().map(events).collect();
        let chosen = by_user.iter().map(|events| {
            let mut items: Vec<u32> = events.iter().map(|event| event.item).collect();
            items.sort_unstable();
            items.dedup();
            items
        });
        let places = (0u32..).zip(&by_user);
        let all = places.flat_map(|(user, of)| (0..of.len() as u32).map(move |at| (user, at)));
        Self {
            chosen: chosen.collect(),
            all: all.collect(),
            by_user,
            items: data.items.len(),
            contexts,
            dimensions: settings.dimensions,
            history: settings.history,
            context_weight: settings.context_weight,
        }
    }

    /// User and place of every choice.
    #[must_use]
    pub fn all(&self) -> &[(u32, u32)] {
        &self.all
    }

    /// Items of the catalogue.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// What `user` chose, the oldest first.
    #[must_use]
    pub fn of(&self, user: u32) -> &[Interaction] {
        self.by_user.get(user as usize).map_or(&[], Vec::as_slice)
    }

    /// The same, each item once, in ascending order.
    #[must_use]
    pub fn chosen(&self, user: u32) -> &[u32] {
        self.chosen.get(user as usize).map_or(&[], Vec::as_slice)
    }

    /// The share of each item in all choices.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.items];
        self.all.iter().for_each(|example| counts[self.target(*example) as usize] += 1.0);
        let whole = self.all.len().max(1) as f64;
        counts.iter_mut().for_each(|count| *count /= whole);
        counts
    }

    /// The item of a choice.
    #[must_use]
    pub fn target(&self, (user, place): (u32, u32)) -> u32 {
        self.of(user)[place as usize].item
    }

    /// When a choice was made, where that is known.
    #[must_use]
    pub fn at_ms(&self, (user, place): (u32, u32)) -> Option<i64> {
        self.of(user)[place as usize].at_ms
    }

    /// What the user tower reads of the first `place` choices of each user, in this context.
    #[must_use]
    pub fn inputs(&self, of: impl Iterator<Item = (u32, usize, Option<u16>)>) -> Pool {
        let mut pool = Pool::new();
        for (user, place, context) in of {
            let events = self.of(user);
            let events = &events[..place.min(events.len())];
            self.push(&mut pool, &events[events.len().saturating_sub(self.history)..], context);
        }
        pool
    }

    /// What it reads in front of each of `examples`.
    #[must_use]
    pub fn before(&self, examples: &[(u32, u32)]) -> Pool {
        let place = |(user, place): &(u32, u32)| {
            let place = *place as usize;
            (*user, place, self.of(*user)[place].context)
        };
        self.inputs(examples.iter().map(place))
    }

    fn push(&self, pool: &mut Pool, events: &[Interaction], context: Option<u16>) {
        let weight = |event: &Interaction| {
            let same = context.is_some() && event.context == context;
            event.weight * if same { self.context_weight } else { 1.0 }
        };
        let entries = events.iter().map(|event| (0, event.item, weight(event))).collect();
        let chosen = Sparse::from_entries(entries, 1, self.items);
        // Behind the mean of what was chosen: that of what was passed over, both counts, context.
        let d = self.dimensions;
        let mut others = vec![0.0; Architecture::tower_inputs(d, self.contexts) - d];
        others[d] = libm::log1pf(chosen.row(0).len() as f32);
        if let Some(context) = context.map(usize::from).filter(|at| *at < self.contexts) {
            others[d + 2 + context] = 1.0;
        }
        pool.push(chosen.row(0), &others);
    }
}
