//! Who gets a phone, what is on it, and what is held out.

use std::collections::BTreeSet;

use noctule_core::base::{GeoPoint, Seed, SeededRandom};

use super::{RecordedChoice, RecordedSettings, RecordedUser};
use crate::world::{BEGIN_MS, MINUTE_MS, PastChoice};

/// One person with a phone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Owner {
    pub(super) user: u32,
    pub(super) place: Option<GeoPoint>,
    pub(super) history: Vec<PastChoice>,
    /// Held-out items, ascending.
    pub(super) held_out: Vec<u32>,
}

/// The choices in time order, each item once, at its first time; without time, in the order of the
/// data.
pub(super) fn in_order(user: &RecordedUser) -> Vec<RecordedChoice> {
    let mut choices = user.choices.clone();
    choices.sort_by_key(|choice| choice.at_ms);
    let mut seen = BTreeSet::new();
    choices.retain(|choice| seen.insert(choice.item));
    choices
}

/// The choices that count as the truth about `user`, in time order.
fn strong(user: &RecordedUser, settings: &RecordedSettings) -> Vec<RecordedChoice> {
    let mut choices = in_order(user);
    choices.retain(|choice| choice.weight >= settings.weight_min);
    choices
}

/// The users who get a phone, ascending: a seeded half of those with enough choices, at most.
pub(super) fn owners(users: &[RecordedUser], settings: &RecordedSettings) -> Vec<usize> {
    let enough = |user: &RecordedUser| strong(user, settings).len() >= settings.choices_min;
    let mut able: Vec<usize> = (0..users.len()).filter(|number| enough(&users[*number])).collect();
    let mut random = SeededRandom::new(Seed(settings.seed).derive(&["recorded", "owners"]));
    let phones = settings.phones.min(able.len() / 2);
    random.shuffle(&mut able);
    able.truncate(phones);
    able.sort_unstable();
    able
}

pub(super) fn owner(number: usize, user: &RecordedUser, settings: &RecordedSettings) -> Owner {
    let mut choices = strong(user, settings);
    let purpose = ["recorded", "held-out", &number.to_string()];
    SeededRandom::new(Seed(settings.seed).derive(&purpose)).shuffle(&mut choices);
    let known = (choices.len() as f64 * settings.history_share) as usize;
    let known = known.clamp(1, settings.history_max).min(choices.len() - 1);
    let mut held_out: Vec<u32> = choices.split_off(known).iter().map(|c| c.item).collect();
    held_out.sort_unstable();
    choices.sort_by_key(|choice| choice.at_ms);
    // Feedback may be old, but a phone was there when it was given: its order counts, not its
    // date, so the history ends at midnight of the first day, an hour for each choice.
    let hours = choices.len() as i64;
    let past = |(at, choice): (i64, RecordedChoice)| PastChoice {
        user: number as u32,
        item: choice.item,
        at_ms: BEGIN_MS - (hours - at) * 60 * MINUTE_MS,
        context: choice.context,
        weight: choice.weight,
    };
    let history = (0..).zip(choices).map(past).collect();
    Owner { user: number as u32, place: user.place, history, held_out }
}
