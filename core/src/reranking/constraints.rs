//! What a plan asks of one slate, resolved to the places of its candidates.

use crate::release::Exposure;

/// Everything that is asked of a slate. Rules are numbered as in [`RuleSet`]; members are places of
/// candidates, each once, and the groups may overlap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Constraints {
    /// Boosts and burials.
    pub lifts: Vec<Lift>,
    /// Pins to a position.
    pub fixed: Vec<Fixed>,
    /// What there may not be too much of.
    pub caps: Vec<Cap>,
    /// What there must be enough of: pins to the top, and floors.
    pub deadlines: Vec<Deadline>,
}

/// A change of scaled scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    /// The rule.
    pub rule: u8,
    /// Whose score changes.
    pub members: Vec<u32>,
    /// The score is multiplied by this.
    pub factor: f32,
    /// This is added; negative where items are buried.
    pub offset: f32,
}

/// One of the members belongs to a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The rule.
    pub rule: u8,
    /// Who may go there.
    pub members: Vec<u32>,
    /// The position, from 0.
    pub position: usize,
    /// Whether the rule names one item, which then is settled before those of groups.
    pub one_item: bool,
}

/// A bound on the number of members.
#[derive(Debug, Clone, PartialEq)]
pub struct Cap {
    /// The rule or exposure.
    pub rule: u8,
    /// Who is counted.
    pub members: Vec<u32>,
    /// The bound.
    pub limit: Limit,
}

/// A bound of a [`Cap`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// At most so many among any so many consecutive positions.
    Window {
        /// The most.
        slots: usize,
        /// Positions of a window; as many as the slate has, or more, mean the whole slate.
        window: usize,
    },
    /// At most ⌈share · k⌉ among the first k positions, for every k.
    Prefix(f64),
}

/// A least number of members.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline {
    /// The rule or exposure.
    pub rule: u8,
    /// Who counts.
    pub members: Vec<u32>,
    /// How many by when.
    pub need: Need,
}

/// The least number of a [`Deadline`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Need {
    /// One among so many first positions.
    Top(usize),
    /// At least ⌊share · k⌋ among the first k positions, for every k.
    Prefix(f64),
}

impl Need {
    /// How many there must be among the first `slots` positions.
    #[must_use]
    pub fn among(self, slots: usize) -> usize {
        match self {
            Self::Top(top) => usize::from(slots >= top),
            Self::Prefix(share) => Exposure::least(share, slots),
        }
    }
}

/// A set of rules and exposures of a plan: rule i has the number i, exposure j the number
/// [`crate::base::limits::RULES_MAX`] + j.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleSet(u128);

impl RuleSet {
    /// Adds a rule; a number of 128 or more is none.
    pub fn add(&mut self, rule: u8) {
        self.0 |= 1u128.checked_shl(rule.into()).unwrap_or(0);
    }

    /// Adds all rules of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..128).filter(move |rule| self.0 & (1 << rule) != 0)
    }
}
