//! What making a slate needs.

use super::SlateMaker;
use super::nearest::CONTEXTS_AT_ONCE;
use crate::base::limits::CANDIDATES_MAX;

/// For an item of the catalogue: eligible, taken, and index with popularity while those are put in
/// order.
const BYTES_AN_ITEM: u64 = 1 + 1 + 12;
/// For a candidate, beside its features: in the union, scored, ranked, its words for likeness.
const BYTES_A_CANDIDATE: u64 = 128;
/// For an item that a search for many contexts found, until its slate is made: the search keeps
/// some that fall out again.
const BYTES_AN_ITEM_FOUND: u64 = 64;
/// For a slot: its names, and its reasons.
const BYTES_A_SLOT: u64 = 2_048;

impl SlateMaker<'_> {
    /// Bytes of memory that making one slate may take at once, files that are mapped not counted.
    /// An estimate from above by the sizes of catalogue and plan.
    #[must_use]
    pub fn bytes_needed(&self) -> u64 {
        let items = self.catalogue().len() as u64;
        let budgets = self.plan.candidates;
        let asked = [budgets.nearest, budgets.similar, budgets.popular, budgets.new];
        let candidates =
            asked.into_iter().fold(0, usize::saturating_add).min(CANDIDATES_MAX) as u64;
        let at_once = self.plan.contexts.len().min(CONTEXTS_AT_ONCE) as u64;
        let found = at_once * (budgets.nearest.min(CANDIDATES_MAX) as u64).min(items);
        let features = self.loaded.model.as_ref().map_or(1, |(_, features)| features.len()) as u64;
        let longest = self.plan.surfaces.iter().map(|surface| surface.length).max();
        items * BYTES_AN_ITEM
            + found * BYTES_AN_ITEM_FOUND
            + candidates.min(items) * (BYTES_A_CANDIDATE + 8 * features)
            + longest.unwrap_or_default() as u64 * BYTES_A_SLOT
    }
}
