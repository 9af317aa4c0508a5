//! What the app asks and what it gets.

use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::serving;

use crate::{Reason, RecommenderError};

/// What the app asks for.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RecommendRequest {
    /// The surface that is being shown (`home`).
    pub surface: String,
    /// The context (`breakfast`); the one that holds now when absent.
    #[uniffi(default = None)]
    pub context: Option<String>,
    /// At most so many items; the whole slate when absent.
    #[uniffi(default = None)]
    pub limit: Option<u32>,
}

impl TryFrom<RecommendRequest> for serving::RecommendRequest {
    type Error = RecommenderError;

    fn try_from(request: RecommendRequest) -> Result<Self, RecommenderError> {
        Ok(Self {
            surface: SurfaceId::new(request.surface)?,
            context: request.context.map(ContextId::new).transpose()?,
            limit: request.limit.map(|limit| limit as usize),
        })
    }
}

/// Which rung of the ladder answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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

impl From<serving::Tier> for Tier {
    fn from(tier: serving::Tier) -> Self {
        match tier {
            serving::Tier::Fresh => Self::Fresh,
            serving::Tier::Stale => Self::Stale,
            serving::Tier::Baseline => Self::Baseline,
            serving::Tier::Empty => Self::Empty,
        }
    }
}

/// Why there is nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
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

impl From<serving::EmptyReason> for EmptyReason {
    fn from(reason: serving::EmptyReason) -> Self {
        match reason {
            serving::EmptyReason::NoRelease => Self::NoRelease,
            serving::EmptyReason::UnknownSurface => Self::UnknownSurface,
            serving::EmptyReason::UnknownContext => Self::UnknownContext,
            serving::EmptyReason::NoSlate => Self::NoSlate,
            serving::EmptyReason::NoEligibleItem => Self::NoEligibleItem,
            serving::EmptyReason::AllFiltered => Self::AllFiltered,
        }
    }
}

/// One recommendation.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct RecommendedItem {
    /// The app's own name of the item.
    pub item: String,
    /// Its title in the release.
    pub title: String,
    /// Position in this answer, from 0: record impressions with it.
    pub position: u32,
    /// The score that ranked it.
    pub score: f32,
    /// Probability of the item at its published position: record feedback with it. Absent when
    /// what the user did since has moved the item.
    pub propensity: Option<f64>,
    /// Why it is here; the contributions sum to the score.
    pub reasons: Vec<Reason>,
}

impl From<serving::RecommendedItem> for RecommendedItem {
    fn from(item: serving::RecommendedItem) -> Self {
        Self {
            item: item.item.to_string(),
            title: item.title.to_string(),
            position: item.position,
            score: item.score,
            propensity: item.propensity,
            reasons: item.reasons.iter().map(Reason::from).collect(),
        }
    }
}

/// The answer to a [`RecommendRequest`].
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Recommendations {
    /// The surface asked for.
    pub surface: String,
    /// The context that was served.
    pub context: Option<String>,
    /// Which rung of the ladder answered.
    pub tier: Tier,
    /// Age of the slate in milliseconds.
    pub age_ms: Option<i64>,
    /// Generation of the slate: record feedback with it.
    pub generation: Option<u64>,
    /// The release that made the slate, as `name@version`.
    pub release: Option<String>,
    /// The arm of the experiment.
    pub arm: Option<String>,
    /// Whether anything that is known of the user went into the slate: never without consent, and
    /// not before something was learned.
    pub personalised: bool,
    /// The items, best first.
    pub items: Vec<RecommendedItem>,
    /// Why there are none.
    pub empty_reason: Option<EmptyReason>,
}

impl From<serving::Recommendations> for Recommendations {
    fn from(answer: serving::Recommendations) -> Self {
        Self {
            surface: answer.surface.into(),
            context: answer.context.map(String::from),
            tier: answer.tier.into(),
            age_ms: answer.age_ms,
            generation: answer.generation,
            release: answer.release.map(|release| release.to_string()),
            arm: answer.arm.map(|arm| arm.to_string()),
            personalised: answer.personalised,
            items: answer.items.into_iter().map(RecommendedItem::from).collect(),
            empty_reason: answer.empty_reason.map(EmptyReason::from),
        }
    }
}
