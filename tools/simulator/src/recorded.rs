//! A world made of a person's own data: what people chose is known, half of it is held out.
//!
//! Some people of the data get phones; all others train the model. A part of what each phone's
//! user chose is the history on the device, the rest is the truth: they accept it often when they
//! look at it, and hardly anything else.

use noctule_core::base::{ContextId, Days, GeoPoint, Seed, SeededRandom, Span, SurfaceId};
use noctule_core::catalogue::Item;
use noctule_core::release::{Candidates, Consumed, Context, Diversity, Exploration, Plan, Surface};

use crate::town::town_plan;
use crate::world::{BEGIN_MS, MINUTE_MS, PastChoice, World};
use crate::{Error, Result};

/// One positive choice of somebody: four stars and more, or a restaurant rated 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecordedChoice {
    /// Index of the item in the catalogue.
    pub item: u32,
    /// When, Unix milliseconds; none where the data do not say.
    pub at_ms: Option<i64>,
    /// Index of the context in the plan; none where it is unknown.
    pub context: Option<u16>,
    /// Confidence, above 0.
    pub weight: f32,
}

/// One person of the data.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordedUser {
    /// Where they usually are, where the data say.
    pub place: Option<GeoPoint>,
    /// What they chose, in any order.
    pub choices: Vec<RecordedChoice>,
}

/// How recorded data become a world.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSettings {
    /// Seed of who gets a phone and what is held out.
    pub seed: u64,
    /// People with phones: at most this many, and at most half of those with enough choices.
    pub phones: usize,
    /// Choices that a person needs in order to get a phone, at least 2.
    pub choices_min: usize,
    /// Share of a phone user's choices that becomes the history on the device, above 0 and below
    /// 1; at least one choice is in the history and one is held out.
    pub history_share: f64,
    /// Choices in the history on the device: at most this many.
    pub history_max: usize,
    /// Weight from which a choice is the truth: weaker ones train the model but are neither
    /// history nor held out.
    pub weight_min: f32,
    /// Probability of accepting a held-out item on looking at it.
    pub acceptance: f64,
    /// Probability of accepting anything else.
    pub acceptance_other: f64,
    /// The plan; none takes [`recorded_plan`] for the catalogue.
    pub plan: Option<Plan>,
}

impl Default for RecordedSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            phones: 240,
            choices_min: 4,
            history_share: 0.5,
            history_max: 20,
            weight_min: 1.0,
            acceptance: 0.6,
            acceptance_other: 0.02,
            plan: None,
        }
    }
}

impl RecordedSettings {
    fn check(&self) -> Result<()> {
        if self.choices_min < 2 {
            let reason = format!("{} is not at least 2", self.choices_min);
            return Err(Error::setting("choices_min", reason));
        }
        if !(self.history_share > 0.0 && self.history_share < 1.0) {
            let reason = format!("{} is not above 0 and below 1", self.history_share);
            return Err(Error::setting("history_share", reason));
        }
        if self.history_max == 0 {
            return Err(Error::setting("history_max", "0 is not at least 1"));
        }
        let probabilities =
            [("acceptance", self.acceptance), ("acceptance_other", self.acceptance_other)];
        for (field, value) in probabilities {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::setting(field, format!("{value} is not between 0 and 1")));
            }
        }
        Ok(())
    }
}

/// The plan for a catalogue that came with data: with opening hours, the meals of the town; else
/// morning and evening of any day. What was chosen is not shown again.
///
/// # Errors
/// None in practice; the names pass the checks of the core.
pub fn recorded_plan(items: &[Item]) -> Result<Plan> {
    let has = |name: &str| items.iter().any(|item| item.words(name).next().is_some());
    let attribute = ["cuisine", "genres"].into_iter().find(|name| has(name));
    let diversity = attribute.map(|name| Diversity { attribute: name.to_owned(), weight: 0.1 });
    if items.iter().any(|item| !item.hours.is_empty()) {
        return Ok(Plan { consumed: Consumed::Exclude, diversity, ..town_plan()? });
    }
    let mut contexts = Vec::new();
    for (name, from, until) in [("morning", 5 * 60, 15 * 60), ("evening", 15 * 60, 5 * 60)] {
        let when = Span { days: Days::Every, from, until };
        contexts.push(Context { id: ContextId::new(name)?, when });
    }
    Ok(Plan {
        surfaces: vec![Surface {
            id: SurfaceId::new("home")?,
            length: 10,
            contexts: contexts.iter().map(|context| context.id.clone()).collect(),
        }],
        contexts,
        candidates: Candidates::default(),
        consumed: Consumed::Exclude,
        only_open: true,
        radius_km: None,
        diversity,
        exploration: Exploration { epsilon: 0.05, pool: 50 },
        fresh_hours: 36,
        fatigue_impressions: 12,
    })
}

/// One person with a phone.
#[derive(Debug, Clone, PartialEq)]
struct Owner {
    user: u32,
    place: Option<GeoPoint>,
    history: Vec<PastChoice>,
    /// Held-out items, ascending.
    held_out: Vec<u32>,
}

/// A world of recorded choices.
///
/// ```
/// use noctule_simulator::{Recorded, RecordedChoice, RecordedSettings, RecordedUser, World};
/// # use noctule_core::{base::ItemId, catalogue::Item};
/// # let item = |n: u32| Item { id: ItemId::new(format!("f{n}")).unwrap(), title: "Film".into(),
/// #     attributes: Default::default(), place: None, hours: Vec::new() };
/// let items = (0..8).map(item).collect();
/// let choice = |item| RecordedChoice { item, at_ms: None, context: None, weight: 1.0 };
/// let user = |n| RecordedUser { place: None, choices: (n..n + 4).map(choice).collect() };
/// let users: Vec<RecordedUser> = (0..4).map(user).collect();
/// let world = Recorded::new(items, &users, &RecordedSettings::default())?;
/// assert_eq!(world.phones(), 2);
/// assert_eq!(world.history(0).len(), 2);
/// # Ok::<(), noctule_simulator::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    plan: Plan,
    items: Vec<Item>,
    places: Vec<Option<GeoPoint>>,
    owners: Vec<Owner>,
    training: Vec<PastChoice>,
    acceptance: f64,
    acceptance_other: f64,
}

impl Recorded {
    /// Builds the world of `users` choosing among `items`: the same data, settings and seed give
    /// the same world.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting out of range, [`Error::Data`] when a choice names an item
    /// or a context that is not there, has no positive weight, or nobody can get a phone.
    pub fn new(
        items: Vec<Item>,
        users: &[RecordedUser],
        settings: &RecordedSettings,
    ) -> Result<Self> {
        settings.check()?;
        let plan = match &settings.plan {
            Some(plan) => plan.clone(),
            None => recorded_plan(&items)?,
        };
        check_choices(users, items.len(), plan.contexts.len())?;
        let chosen = owners_of(users, settings);
        if chosen.is_empty() {
            let least = settings.choices_min;
            return Err(Error::data(format!("no two people have {least} choices or more")));
        }
        let owner = |user: &usize| owner(*user, &users[*user], settings);
        let owners: Vec<Owner> = chosen.iter().map(owner).collect();
        let mut training = Vec::new();
        for (number, user) in users.iter().enumerate() {
            if chosen.binary_search(&number).is_err() {
                training.extend(in_order(user).into_iter().map(|choice| PastChoice {
                    user: number as u32,
                    item: choice.item,
                    // Data without time: all at once, the day before.
                    at_ms: choice.at_ms.unwrap_or(BEGIN_MS - 24 * 60 * MINUTE_MS),
                    context: choice.context,
                    weight: choice.weight,
                }));
            }
        }
        training.sort_by_key(|choice| choice.at_ms);
        let places = users.iter().map(|user| user.place).collect();
        let (acceptance, acceptance_other) = (settings.acceptance, settings.acceptance_other);
        Ok(Self { plan, items, places, owners, training, acceptance, acceptance_other })
    }

    /// The items held out for the user of `phone`, ascending.
    ///
    /// # Panics
    /// When `phone` is out of range.
    #[must_use]
    pub fn held_out(&self, phone: usize) -> &[u32] {
        &self.owners[phone].held_out
    }

    /// Index in the data of the user of `phone`.
    ///
    /// # Panics
    /// When `phone` is out of range.
    #[must_use]
    pub fn user(&self, phone: usize) -> u32 {
        self.owners[phone].user
    }
}

fn check_choices(users: &[RecordedUser], items: usize, contexts: usize) -> Result<()> {
    for (number, user) in users.iter().enumerate() {
        for choice in &user.choices {
            let wrong = |what: &str| Err(Error::data(format!("user {number}: {what}")));
            if choice.item as usize >= items {
                return wrong(&format!("item {} of {items}", choice.item));
            }
            if choice.context.is_some_and(|context| usize::from(context) >= contexts) {
                return wrong(&format!("a context that is not among the {contexts} of the plan"));
            }
            if !(choice.weight > 0.0 && choice.weight.is_finite()) {
                return wrong(&format!("weight {} is not above 0", choice.weight));
            }
        }
    }
    Ok(())
}

/// The choices in time order, each item once, at its first time; without time, in the order of the
/// data.
fn in_order(user: &RecordedUser) -> Vec<RecordedChoice> {
    let mut choices = user.choices.clone();
    choices.sort_by_key(|choice| choice.at_ms);
    let mut seen = std::collections::BTreeSet::new();
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
fn owners_of(users: &[RecordedUser], settings: &RecordedSettings) -> Vec<usize> {
    let enough = |user: &RecordedUser| strong(user, settings).len() >= settings.choices_min;
    let mut able: Vec<usize> = (0..users.len()).filter(|number| enough(&users[*number])).collect();
    let mut random = SeededRandom::new(Seed(settings.seed).derive(&["recorded", "owners"]));
    let phones = settings.phones.min(able.len() / 2);
    random.shuffle(&mut able);
    able.truncate(phones);
    able.sort_unstable();
    able
}

fn owner(number: usize, user: &RecordedUser, settings: &RecordedSettings) -> Owner {
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

impl World for Recorded {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn training(&self) -> &[PastChoice] {
        &self.training
    }

    fn training_places(&self) -> Vec<Option<GeoPoint>> {
        self.places.clone()
    }

    fn phones(&self) -> usize {
        self.owners.len()
    }

    fn place(&self, phone: usize) -> Option<GeoPoint> {
        self.owners[phone].place
    }

    fn history(&self, phone: usize) -> &[PastChoice] {
        &self.owners[phone].history
    }

    fn acceptance(&self, phone: usize, item: usize, _: usize) -> f64 {
        let held_out = &self.owners[phone].held_out;
        let held = u32::try_from(item).is_ok_and(|item| held_out.binary_search(&item).is_ok());
        if held { self.acceptance } else { self.acceptance_other }
    }

    /// The data say what people chose, not what they cannot stand.
    fn dislikes(&self, _: usize, _: usize, _: usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
