//! Training: popularity, neighbours, EASE, factorisations with the ranker above them,
//! SASRec and the two-tower.

mod adversary;
pub mod candidates;
pub mod classical;
pub mod examples;
pub mod fairness;
pub mod features;
pub mod ials;
pub mod network;
pub mod neural;
pub mod parallel;
pub mod pipeline;
pub mod popularity;
pub mod ranker;
pub mod retraining;
pub mod sasrec;
pub mod session;
pub mod settings;
pub mod sparse;
pub mod two_tower;
pub mod weak;

pub use classical::{ClassicalModel, FittedClassical, Tuning, choose};
pub use ials::{Factors, train_ials};
pub use network::{NamedValues, TrainedNetwork};
pub use pipeline::{Metrics, TrainedModel, UNTREATED, train, train_in, train_on_feedback};
pub use popularity::{Popularity, count_popularity};
pub use ranker::{RankerModel, RankerNetwork, RankerSettings, TrainedRanker, train_ranker};
pub use retraining::{RetrainSettings, TrainLayers};
pub use sasrec::SasrecSettings;
pub use session::{Observer, Session};
pub use settings::{IalsSettings, IalsSolver, Model, TrainSettings, TrainStep};
pub use sparse::Sparse;
pub use two_tower::TwoTowerSettings;
pub use weak::{Labels, WeakRecord, WeakSettings};
