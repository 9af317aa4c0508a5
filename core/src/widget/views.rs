//! Slates, slots and reasons of a file, as a reader sees them.

use super::FlatSlates;
use super::read::Range32;
use crate::base::Span;
use crate::release::Policy;
use crate::serving::Tier;

/// A slate of a file.
#[derive(Debug, Clone, Copy)]
pub struct FlatSlate<'a> {
    pub(super) all: FlatSlates<'a>,
    pub(super) slots: Range32,
    /// Its surface.
    pub surface: &'a str,
    /// Its context.
    pub context: &'a str,
    /// The release it was made from, as `name@version`.
    pub release: &'a str,
    /// The arm of the experiment, if one runs: record impressions with it.
    pub arm: Option<&'a str>,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// From when it counts as stale, Unix milliseconds.
    pub stale_after_ms: i64,
    /// Its generation: record feedback with it.
    pub generation: u64,
    /// Whether a night made it; otherwise it is the baseline that stands in until the first.
    pub made_at_night: bool,
    /// What made it.
    pub policy: Policy,
    /// When its context holds.
    pub when: Span,
}

/// A slot of a slate.
#[derive(Debug, Clone, Copy)]
pub struct FlatSlot<'a> {
    pub(super) all: FlatSlates<'a>,
    pub(super) reasons: Range32,
    /// The item's id.
    pub item: &'a str,
    /// Its title.
    pub title: &'a str,
    /// The score that ranked it.
    pub score: f32,
    /// Its position when the slate was published; items before it may have been left out since.
    pub published_at: u32,
    /// Probability of the item at its published position; none when it has moved since.
    pub propensity: Option<f64>,
}

/// A reason of a slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlatReason<'a> {
    /// Where the part of the score comes from.
    pub kind: FlatReasonKind,
    /// The part.
    pub contribution: f32,
    /// The title of the item that the user chose, the name of the feature, or the id of the rule.
    pub text: &'a str,
}

/// The kinds of reasons, as [`crate::reasons::ReasonKind`] has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlatReasonKind {
    /// The user chose the item of this title before.
    BecauseOf,
    /// The rest of the user's history.
    OtherHistory,
    /// Many people choose it.
    Popular,
    /// Many people choose it in this context.
    PopularInContext,
    /// It is close to the user's place.
    Nearby,
    /// A feature of the ranker.
    Feature,
    /// What every item gets.
    Base,
    /// The slot was drawn to learn something new.
    Exploration,
    /// A rule or an exposure of the plan.
    Rule,
}

impl FlatReasonKind {
    /// All kinds, by their numbers in the file.
    pub const ALL: [Self; 9] = [
        Self::BecauseOf,
        Self::OtherHistory,
        Self::Popular,
        Self::PopularInContext,
        Self::Nearby,
        Self::Feature,
        Self::Base,
        Self::Exploration,
        Self::Rule,
    ];
}

impl<'a> FlatSlate<'a> {
    /// Its slots, best first; their positions are 0, 1 and so on.
    pub fn slots(self) -> impl Iterator<Item = FlatSlot<'a>> {
        self.slots.numbers().map(move |number| self.all.slot(number))
    }

    /// Which rung of the ladder this is at `now_ms`, as an answer of the library would say.
    #[must_use]
    pub fn tier(self, now_ms: i64) -> Tier {
        match () {
            () if self.slots.count == 0 => Tier::Empty,
            () if !self.made_at_night => Tier::Baseline,
            () if now_ms < self.stale_after_ms => Tier::Fresh,
            () => Tier::Stale,
        }
    }
}

impl<'a> FlatSlot<'a> {
    /// Why it is there: the strongest reasons that speak for it.
    pub fn reasons(self) -> impl Iterator<Item = FlatReason<'a>> {
        self.reasons.numbers().map(move |number| self.all.reason(number))
    }
}
