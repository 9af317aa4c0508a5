//! The candidates that a device would rank for the users of a dataset: found by the device's own
//! generators, from what was fitted.

use std::collections::BTreeMap;

use noctule_core::base::{HistoryItem, ItemId, Profile};
use noctule_core::candidates::{Found, Occasion, UserAmongItems};
use noctule_core::catalogue::Catalogue;
use noctule_core::release::{Context, Surface};
use noctule_core::scoring::{ItemMatrix, Quantised, quantise};

use super::examples::Fitted;
use crate::Result;
use crate::datasets::Interaction;
use crate::evaluation::scorers::{Case, FoldInScorer};

/// Finds candidates as a night does that has what was fitted as its release.
///
/// # Time
/// A choice without a time counts as made in the millisecond of its place in the history, long
/// before every choice that has one: what is without times is asked about at the end of its
/// history, and finds nothing new in the catalogue.
#[derive(Debug)]
pub struct CandidateFinder<'a> {
    fitted: &'a Fitted<'a>,
    catalogue: Catalogue,
    quantised: Quantised,
}

/// The candidates of one user in one context.
#[derive(Debug, Clone, PartialEq)]
pub struct UserCandidates {
    /// The items with who brought them, in the order of the device.
    pub found: Found,
    /// The user's vector in this context.
    pub vector: Vec<f32>,
}

impl<'a> CandidateFinder<'a> {
    /// Makes catalogue and codes of what was fitted.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when the items are no catalogue, or a vector is not finite.
    pub fn new(fitted: &'a Fitted<'a>) -> Result<Self> {
        let dimensions = fitted.fold_in.fold_in.dimensions();
        Ok(Self {
            fitted,
            catalogue: Catalogue::from_items(&fitted.data.items)?,
            quantised: quantise(fitted.fold_in.items, dimensions)?,
        })
    }

    /// What a device would know of `user` after `history`.
    #[must_use]
    pub fn profile(&self, user: u32, history: &[Interaction]) -> Profile {
        let (data, contexts) = (self.fitted.data, &self.fitted.plan.contexts);
        let mut items: BTreeMap<&ItemId, HistoryItem> = BTreeMap::new();
        for (place, event) in history.iter().enumerate() {
            let id = &data.items[event.item as usize].id;
            let entry = items.entry(id).or_insert_with(|| HistoryItem {
                item: id.clone(),
                weight_by_context: BTreeMap::new(),
                negative: 0.0,
                last_chosen_ms: None,
            });
            let context = event.context.and_then(|index| contexts.get(usize::from(index)));
            let context = context.map(|context| context.id.clone());
            *entry.weight_by_context.entry(context).or_insert(0.0) += event.weight;
            entry.last_chosen_ms = entry.last_chosen_ms.max(Some(chosen_ms(place, event)));
        }
        Profile {
            history: items.into_values().collect(),
            place: data.places.get(user as usize).copied().flatten(),
            ..Profile::default()
        }
    }

    /// The candidates of `case` at `at_ms`, or after its history where that is not known; `profile`
    /// is what [`Self::profile`] makes of user and history.
    ///
    /// They are those of all surfaces that the context is one of, as one ranker serves them all.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when the user cannot be folded in or a score leaves the range of f32.
    pub fn find(
        &self,
        case: &Case<'_>,
        profile: &Profile,
        at_ms: Option<i64>,
    ) -> Result<UserCandidates> {
        let Fitted { plan, popularity, fold_in, .. } = self.fitted;
        let last = case.history.iter().enumerate().map(|(place, event)| chosen_ms(place, event));
        let now_ms = at_ms.unwrap_or_else(|| last.max().map_or(0, |last| last.saturating_add(1)));
        let occasion = Occasion { plan, catalogue: &self.catalogue, profile, now_ms };
        let context: Option<&Context> =
            case.context.and_then(|index| plan.contexts.get(usize::from(index)));
        let shown = |surface: &&Surface| {
            context.is_some_and(|context| surface.contexts.contains(&context.id))
        };
        let surfaces: Vec<&Surface> = plan.surfaces.iter().filter(shown).collect();
        let eligible = occasion.eligibility(context).of(&self.catalogue);
        let vector = fold_in.user_vector(case.history, case.context)?;
        let among = UserAmongItems { matrix: self.matrix()?, user: &vector, best: None };
        let popularity = popularity.in_context(case.context);
        let found = occasion.candidates(&surfaces, context, among, popularity, &eligible)?;
        Ok(UserCandidates { found, vector })
    }

    /// The items' vectors with their codes.
    ///
    /// # Errors
    /// None in practice: the codes are those of the vectors.
    pub fn matrix(&self) -> Result<ItemMatrix<'_>> {
        let Quantised { codes, scales } = &self.quantised;
        let FoldInScorer { fold_in, items, .. } = self.fitted.fold_in;
        Ok(ItemMatrix::new(codes, scales, items, fold_in.dimensions())?)
    }
}

fn chosen_ms(place: usize, event: &Interaction) -> i64 {
    event.at_ms.unwrap_or(place as i64)
}

#[cfg(test)]
#[path = "candidates_tests.rs"]
mod tests;
