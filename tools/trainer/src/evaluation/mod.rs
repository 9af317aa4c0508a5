//! Offline evaluation: protocols, metrics of accuracy and beyond, intervals, groups, tests.
//!
//! ```text
//! Scorer -> evaluate_users -> UserResult -> ItemFacts::measures -> bootstrap_means, by group too
//!                                 |                   |
//!                                 +-> summarise       +-> compare (two runs, the same users)
//! ```

pub mod bootstrap;
pub mod calibration;
mod cases;
pub mod comparison;
pub mod fairness;
pub mod groups;
pub mod measures;
pub mod metrics;
pub mod protocol;
pub mod quantised;
pub mod report;
pub mod scorers;

pub use bootstrap::{BootstrapSettings, Estimate, bootstrap_means};
pub use calibration::{Calibration, ReliabilityBin, calibration};
pub use comparison::{PairedComparison, Test, compare, holm, randomisation, wilcoxon};
pub use fairness::{FairnessReport, Groups, measure_fairness};
pub use groups::Grouping;
pub use measures::{Exposure, ItemFacts, Measures, Metric, exposure};
pub use metrics::{Discount, ndcg_graded, reciprocal_rank};
pub use protocol::{
    Evaluation, EvaluationSettings, Protocol, UserResult, evaluate, evaluate_users, summarise,
};
pub use quantised::{FormQuality, QuantisationLoss, VectorScorer, quantisation_loss};
pub use report::{GroupReport, ModelReport, measure_model};
pub use scorers::{Case, ContextPopularityScorer, FoldInScorer, PopularityScorer, Scorer};
