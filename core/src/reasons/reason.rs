//! A reason, as slates keep it and apps show it.

use crate::base::ItemId;

/// A part of a slot's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// Where the part comes from.
    pub kind: ReasonKind,
    /// The part, in the units of the score; it may be negative.
    pub contribution: f32,
    /// Standard error of the part; 0 where it is computed exactly.
    pub standard_error: f32,
}

impl Reason {
    /// A part that is computed exactly.
    #[must_use]
    pub fn exact(kind: ReasonKind, contribution: f32) -> Self {
        Self { kind, contribution, standard_error: 0.0 }
    }
}

/// Where a part of a score comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReasonKind {
    /// The user chose this item before.
    BecauseOf {
        /// The item of the history.
        item: ItemId,
        /// Its title in the release.
        title: String,
    },
    /// All of the history that is not named item by item, what was passed over included.
    OtherHistory,
    /// Many people choose it.
    Popular,
    /// Many people choose it in this context.
    PopularInContext,
    /// It is close to the user's place.
    Nearby,
    /// A feature of the ranker that has no kind of its own, by its name in the manifest: `item`,
    /// what the item's vector is worth to anybody.
    Feature(String),
    /// What a stranger's average candidate gets.
    Base,
    /// The slot was drawn to learn something new; contributes nothing.
    Exploration,
    /// A rule or an exposure of the plan, by its id, touched the slot; contributes nothing, as it
    /// moves the slot and not the score.
    Rule(String),
}
