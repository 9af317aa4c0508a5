//! A world made of a person's own data: what people chose is known, half of it is held out.
//!
//! Some people of the data get phones; all others train the model. A part of what each phone's
//! user chose is the history on the device, the rest is the truth: they accept it often when they
//! look at it, and hardly anything else.

mod partition;
mod plan;

use noctule_core::base::GeoPoint;
use noctule_core::catalogue::Item;
use noctule_core::release::Plan;

use crate::world::{BEGIN_MS, DAY_MS, PastChoice, World};
use crate::{Error, Result};
use partition::Owner;

pub use plan::recorded_plan;

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

/// A world of recorded choices.
///
/// ```
/// use noctule_simulator::{Recorded, RecordedChoice, RecordedSettings, RecordedUser, World};
/// # use noctule_core::{base::ItemId, catalogue::Item};
/// # let item = |n: u32| Item { id: ItemId::new(format!("f{n}")).unwrap(), title: "Film".into(),
/// #     attributes: Default::default(), place: None, hours: Vec::new(),
/// #     available: true };
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
        let chosen = partition::owners(users, settings);
        if chosen.is_empty() {
            let least = settings.choices_min;
            return Err(Error::data(format!("no two people have {least} choices or more")));
        }
        let owner = |user: &usize| partition::owner(*user, &users[*user], settings);
        let owners: Vec<Owner> = chosen.iter().map(owner).collect();
        let mut training = Vec::new();
        for (number, user) in users.iter().enumerate() {
            if chosen.binary_search(&number).is_err() {
                training.extend(partition::in_order(user).into_iter().map(|choice| PastChoice {
                    user: number as u32,
                    item: choice.item,
                    // Data without time: all at once, the day before.
                    at_ms: choice.at_ms.unwrap_or(BEGIN_MS - DAY_MS),
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
