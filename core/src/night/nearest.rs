//! The user and the nearest items in many contexts, found in one pass over the matrix.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::user::User;
use super::{GoOn, SlateMaker};
use crate::base::limits::CANDIDATES_MAX;
use crate::base::{Error, Result};
use crate::release::{Context, Policy};
use crate::scoring::TopK;

/// Contexts of one pass: as many as share the reading of the matrix well. What they find stays in
/// memory until their slates are made.
pub(super) const CONTEXTS_AT_ONCE: usize = 32;

/// Bytes of codes from which on a search gives pages back as it goes, at the price of reading them
/// in anew for the next one: beyond them the matrix alone would be most of what a night may hold.
const GIVE_BACK_FROM: usize = 12 << 20;

/// What was found for one context.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) user: User<'a>,
    /// The nearest items that may be in a slate of the context, best first; none for a user of whom
    /// nothing is known.
    pub(super) best: Vec<u32>,
}

/// What was found before the slates are made, by context; none where a slate has to look for
/// itself.
#[derive(Debug, Default)]
pub struct NearestItems<'a>(BTreeMap<usize, Option<Found<'a>>>);

impl<'a> NearestItems<'a> {
    pub(super) fn of(&self, context: usize) -> Option<&Found<'a>> {
        self.0.get(&context)?.as_ref()
    }

    /// Whether `context` was not among those that were searched for.
    #[must_use]
    pub fn lacks(&self, context: usize) -> bool {
        !self.0.contains_key(&context)
    }
}

impl SlateMaker<'_> {
    /// Searches for all of `contexts`, each with its number in the release, at once: the slates
    /// that are then made with the result are those that would be made without it, and each context
    /// costs a share of a pass instead of one.
    ///
    /// A context whose user the model cannot encode is left out: making its slate says why.
    ///
    /// # Errors
    /// Those of `go_on`, and of the matrix.
    pub fn nearest_items(
        &self,
        contexts: &[(usize, &Context)],
        threads: NonZeroUsize,
        go_on: GoOn<'_>,
    ) -> Result<NearestItems<'_>> {
        let mut found: BTreeMap<_, _> = contexts.iter().map(|(index, _)| (*index, None)).collect();
        if self.treatment.policy != Policy::Model || self.plan.candidates.nearest == 0 {
            return Ok(NearestItems(found));
        }
        let Some(matrix) = self.loaded.items.matrix()? else {
            return Ok(NearestItems(found));
        };
        let mut wanted = Vec::new();
        for (index, context) in contexts {
            go_on()?;
            match self.user(context, *index, &matrix) {
                Ok(user) if user.vector.vector.iter().any(|value| *value != 0.0) => {
                    wanted.push((*index, user, self.eligibility(context)));
                }
                Ok(user) => {
                    found.insert(*index, Some(Found { user, best: Vec::new() }));
                }
                Err(Error::Model { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let queries: Vec<&[f32]> =
            wanted.iter().map(|(_, user, _)| &user.vector.vector[..]).collect();
        let admissions: Vec<_> =
            wanted.iter().map(|(.., rules)| rules.admission(self.catalogue())).collect();
        let eligible = |query: usize, item: u32| admissions[query].admits(item);
        let stop = || go_on().is_err();
        let search = TopK {
            threads,
            eligible: Some(&eligible),
            stop: Some(&stop),
            file: (matrix.code_bytes() >= GIVE_BACK_FROM).then(|| self.loaded.items.file()),
            ..TopK::new(self.plan.candidates.nearest.min(CANDIDATES_MAX))
        };
        let lists = match search.search(&matrix, &queries) {
            Ok(lists) => lists,
            // One of them leaves the range of f32: each alone says which.
            Err(Error::Model { .. }) => return Ok(NearestItems(found)),
            Err(error) => return Err(error),
        };
        for ((index, user, _), list) in wanted.into_iter().zip(lists) {
            let best = list.into_iter().map(|scored| scored.index).collect();
            found.insert(index, Some(Found { user, best }));
        }
        Ok(NearestItems(found))
    }
}
