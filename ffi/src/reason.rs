//! Why an item is recommended.

use noctule_core::reasons;

/// A part of an item's score.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Reason {
    /// Where the part comes from.
    pub kind: ReasonKind,
    /// The part, in the units of the score; it may be negative.
    pub contribution: f32,
    /// Standard error of the part; 0 where it is computed exactly.
    pub standard_error: f32,
}

impl From<&reasons::Reason> for Reason {
    fn from(reason: &reasons::Reason) -> Self {
        let reasons::Reason { kind, contribution, standard_error } = reason;
        Self { kind: kind.into(), contribution: *contribution, standard_error: *standard_error }
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
    /// All of the history that is not named item by item, what was passed over included.
    OtherHistory,
    /// Many people choose it.
    Popular,
    /// Many people choose it in this context.
    PopularInContext,
    /// It is close to the user's place.
    Nearby,
    /// A feature of the ranker that has no kind of its own: `item`, what the item's vector is
    /// worth to anybody.
    Feature {
        /// Its name in the release's manifest.
        name: String,
    },
    /// What a stranger's average candidate gets.
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
