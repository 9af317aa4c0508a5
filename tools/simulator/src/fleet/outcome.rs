//! What a fleet did and how well.

use std::time::Duration;

use noctule_core::base::{ContextId, ItemId};
use noctule_core::release::Policy;
use noctule_core::serving::Recommendations;

use super::FleetSettings;
use super::life::Life;
use crate::Result;
use crate::world::{PastChoice, World};

/// One showing of one phone.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The day, from 0.
    pub day: u32,
    /// The context.
    pub context: ContextId,
    /// Slots that were shown.
    pub shown: usize,
    /// Position of the item that was chosen; none when nothing was.
    pub accepted: Option<u32>,
}

/// One phone of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneResult {
    /// Its number, from 0.
    pub phone: usize,
    /// Pseudonym of its installation, as in the collector's rows.
    pub installation: String,
    /// Its arm of the release's experiment, when one runs.
    pub arm: Option<String>,
    /// What made its slates.
    pub policy: Policy,
    /// Events that `record` made durable: sequence numbers 1 to this.
    pub recorded: u64,
    /// Events that the collector acknowledged, counted over the answers.
    pub acknowledged: u64,
    /// Of those, events that the collector had before.
    pub repeated: u64,
    /// Events that the collector refused.
    pub rejected: u64,
    /// Events still on the phone at the end; 0 unless nothing was uploaded.
    pub pending: u64,
    /// Its showings, in time order.
    pub outcomes: Vec<Outcome>,
}

/// How long the library took, over all phones: wall clock, on as many threads as were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Nights that were run.
    pub nights: usize,
    /// Median of `run_night`.
    pub night_p50: Duration,
    /// Median of `recommend`.
    pub recommend_p50: Duration,
    /// Median of `record` with the events of one showing.
    pub record_p50: Duration,
}

/// One phone's slates on the last morning, beside the truth about its user.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The phone.
    pub phone: usize,
    /// What it knew before the first night.
    pub history: Vec<PastChoice>,
    /// What it shows on the last day, one for each context of that day, in time order.
    pub slates: Vec<Recommendations>,
    /// The user's true favourites in each of those contexts, best first, with the probability of
    /// acceptance.
    pub favourites: Vec<Vec<(ItemId, f64)>>,
}

/// What a fleet did.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetResult {
    /// The phones, by number.
    pub phones: Vec<PhoneResult>,
    /// How long it took.
    pub timings: Timings,
    /// The first phone whose slates the model makes; else the first phone.
    pub example: Option<Example>,
}

/// Showings and how many of them ended in a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acceptance {
    /// Showings.
    pub showings: u64,
    /// Showings that ended in a choice.
    pub accepted: u64,
}

impl Acceptance {
    /// The rate; 0 without showings.
    #[must_use]
    pub fn rate(self) -> f64 {
        if self.showings == 0 { 0.0 } else { self.accepted as f64 / self.showings as f64 }
    }
}

impl FleetResult {
    /// Events recorded on all phones.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.phones.iter().map(|phone| phone.recorded).sum()
    }

    /// Events that the collector acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.phones.iter().map(|phone| phone.acknowledged).sum()
    }

    /// Acceptance by day of the phones with `policy`.
    #[must_use]
    pub fn acceptance_by_day(&self, policy: Policy) -> Vec<Acceptance> {
        let mut days: Vec<Acceptance> = Vec::new();
        for phone in self.phones.iter().filter(|phone| phone.policy == policy) {
            for outcome in &phone.outcomes {
                let day = outcome.day as usize;
                days.resize(days.len().max(day + 1), Acceptance::default());
                days[day].showings += 1;
                days[day].accepted += u64::from(outcome.accepted.is_some());
            }
        }
        days
    }
}

/// Items named as the user's favourites of a context.
const FAVOURITES: usize = 10;

pub(super) fn summarise(
    world: &dyn World,
    settings: &FleetSettings,
    lives: Vec<Life>,
) -> Result<FleetResult> {
    let (mut nights, mut recommends, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for life in &lives {
        nights.extend(&life.night_times);
        recommends.extend(&life.recommend_times);
        records.extend(&life.record_times);
    }
    let timings = Timings {
        nights: nights.len(),
        night_p50: median(&mut nights),
        recommend_p50: median(&mut recommends),
        record_p50: median(&mut records),
    };
    let by_model = lives.iter().find(|life| life.result.policy == Policy::Model);
    let example = by_model.or(lives.first()).map(|life| example(world, settings, life));
    let phones = lives.into_iter().map(|life| life.result).collect();
    Ok(FleetResult { phones, timings, example })
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn example(world: &dyn World, settings: &FleetSettings, life: &Life) -> Example {
    let phone = life.result.phone;
    let mut contexts: Vec<usize> =
        world.showings(settings.nights - 1).iter().map(|showing| showing.context_index).collect();
    contexts.dedup();
    let favourite = |context: usize| {
        let best = world.favourites(phone, context, FAVOURITES).into_iter();
        let named =
            |item: usize| (world.items()[item].id.clone(), world.acceptance(phone, item, context));
        best.map(named).collect()
    };
    Example {
        phone,
        history: world.history(phone).to_vec(),
        slates: life.last_day.clone(),
        favourites: contexts.into_iter().map(favourite).collect(),
    }
}
