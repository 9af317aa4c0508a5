//! Ranking: feature rows, and the scores they give.
//!
//! Pure. The trainer makes its rows with the very same functions, so that a weight means on the
//! phone what it meant in training.

mod features;
mod rows;

pub use features::{BASELINE_NEARBY_WEIGHT, Feature, FeatureRows};
pub use rows::{Pair, spans};
