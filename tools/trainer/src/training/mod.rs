//! Training: popularity, neighbours, EASE, factorisations, and the ranker above them.

pub mod classical;
pub mod examples;
pub mod features;
pub mod ials;
pub mod parallel;
pub mod pipeline;
pub mod popularity;
pub mod ranker;
pub mod settings;
pub mod sparse;
pub mod weak;

pub use classical::{ClassicalModel, FittedClassical, Tuning, choose};
pub use ials::{Factors, train_ials};
pub use pipeline::{Metrics, Observer, TrainedModel, train, train_observed, train_on_feedback};
pub use popularity::{Popularity, count_popularity};
pub use ranker::{RankerSettings, TrainedRanker, train_ranker};
pub use settings::{IalsSettings, IalsSolver, Model, TrainSettings, TrainStep};
pub use sparse::Sparse;
pub use weak::{Labels, WeakRecord, WeakSettings};
