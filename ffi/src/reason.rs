//! Why an item is recommended.

use noctule_core::reasons;

/// A part of an item's score.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Reason {
    /// Where the part comes from.
    pub kind: ReasonKind,
    /// The part, in the units of the score; it may be negative.
    pub contribution: f32,
}

impl From<&reasons::Reason> for Reason {
    fn from(reason: &reasons::Reason) -> Self {
        Self { kind: (&reason.kind).into(), contribution: reason.contribution }
    }
}

/// Where a part of a score comes from.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ReasonKind {
    /// The user chose this item before.
    BecauseOf {
        /// The item of the history.
        item: String,
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
    /// A feature of the ranker that has no kind of its own.
    Feature {
        /// Its name in the release's manifest.
        name: String,
    },
    /// What every item gets.
    Base,
    /// The slot was drawn to learn something new; contributes nothing.
    Exploration,
    /// A rule of the app touched the slot; contributes nothing.
    Rule {
        /// Its id in the release's plan.
        id: String,
    },
}

impl From<&reasons::ReasonKind> for ReasonKind {
    fn from(kind: &reasons::ReasonKind) -> Self {
        match kind {
            reasons::ReasonKind::BecauseOf { item, title } => {
                Self::BecauseOf { item: item.to_string(), title: title.clone() }
            }
            reasons::ReasonKind::OtherHistory => Self::OtherHistory,
            reasons::ReasonKind::Popular => Self::Popular,
            reasons::ReasonKind::PopularInContext => Self::PopularInContext,
            reasons::ReasonKind::Nearby => Self::Nearby,
            reasons::ReasonKind::Feature(name) => Self::Feature { name: name.clone() },
            reasons::ReasonKind::Base => Self::Base,
            reasons::ReasonKind::Exploration => Self::Exploration,
            reasons::ReasonKind::Rule(id) => Self::Rule { id: id.clone() },
        }
    }
}
