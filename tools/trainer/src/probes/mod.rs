//! Probes for leaks: what a model leans on, and what alone predicts too well.
//!
//! A feature that nearly decides the outcome alone is either the answer itself in disguise, or the
//! snow behind the husky (Ribeiro, Singh and Guestrin, KDD 2016): both fail in use.

mod ranker;
mod words;

use serde::{Deserialize, Serialize};

use crate::evaluation::{Calibration, Estimate};
pub use ranker::probe_ranker;
pub use words::probe_words;

/// How probes are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeSettings {
    /// How often each feature is permuted, at most 1,000; with 0 only calibration is looked at.
    pub repeats: usize,
    /// Area under the ROC curve from which on a feature alone predicts too well.
    pub suspicious_auc: f64,
    /// Words that are left out one by one, the ones with most events first.
    pub words: usize,
    /// Bins of the reliability plot.
    pub bins: usize,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { repeats: 20, suspicious_auc: 0.95, words: 20, bins: 10 }
    }
}

impl ProbeSettings {
    /// Settings that look at calibration alone.
    #[must_use]
    pub fn calibration_only() -> Self {
        Self { repeats: 0, ..Self::default() }
    }
}

/// One feature of the ranker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureProbe {
    /// Name of the feature.
    pub feature: String,
    /// Area under the ROC curve of the feature alone, whichever way round.
    pub alone: f64,
    /// Area that the ranker loses when the feature is permuted over the rows (Breiman, 2001;
    /// Fisher, Rudin and Dominici, JMLR 2019); the interval holds 95 % of the permutations.
    pub importance: Estimate,
    /// Whether it alone predicts too well.
    pub suspicious: bool,
}

/// What the ranker leans on, for test choices among the candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankerProbe {
    /// Choices.
    pub positives: usize,
    /// Candidates that they are set against.
    pub negatives: usize,
    /// Area under the ROC curve of the ranker.
    pub auc: f64,
    /// The features; empty when they were not asked for.
    pub features: Vec<FeatureProbe>,
    /// Whether the ranker's probabilities hold, each choice weighing as much as all that it is set
    /// against.
    pub calibration: Calibration,
}

/// One attribute or word that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// `attribute` or `attribute=word`.
    pub name: String,
    /// Share of the catalogue that has it.
    pub share: f64,
    /// Mean NDCG of all words minus that without it, by user; above 0: it helps.
    pub lost: Estimate,
    /// Area under the ROC curve of having it alone, test choices against the other items.
    pub alone: f64,
    /// Whether it alone predicts too well.
    pub suspicious: bool,
}

/// What words give away, by a model that knows nothing but words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordProbe {
    /// NDCG@k with all words.
    pub ndcg: Estimate,
    /// Attributes that were left out, each with all its words.
    pub attributes: Vec<Ablation>,
    /// Words that were left out.
    pub words: Vec<Ablation>,
}

/// The area under the ROC curve of `scores` for the outcomes `happened`, with weights: the share of
/// pairs of something that happened and something that did not in which the first has the higher
/// score; equal ones count half (Hanley and McNeil, 1982). None without such a pair.
#[must_use]
pub fn weighted_auc(scores: &[f64], happened: &[bool], weights: &[f64]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut won, mut positive) = (0.0, 0.0, 0.0);
    for equal in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
        let sum = |wanted: bool| -> f64 {
            equal.iter().filter(|row| happened[**row] == wanted).map(|row| weights[*row]).sum()
        };
        let (yes, no) = (sum(true), sum(false));
        won += yes * (below + no / 2.0);
        below += no;
        positive += yes;
    }
    let pairs = positive * below;
    (pairs > 0.0).then(|| won / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_by_hand() {
        let auc = |scores: &[f64], happened: &[bool]| {
            weighted_auc(scores, happened, &vec![1.0; scores.len()])
        };
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(auc(&[1.0, 1.0], &[true, false]), Some(0.5));
        assert_eq!(auc(&[1.0, 2.0], &[true, true]), None);
        let weighted = weighted_auc(&[1.0, 2.0, 0.0], &[true, false, false], &[1.0, 3.0, 1.0]);
        assert_eq!(weighted, Some(0.25));
    }
}
