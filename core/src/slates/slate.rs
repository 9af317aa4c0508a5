//! A slate, its slots, and the reasons for each.

use std::sync::Arc;

use crate::base::{ContextId, ItemId, SurfaceId};
use crate::candidates::Sources;
use crate::reasons::Reason;
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
    /// Whether a night made it; otherwise it is the baseline that stands in until the first night.
    pub made_at_night: bool,
    /// Whether anything that is known of the user went into it.
    pub personalised: bool,
    /// The arm of the experiment, if one runs.
    pub arm: Option<String>,
    /// Showings without a choice before an item is moved back at read time; 0 is never.
    pub fatigue_impressions: u32,
    /// Number of the last forgetting that the profile it was made from reflected.
    pub forgotten_through: u64,
    /// The slots, best first.
    pub slots: Vec<Slot>,
    /// Rules and exposures of the plan that could not be met.
    pub unmet: Vec<Unmet>,
}

/// A rule or an exposure of the plan that a slate does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Its id.
    pub rule: String,
    /// 1 for a pin; for a floor the number of prefixes of the slate that have too few of the group.
    pub slots: u32,
}

/// One place in a slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The item.
    pub item: ItemId,
    /// Its title in the release.
    pub title: Arc<str>,
    /// The score that ranked it: a log-odds for the model, a popularity score for the baseline.
    pub score: f32,
    /// Probability with which the logging policy put this item at this position, given the slots
    /// before it.
    pub propensity: f64,
    /// Why it is here. The contributions sum to `score`.
    pub reasons: Arc<[Reason]>,
    /// Who brought the item among the candidates; nobody for the baseline, which ranks all items.
    pub sources: Sources,
}
