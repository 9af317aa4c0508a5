//! What a plan asks for a user at a time: what may be shown, and with which candidates.

use std::collections::HashSet;

use super::{ADDED_ATTRIBUTE, Found, Nearest, Wanted, generate, needed};
use crate::base::{HistoryItem, Profile, Result, WeekMinute, order};
use crate::catalogue::{Catalogue, Eligibility};
use crate::release::{Consumed, Context, Plan, Surface};
use crate::scoring::ItemMatrix;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A user at a time, under a plan.
///
/// The night asks it for the slates that it makes, and the trainer for the candidates that it
/// teaches a ranker with: both are about the same items.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The items.
    pub catalogue: &'a Catalogue,
    /// The user.
    pub profile: &'a Profile,
    /// When, Unix milliseconds.
    pub now_ms: i64,
}

/// The user's vector among those of the items.
#[derive(Debug, Clone, Copy)]
pub struct UserAmongItems<'a> {
    /// The items' vectors.
    pub matrix: ItemMatrix<'a>,
    /// The user's vector; all zero when nothing is known.
    pub user: &'a [f32],
    /// As [`Nearest::best`].
    pub best: Option<&'a [u32]>,
}

impl Occasion<'_> {
    /// What keeps items out of the slates of `context`: hidden, chosen already, closed, far away.
    /// Where the context is not known, no item is closed.
    #[must_use]
    pub fn eligibility(&self, context: Option<&Context>) -> Eligibility {
        let index = |id: &str| self.catalogue.index_of(id);
        let mut excluded: HashSet<u32> =
            self.profile.hidden.iter().filter_map(|id| index(id.as_str())).collect();
        let is_consumed = |item: &&HistoryItem| match (self.plan.consumed, item.last_chosen_ms) {
            (Consumed::Keep, _) | (_, None) => false,
            (Consumed::Exclude, Some(_)) => true,
            (Consumed::CooldownDays(days), Some(chosen)) => {
                self.now_ms.saturating_sub(chosen) < i64::from(days) * DAY_MS
            }
        };
        let consumed = self.profile.history.iter().filter(is_consumed);
        excluded.extend(consumed.filter_map(|item| index(item.item.as_str())));
        let open_at: Option<WeekMinute> =
            context.filter(|_| self.plan.only_open).map(|context| context.when.middle());
        let within = self.profile.place.zip(self.plan.radius_km);
        Eligibility { excluded, open_at, within }
    }

    /// The candidates of a slate of any of `surfaces` in `context`, by the budgets of the plan, of
    /// the `eligible` items. Rules and floors bring theirs only where the context is known.
    ///
    /// `popularity` and `eligible` have one value for each item.
    ///
    /// # Errors
    /// As [`generate`].
    pub fn candidates(
        &self,
        surfaces: &[&Surface],
        context: Option<&Context>,
        UserAmongItems { matrix, user, best }: UserAmongItems<'_>,
        popularity: &[f32],
        eligible: &[bool],
    ) -> Result<Found> {
        let (plan, catalogue, budgets) = (self.plan, self.catalogue, self.plan.candidates);
        let recent = if budgets.similar > 0 { self.recent() } else { Vec::new() };
        let asked = surfaces.iter().flat_map(|surface| Some((*surface, context?)));
        let needed: Vec<u32> = asked
            .flat_map(|(surface, context)| {
                let place = (&surface.id, surface.length);
                needed(plan, place, &context.id, catalogue, popularity, eligible)
            })
            .collect();
        generate(&Wanted {
            budgets,
            nearest: Some(Nearest { matrix, user, recent: &recent, best }),
            popularity,
            eligible,
            needed: &needed,
            added: &|| catalogue.numbers(ADDED_ATTRIBUTE).collect(),
            now_ms: self.now_ms,
        })
    }

    /// The items that the user chose last, the last first, as many as the plan looks at; those
    /// chosen at one time in the order of their ids.
    fn recent(&self) -> Vec<u32> {
        let hidden = &self.profile.hidden;
        let chosen = self.profile.history.iter().filter(|entry| {
            entry.last_chosen_ms.is_some() && entry.weight() > 0.0 && !hidden.contains(&entry.item)
        });
        let mut chosen: Vec<_> = chosen.collect();
        order::sort_by_key(&mut chosen, |entry| std::cmp::Reverse(entry.last_chosen_ms));
        let indices =
            chosen.iter().filter_map(|entry| self.catalogue.index_of(entry.item.as_str()));
        indices.take(self.plan.candidates.similar_to).collect()
    }
}
