//! The health gate.

use super::{count, jensen_shannon};
use crate::release::{Manifest, Policy, SCORE_REFERENCE};
use crate::slates::Slate;

/// What the gate says of one user's scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// There is nothing to compare: no reference, no limit, or too few scores.
    NotJudged,
    /// Within the limit.
    Healthy {
        /// How far.
        distance: f64,
    },
    /// Beyond the limit.
    TooFar {
        /// How far.
        distance: f64,
        /// How far is allowed.
        limit: f64,
    },
}

/// Compares `scores` with the reference of `manifest`.
#[must_use]
pub fn judge(manifest: &Manifest, scores: &[f64]) -> Verdict {
    let (Some(health), Some(reference)) =
        (&manifest.health, manifest.reference.get(SCORE_REFERENCE))
    else {
        return Verdict::NotJudged;
    };
    if scores.len() < health.scores_min as usize {
        return Verdict::NotJudged;
    }
    let counts = count(&reference.edges, scores.iter().copied());
    let distance = jensen_shannon(&counts, &reference.counts);
    let limit = health.distance_max;
    if distance > limit {
        Verdict::TooFar { distance, limit }
    } else {
        Verdict::Healthy { distance }
    }
}

/// The model's scores in `slate`; none for a baseline, whose scores mean something else.
pub fn slate_scores(slate: &Slate) -> impl Iterator<Item = f64> + '_ {
    let slots: &[_] = if slate.policy == Policy::Model { &slate.slots } else { &[] };
    slots.iter().map(|slot| f64::from(slot.score))
}
