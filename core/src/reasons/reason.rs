//! A reason, as slates keep it and apps show it.

use crate::base::ItemId;

/// A part of a slot's score.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// Where the part comes from.
    pub kind: ReasonKind,
    /// The part, in the units of the score; it may be negative.
    pub contribution: f32,
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
    /// All items of the history that are not named one by one.
    OtherHistory,
    /// Many people choose it.
    Popular,
    /// Many people choose it in this context.
    PopularInContext,
    /// It is close to the user's place.
    Nearby,
    /// A feature of the ranker that has no kind of its own, by its name in the manifest.
    Feature(String),
    /// What every item gets.
    Base,
    /// The slot was drawn to learn something new; contributes nothing.
    Exploration,
    /// A rule or an exposure of the plan, by its id, touched the slot; contributes nothing, as it
    /// moves the slot and not the score.
    Rule(String),
}
