//! What a fleet needs to know of the world it lives in.

use noctule_core::base::{ContextId, GeoPoint, SurfaceId};
use noctule_core::catalogue::Item;
use noctule_core::release::Plan;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60 * 1_000;

/// Thursday 8 January 2026, 00:00 UTC: midnight of the first simulated day, in every world.
///
/// On a Thursday, so that the first and the last of seven days are both weekdays (their difference
/// is then learning, not the weekend), with the weekend in between.
pub const BEGIN_MS: i64 = 1_767_830_400_000;

/// How often a phone's user opens the app in each context of a day: once to plan, once to go.
pub const OPENINGS: u32 = 2;

/// One past choice of somebody.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastChoice {
    /// Index of the person among those of its list.
    pub user: u32,
    /// Index of the item in the catalogue.
    pub item: u32,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Index of the context in the plan; none where it is unknown.
    pub context: Option<u16>,
    /// Confidence, above 0.
    pub weight: f32,
}

/// One moment at which a phone's user opens the app.
#[derive(Debug, Clone, PartialEq)]
pub struct Showing {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// On which surface.
    pub surface: SurfaceId,
    /// In which context.
    pub context: ContextId,
    /// Index of the context in the plan.
    pub context_index: usize,
}

/// A catalogue, a plan, people with phones, and the truth about what they accept.
///
/// People with phones are numbered from 0 and are never among those whose choices train the model.
/// The local time of every world is UTC.
pub trait World: Sync {
    /// Surfaces, contexts and settings.
    fn plan(&self) -> &Plan;

    /// The catalogue.
    fn items(&self) -> &[Item];

    /// The choices that the backend trains on, by people without phones, in time order.
    fn training(&self) -> &[PastChoice];

    /// Where each person of [`World::training`] usually is, by their index; empty when unknown.
    fn training_places(&self) -> Vec<Option<GeoPoint>>;

    /// How many people have a phone.
    fn phones(&self) -> usize;

    /// Where the user of `phone` usually is.
    fn place(&self, phone: usize) -> Option<GeoPoint>;

    /// What the user of `phone` chose before the first day, in time order.
    fn history(&self, phone: usize) -> &[PastChoice];

    /// Probability with which the user of `phone` accepts `item` in `context` (an index of the
    /// plan) once they look at it.
    fn acceptance(&self, phone: usize, item: usize, context: usize) -> f64;

    /// Whether the user of `phone` so dislikes `item` that they may hide it on seeing it.
    fn dislikes(&self, phone: usize, item: usize, context: usize) -> bool;

    /// When the user opens the app on `day`, counted from 0, in time order.
    fn showings(&self, day: u32) -> Vec<Showing> {
        showings_of(self.plan(), day)
    }

    /// The best `count` items for the user of `phone` among those open in `context`, best first.
    fn favourites(&self, phone: usize, context: usize, count: usize) -> Vec<usize> {
        let Some(moment) = self.plan().contexts.get(context).map(|context| context.when.middle())
        else {
            return Vec::new();
        };
        let open = self.items().iter().enumerate().filter(|(_, item)| item.is_open(moment));
        let mut scored: Vec<(f64, usize)> =
            open.map(|(item, _)| (self.acceptance(phone, item, context), item)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().take(count).map(|(_, item)| item).collect()
    }
}

/// [`OPENINGS`] showings for each surface and each of its contexts that begins on `day`, evenly
/// spread over the context.
fn showings_of(plan: &Plan, day: u32) -> Vec<Showing> {
    let midnight = BEGIN_MS + i64::from(day) * DAY_MS;
    let weekday = noctule_core::base::WeekMinute::at(midnight, 0).day();
    let mut showings = Vec::new();
    for surface in &plan.surfaces {
        for id in &surface.contexts {
            let Some((context_index, context)) = plan.context(id.as_str()) else { continue };
            if !context.when.days.holds(weekday) {
                continue;
            }
            for opening in 1..=OPENINGS {
                let into = context.when.length() * opening / (OPENINGS + 1);
                let minute = i64::from(context.when.from + into);
                showings.push(Showing {
                    at_ms: midnight + minute * MINUTE_MS,
                    surface: surface.id.clone(),
                    context: context.id.clone(),
                    context_index,
                });
            }
        }
    }
    showings.sort_by_key(|showing| showing.at_ms);
    showings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::town::town_plan;
    use noctule_core::base::WeekMinute;

    #[test]
    fn the_first_and_the_seventh_day_are_weekdays_with_a_weekend_between() {
        let days: Vec<u32> =
            (0..7).map(|day| WeekMinute::at(BEGIN_MS + day * DAY_MS, 0).day()).collect();
        assert_eq!(days, [3, 4, 5, 6, 0, 1, 2]);
        assert_eq!(WeekMinute::at(BEGIN_MS, 0).minute(), 0);
    }

    #[test]
    fn every_meal_has_its_showings_each_within_its_context() {
        let plan = town_plan().unwrap();
        for day in 0..7 {
            let showings = showings_of(&plan, day);
            assert_eq!(showings.len(), 3 * OPENINGS as usize);
            assert!(showings.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
            for showing in showings {
                let context = &plan.contexts[showing.context_index];
                assert_eq!(context.id, showing.context);
                assert!(context.when.holds(WeekMinute::at(showing.at_ms, 0)), "{showing:?}");
            }
        }
    }
}
