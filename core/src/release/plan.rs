//! The plan: which slates are made, for which circumstances, and how.

use serde::{Deserialize, Serialize};

use super::{Exposure, PrivateAnswer, PrivateBudget, Rule};
use crate::base::limits::{
    CONTEXTS_MAX, EXPOSURES_MAX, PRIVATE_ANSWERS_MAX, RULES_MAX, SURFACES_MAX,
};
use crate::base::{ContextId, Span, SurfaceId, WeekMinute, json};

/// Surfaces, contexts and settings. Ships in the manifest; the app may override it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The surfaces, each with its contexts.
    #[serde(deserialize_with = "json::up_to::<SURFACES_MAX, _, _>")]
    pub surfaces: Vec<Surface>,
    /// The contexts that surfaces name. The row of a context in `context_popularity` is its place
    /// in this list.
    #[serde(deserialize_with = "json::up_to::<CONTEXTS_MAX, _, _>")]
    pub contexts: Vec<Context>,
    /// How many candidates each generator hands on.
    #[serde(default)]
    pub candidates: Candidates,
    /// What becomes of items that the user has chosen already.
    #[serde(default)]
    pub consumed: Consumed,
    /// Only items open in the middle of the context.
    #[serde(default = "yes")]
    pub only_open: bool,
    /// Only items within this many kilometres of the user, where both places are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius_km: Option<f64>,
    /// Rules about places in a slate.
    #[serde(
        default,
        deserialize_with = "json::up_to::<RULES_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub rules: Vec<Rule>,
    /// Exposure of groups in a slate.
    #[serde(
        default,
        deserialize_with = "json::up_to::<EXPOSURES_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub exposure: Vec<Exposure>,
    /// Diversity of a slate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diversity: Option<Diversity>,
    /// Exploration, which makes clicks comparable with what was not shown.
    #[serde(default)]
    pub exploration: Exploration,
    /// Hours after which a slate counts as stale, 1 to 8,760.
    #[serde(default = "Plan::default_fresh_hours")]
    pub fresh_hours: u32,
    /// Showings without a choice after which an item is moved behind the others at read time;
    /// 0 switches fatigue off.
    #[serde(default = "Plan::default_fatigue_impressions")]
    pub fatigue_impressions: u32,
    /// How many times as long as its checks allow a slate may take on a device, 1 to 100.
    #[serde(default = "Plan::default_latency_factor")]
    pub latency_factor: f64,
    /// Answers that the collector is told with noise.
    #[serde(
        default,
        deserialize_with = "json::up_to::<PRIVATE_ANSWERS_MAX, _, _>",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub private: Vec<PrivateAnswer>,
    /// What those answers may cost together; no bound without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_budget: Option<PrivateBudget>,
}

fn yes() -> bool {
    true
}

impl Plan {
    fn default_fresh_hours() -> u32 {
        36
    }

    fn default_fatigue_impressions() -> u32 {
        12
    }

    /// The machine that a backend measures on computes several times as fast as an old phone.
    fn default_latency_factor() -> f64 {
        8.0
    }

    /// The context named `id` with its index.
    #[must_use]
    pub fn context(&self, id: &str) -> Option<(usize, &Context)> {
        self.contexts.iter().enumerate().find(|(_, context)| context.id.as_str() == id)
    }

    /// The surface named `id`.
    #[must_use]
    pub fn surface(&self, id: &str) -> Option<&Surface> {
        self.surfaces.iter().find(|surface| surface.id.as_str() == id)
    }

    /// The first context of `surface` that holds at `moment`, else its first context.
    #[must_use]
    pub fn context_at<'a>(
        &'a self,
        surface: &'a Surface,
        moment: WeekMinute,
    ) -> Option<&'a Context> {
        let mut contexts = surface.contexts.iter().filter_map(|id| self.context(id.as_str()));
        let first = contexts.clone().next();
        contexts
            .find(|(_, context)| context.when.holds(moment))
            .or(first)
            .map(|(_, context)| context)
    }
}

/// A place in the app that shows a slate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// Its name.
    pub id: SurfaceId,
    /// Slots of its slates, 1 to 1,000.
    pub length: usize,
    /// Its contexts, in the order in which [`Plan::context_at`] asks them; at least one.
    #[serde(deserialize_with = "json::up_to::<CONTEXTS_MAX, _, _>")]
    pub contexts: Vec<ContextId>,
}

/// The circumstances a slate is made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Its name.
    pub id: ContextId,
    /// When it holds, local time.
    pub when: Span,
}

/// Budgets of the candidate generators; their union is ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Candidates {
    /// Nearest to the user's vector, over the whole catalogue.
    pub nearest: usize,
    /// Nearest to the items that the user chose last, over the whole catalogue.
    pub similar: usize,
    /// How many of the items chosen last `similar` looks at, 1 to 64.
    pub similar_to: usize,
    /// Most popular in the context.
    pub popular: usize,
    /// Newest by the number attribute `added_ms`, Unix milliseconds.
    pub new: usize,
    /// Days for which an item counts as new, 1 to 3,650.
    pub new_days: u32,
}

impl Candidates {
    /// All budgets together.
    #[must_use]
    pub fn total(&self) -> usize {
        self.nearest + self.similar + self.popular + self.new
    }
}

impl Default for Candidates {
    fn default() -> Self {
        Self { nearest: 200, similar: 0, similar_to: 5, popular: 50, new: 0, new_days: 30 }
    }
}

/// What becomes of items the user has chosen (converted, or liked).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consumed {
    /// They stay in: people go back to a good restaurant.
    Keep,
    /// They are left out for ever: nobody wants the same film again.
    #[default]
    Exclude,
    /// They are left out for so many days.
    CooldownDays(u32),
}

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diversity {
    /// Items are alike as far as they share words of this attribute (Jaccard); without it, as far
    /// as their vectors point the same way (cosine, at least 0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// Weight of diversity against relevance, 0 to 1.
    pub weight: f32,
}

/// Exploration with its exact propensities: from a pool of m items a slot is drawn uniformly with
/// probability `epsilon`, else by the softmax of the temperature, or the best without one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exploration {
    /// Probability that a slot is drawn uniformly from the pool, 0 to 1.
    pub epsilon: f64,
    /// Temperature of Plackett and Luce's model in units of the scaled score, 0.01 to 100; 0 takes
    /// the best item.
    #[serde(skip_serializing_if = "is_zero")]
    pub temperature: f64,
    /// The pool: this many best ranked items that are not yet in the slate.
    pub pool: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Exploration {
    /// No exploration: always the best item.
    pub const OFF: Self = Self { epsilon: 0.0, temperature: 0.0, pool: 50 };
}

impl Default for Exploration {
    fn default() -> Self {
        Self { epsilon: 0.05, temperature: 0.0, pool: 50 }
    }
}
