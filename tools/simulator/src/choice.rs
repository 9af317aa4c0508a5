//! How a person reacts to a slate: the position-based click model (Richardson, Dominowska and
//! Ragno, WWW 2007; Craswell et al., WSDM 2008).
//!
//! A slot is looked at with a probability that only its position decides, and what is looked at is
//! clicked with the probability of the truth. The first click becomes the choice (a visit, a film
//! watched): at most one conversion for each showing. What is looked at and much disliked is
//! sometimes hidden for ever.

use noctule_core::base::{ItemId, SeededRandom};
use noctule_core::feedback::{EventKind, FeedbackEvent};

use crate::world::{Showing, World};

/// Fall of attention along the slate.
pub const EXAMINATION_EXPONENT: f64 = 0.6;

/// Probability of hiding a much disliked item on seeing it.
pub const HIDE_PROBABILITY: f64 = 0.02;

/// Milliseconds a person takes for each slot, and between click and conversion.
const SLOT_MS: i64 = 1_000;

/// Probability that the slot at `position`, from 0, is looked at: 1 / (position + 1)^0.6, so 1 at
/// the top, 0.66 below it and 0.25 at the tenth.
#[must_use]
pub fn examination_probability(position: u32) -> f64 {
    (f64::from(position) + 1.0).powf(-EXAMINATION_EXPONENT)
}

/// A slot as a phone shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The item.
    pub item: ItemId,
    /// Its index in the catalogue.
    pub index: usize,
    /// Position, from 0.
    pub position: u32,
    /// Propensity of the slot; none when it was moved at read time.
    pub propensity: Option<f64>,
}

/// What a person did with one slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// What the app records: an impression of every slot, then clicks, hides and the conversion.
    pub events: Vec<FeedbackEvent>,
    /// Position of the conversion, if there was one.
    pub accepted: Option<u32>,
}

/// The reaction of the user of `phone` to `slots` of slate `generation`.
///
/// Draws the same number of values for each slot whatever happens, so that two slates with a slot
/// in common are reacted to alike there.
#[must_use]
pub fn react(
    world: &dyn World,
    phone: usize,
    showing: &Showing,
    slots: &[Shown],
    generation: Option<u64>,
    random: &mut SeededRandom,
) -> Reaction {
    react_with(world, phone, showing, slots, generation, &examination_probability, random)
}

/// As [`react`], where the slot at a position is looked at with the probability `examination`.
#[must_use]
pub fn react_with(
    world: &dyn World,
    phone: usize,
    showing: &Showing,
    slots: &[Shown],
    generation: Option<u64>,
    examination: &dyn Fn(u32) -> f64,
    random: &mut SeededRandom,
) -> Reaction {
    let event = |kind, slot: &Shown, late: i64| FeedbackEvent {
        surface: Some(showing.surface.clone()),
        context: Some(showing.context.clone()),
        position: Some(i64::from(slot.position)),
        generation,
        propensity: slot.propensity,
        at_ms: Some(showing.at_ms + late * SLOT_MS),
        ..FeedbackEvent::new(kind, slot.item.clone())
    };
    let impression = |slot| event(EventKind::Impression, slot, 0);
    let mut events: Vec<FeedbackEvent> = slots.iter().map(impression).collect();
    let mut accepted = None;
    for slot in slots {
        let (look, like, hide) = (random.uniform(), random.uniform(), random.uniform());
        if look >= examination(slot.position) {
            continue;
        }
        let late = 1 + i64::from(slot.position);
        if like < world.acceptance(phone, slot.index, showing.context_index) {
            events.push(event(EventKind::Click, slot, late));
            if accepted.is_none() {
                accepted = Some(slot.position);
                events.push(event(EventKind::Conversion, slot, late + slots.len() as i64));
            }
        } else if hide < HIDE_PROBABILITY
            && world.dislikes(phone, slot.index, showing.context_index)
        {
            events.push(event(EventKind::Hide, slot, late));
        }
    }
    Reaction { events, accepted }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::Seed;

    use super::*;
    use crate::{Town, TownSettings};

    fn town() -> Town {
        let settings =
            TownSettings { restaurants: 120, residents: 0, phones: 4, ..TownSettings::default() };
        Town::new(&settings).unwrap()
    }

    fn slate(town: &Town, items: &[usize]) -> Vec<Shown> {
        let slot = |(position, index): (usize, &usize)| Shown {
            item: town.items()[*index].id.clone(),
            index: *index,
            position: position as u32,
            propensity: Some(0.5),
        };
        items.iter().enumerate().map(slot).collect()
    }

    #[test]
    fn clicks_come_as_often_as_examination_times_truth_says() {
        let town = town();
        let showing = &town.showings(0)[4];
        let items = town.favourites(0, showing.context_index, 10);
        let slots = slate(&town, &items);
        let mut random = SeededRandom::new(Seed(1));
        let showings = 20_000;
        let mut clicks = [0.0; 10];
        for _ in 0..showings {
            let reaction = react(&town, 0, showing, &slots, Some(1), &mut random);
            let clicked = reaction.events.iter().filter(|event| event.kind == EventKind::Click);
            clicked.for_each(|event| clicks[event.position.unwrap() as usize] += 1.0);
        }
        let chi_square: f64 = slots
            .iter()
            .map(|slot| {
                let truth = town.acceptance(0, slot.index, showing.context_index);
                let p = examination_probability(slot.position) * truth;
                let expected = p * f64::from(showings);
                (clicks[slot.position as usize] - expected).powi(2) / (expected * (1.0 - p))
            })
            .sum();
        // 99.9 % point of the chi-square distribution with 10 degrees of freedom.
        assert!(chi_square < 29.6, "{chi_square}: {clicks:?}");
    }

    #[test]
    fn the_same_item_is_clicked_less_often_at_the_foot_than_at_the_head() {
        let town = town();
        let showing = &town.showings(0)[2];
        let best = town.favourites(1, showing.context_index, 10);
        let worst_first: Vec<usize> = best.iter().rev().copied().collect();
        let mut random = SeededRandom::new(Seed(2));
        let mut clicks = |items: &[usize]| {
            let slots = slate(&town, items);
            (0..4_000)
                .filter(|_| {
                    let reaction = react(&town, 1, showing, &slots, None, &mut random);
                    let id = &town.items()[best[0]].id;
                    reaction.events.iter().any(|e| e.kind == EventKind::Click && e.item == *id)
                })
                .count()
        };
        let (head, foot) = (clicks(&best), clicks(&worst_first));
        assert!(head > 3 * foot && foot > 0, "{head} at the head, {foot} at the foot");
    }

    #[test]
    fn every_slot_is_an_impression_and_the_first_click_the_only_conversion() {
        let town = town();
        let mut random = SeededRandom::new(Seed(3));
        let (mut conversions, mut hides) = (0, 0);
        for round in 0..2_000 {
            let showing = &town.showings(round % 7)[round as usize % 6];
            let items: Vec<usize> = (0..10).map(|i| (round as usize + i * 7) % 120).collect();
            let slots = slate(&town, &items);
            let reaction = react(&town, 2, showing, &slots, Some(9), &mut random);
            let of = |kind| reaction.events.iter().filter(move |event| event.kind == kind);
            let shown: Vec<i64> =
                of(EventKind::Impression).filter_map(|event| event.position).collect();
            assert_eq!(shown, (0..10).collect::<Vec<i64>>());
            let converted: Vec<i64> =
                of(EventKind::Conversion).filter_map(|event| event.position).collect();
            let first = of(EventKind::Click).filter_map(|event| event.position).min();
            assert_eq!(converted, first.into_iter().collect::<Vec<i64>>());
            assert_eq!(reaction.accepted.map(i64::from), first);
            for event in of(EventKind::Hide) {
                let hidden = &slots[event.position.unwrap() as usize];
                assert!(town.dislikes(2, hidden.index, showing.context_index));
                hides += 1;
            }
            conversions += converted.len();
        }
        assert!(conversions > 50 && hides > 0, "{conversions} conversions, {hides} hides");
    }
}
