//! Offline evaluation: metrics, protocols and the popularity baseline.

mod cases;
pub mod metrics;
pub mod protocol;
pub mod scorers;

pub use metrics::{Discount, ndcg_graded, reciprocal_rank};
pub use protocol::{Evaluation, EvaluationSettings, Protocol, evaluate};
pub use scorers::{Case, ContextPopularityScorer, FoldInScorer, PopularityScorer, Scorer};
