//! Clicks on the slates of any ranking, under any position bias, without phones: to try what
//! learns from clicks against the truth.
//!
//! Slates are filled by the re-ranking of the product, which explores and writes the propensities;
//! people react as [`crate::choice`] says.

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::release::Exploration;
use noctule_core::reranking::{Constraints, Ranked, Settings, rerank};

use crate::choice::{Shown, react_with};
use crate::world::{Showing, World};

/// How clicks are made.
pub struct ClickSettings<'a> {
    /// Days of showings.
    pub days: u32,
    /// Slots of a slate.
    pub length: usize,
    /// How slates are drawn from the ranking.
    pub exploration: Exploration,
    /// Probability that the slot at a position is looked at.
    pub examination: &'a (dyn Fn(u32) -> f64 + Sync),
    /// Of everything random. With the same seed, days and exploration the same slates are shown
    /// whatever the examination, and what is looked at under two is liked under both or neither.
    pub seed: u64,
}

/// Shows slates to everyone with a phone, phone by phone in time order, and hands each event to
/// `record` with the number of its phone. `score` gives the score of every item by which the slates
/// of a phone in a context (an index of the plan) are ranked; only open items are shown.
pub fn play(
    world: &dyn World,
    settings: &ClickSettings<'_>,
    score: &dyn Fn(usize, usize) -> Vec<f32>,
    record: &mut dyn FnMut(usize, FeedbackEvent),
) {
    let seed = Seed(settings.seed).derive(&["clicks"]);
    for phone in 0..world.phones() {
        let seed = seed.derive(&[&phone.to_string()]);
        let mut slates = SeededRandom::new(seed.derive(&["slates"]));
        let mut people = SeededRandom::new(seed.derive(&["people"]));
        let mut rankings: Vec<Option<Vec<Ranked>>> = vec![None; world.plan().contexts.len()];
        let mut generation = 0;
        for showing in (0..settings.days).flat_map(|day| world.showings(day)) {
            let context = showing.context_index;
            let ranked = rankings[context]
                .get_or_insert_with(|| open_items(world, context, &score(phone, context)));
            let slots = slate(world, ranked, settings, &mut slates);
            generation += 1;
            let events =
                reactions(world, phone, &showing, &slots, generation, settings, &mut people);
            events.into_iter().for_each(|event| record(phone, event));
        }
    }
}

fn open_items(world: &dyn World, context: usize, scores: &[f32]) -> Vec<Ranked> {
    let moment = world.plan().contexts[context].when.middle();
    let items = world.items().iter().zip(scores).zip(0..);
    items
        .filter(|((item, _), _)| item.is_open(moment))
        .map(|((_, score), index)| Ranked { index, score: *score })
        .collect()
}

fn slate(
    world: &dyn World,
    ranked: &[Ranked],
    settings: &ClickSettings<'_>,
    random: &mut SeededRandom,
) -> Vec<Shown> {
    let settings = Settings {
        length: settings.length,
        diversity: None,
        exploration: settings.exploration,
        constraints: &Constraints::default(),
    };
    let slots = rerank(ranked, &settings, random).slots;
    let shown = |(position, slot): (u32, noctule_core::reranking::Placed)| Shown {
        item: world.items()[slot.index as usize].id.clone(),
        index: slot.index as usize,
        position,
        propensity: Some(slot.propensity),
    };
    (0..).zip(slots).map(shown).collect()
}

fn reactions(
    world: &dyn World,
    phone: usize,
    showing: &Showing,
    slots: &[Shown],
    generation: u64,
    settings: &ClickSettings<'_>,
    random: &mut SeededRandom,
) -> Vec<FeedbackEvent> {
    let examination = settings.examination;
    react_with(world, phone, showing, slots, Some(generation), examination, random).events
}

#[cfg(test)]
mod tests {
    use noctule_core::feedback::EventKind;

    use super::*;
    use crate::{Town, TownSettings};

    fn events(town: &Town, examination: &(dyn Fn(u32) -> f64 + Sync)) -> Vec<FeedbackEvent> {
        let exploration = Exploration { epsilon: 0.0, temperature: 0.2, pool: 30 };
        let settings = ClickSettings { days: 3, length: 8, exploration, examination, seed: 5 };
        let mut events = Vec::new();
        play(
            town,
            &settings,
            &|_, _| (0..60).map(|item| item as f32).collect(),
            &mut |_, event| {
                events.push(event);
            },
        );
        events
    }

    #[test]
    fn the_same_slates_are_shown_whatever_is_looked_at_and_more_is_clicked_without_bias() {
        let settings =
            TownSettings { restaurants: 60, residents: 0, phones: 20, ..TownSettings::default() };
        let town = Town::new(&settings).unwrap();
        let steep = events(&town, &|position| 1.0 / f64::from(position + 1).powi(2));
        let all = events(&town, &|_| 1.0);
        let of = |events: &[FeedbackEvent], kind| -> Vec<FeedbackEvent> {
            events.iter().filter(|event| event.kind == kind).cloned().collect()
        };
        assert_eq!(of(&steep, EventKind::Impression), of(&all, EventKind::Impression));
        let (few, many) = (of(&steep, EventKind::Click), of(&all, EventKind::Click));
        assert!(few.iter().all(|click| many.contains(click)));
        assert!(!few.is_empty() && many.len() > 2 * few.len(), "{} {}", few.len(), many.len());
        assert!(all.iter().all(|event| event.propensity.is_some_and(|p| p > 0.0 && p <= 1.0)));
    }
}
