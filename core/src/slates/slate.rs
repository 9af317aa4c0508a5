//! A slate, its slots, and the reasons for each.

use crate::base::{ContextId, ItemId, SurfaceId};
use crate::release::Policy;

/// Which slate: one surface in one context.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlateKey {
    /// The surface.
    pub surface: SurfaceId,
    /// The context.
    pub context: ContextId,
}

impl std::fmt::Display for SlateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.surface, self.context)
    }
}

/// The ordered recommendations published for one surface and context.
#[derive(Debug, Clone, PartialEq)]
pub struct Slate {
    /// Which slate it is.
    pub key: SlateKey,
    /// Grows by one with each publication of this slate, from 1; 0 until it is published.
    pub generation: u64,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
    /// From when it counts as stale, Unix milliseconds.
    pub stale_after_ms: i64,
    /// The release it was made from, as `name@version`.
    pub release: String,
    /// What made it.
    pub policy: Policy,
    /// The arm of the experiment, if one runs.
    pub arm: Option<String>,
    /// Showings without a choice before an item is moved back at read time; 0 is never.
    pub fatigue_impressions: u32,
    /// The slots, best first.
    pub slots: Vec<Slot>,
}

/// One place in a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The item.
    pub item: ItemId,
    /// Its title in the release.
    pub title: String,
    /// The score that ranked it: a log-odds for the model, a popularity score for the baseline.
    pub score: f32,
    /// Probability with which the logging policy put this item at this position, given the slots
    /// before it.
    pub propensity: f64,
    /// Why it is here. The contributions sum to `score`.
    pub reasons: Vec<Reason>,
}

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
}
