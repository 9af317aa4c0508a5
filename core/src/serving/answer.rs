//! What the app asks and what it gets.

use std::sync::Arc;

use crate::base::{ContextId, ItemId, SurfaceId};
use crate::candidates::Sources;
use crate::reasons::Reason;
use crate::slates::Unmet;

/// What the app asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecommendRequest {
    /// The surface that is being shown.
    pub surface: SurfaceId,
    /// The context; the one that holds now when absent.
    pub context: Option<ContextId>,
    /// At most so many items; the whole slate when absent.
    pub limit: Option<usize>,
}

impl RecommendRequest {
    /// The whole slate of `surface` for the context that holds now.
    #[must_use]
    pub fn new(surface: SurfaceId) -> Self {
        Self { surface, context: None, limit: None }
    }
}

/// Which rung of the ladder answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// A slate of the last night.
    Fresh,
    /// A slate that is older than the plan allows; better than none.
    Stale,
    /// The rule-based baseline that was put in when the release was installed.
    Baseline,
    /// Nothing: see [`Recommendations::empty_reason`].
    Empty,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyReason {
    /// No release was ever installed here.
    NoRelease,
    /// The plan has no such surface.
    UnknownSurface,
    /// The plan has no such context for the surface.
    UnknownContext,
    /// The slate of this surface and context is not there, or was damaged; the next night makes it.
    NoSlate,
    /// The slate has no items: the catalogue is empty, or no item is eligible.
    NoEligibleItem,
    /// Every item of the slate was hidden or chosen since it was made.
    AllFiltered,
}

/// One recommendation.
#[derive(Debug, Clone, PartialEq)]
pub struct RecommendedItem {
    /// The item.
    pub item: ItemId,
    /// Its title in the release.
    pub title: Arc<str>,
    /// Position in this answer, from 0: record impressions with it.
    pub position: u32,
    /// The score that ranked it.
    pub score: f32,
    /// Probability of the item at its published position; absent when read-time filters moved it,
    /// as its probability at this position is then not known.
    pub propensity: Option<f64>,
    /// Why it is here; the contributions sum to the score.
    pub reasons: Arc<[Reason]>,
    /// Who brought it among the candidates; nobody for the baseline, which ranks all items.
    pub sources: Sources,
}

/// The answer to a [`RecommendRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendations {
    /// The surface asked for.
    pub surface: SurfaceId,
    /// The context that was served.
    pub context: Option<ContextId>,
    /// Which rung of the ladder answered.
    pub tier: Tier,
    /// Age of the slate in milliseconds.
    pub age_ms: Option<i64>,
    /// Generation of the slate: record feedback with it.
    pub generation: Option<u64>,
    /// The release that made the slate, as `name@version`.
    pub release: Option<Arc<str>>,
    /// The arm of the experiment.
    pub arm: Option<Arc<str>>,
    /// Whether anything that is known of the user went into the slate: never without consent, and
    /// not before something was learned.
    pub personalised: bool,
    /// The items, best first.
    pub items: Vec<RecommendedItem>,
    /// Rules and exposures of the plan that the slate does not meet.
    pub unmet: Arc<[Unmet]>,
    /// Why there are none.
    pub empty_reason: Option<EmptyReason>,
}
