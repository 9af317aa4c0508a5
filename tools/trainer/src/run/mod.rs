//! Run folders: everything to repeat a run, to compare it with another, and to read it.
//!
//! ```text
//! RUN/run.json            RunRecord: settings, seeds, digest of the data, figures, curves
//! RUN/users-<model>.jsonl the measures of each user, one JSON object a line
//! RUN/run.html            the same as a page
//! ```
//!
//! A folder is written under another name and renamed when it is complete.

mod comparing;
mod digest;
mod folder;
mod measuring;

use serde::{Deserialize, Serialize};

use crate::datasets::DataStatistics;
use crate::evaluation::{
    BootstrapSettings, Calibration, EvaluationSettings, ModelReport, PairedComparison,
    QuantisationLoss,
};
use crate::probes::{RankerProbe, WordProbe};
use crate::split::{Leak, SplitRule};
use crate::training::Tuning;
use crate::training::network::RetrainRecord;
pub use comparing::{RunComparison, compare_models, compare_runs};
pub use digest::data_digest;
pub use folder::{UserRow, read_run, read_users, write_run};
pub use measuring::{MeasuredModel, Measuring, epoch_curves};

/// Version of the format of `run.json`.
pub const RUN_FORMAT: u32 = 1;

/// What a run is about, and all it takes to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of this format.
    pub format: u32,
    /// Version of Noctule.
    pub version: String,
    /// What was run: `evaluate` or `train`.
    pub kind: String,
    /// The command line, as it was given.
    pub command: Vec<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Settings of the run as a whole.
    pub settings: serde_json::Value,
    /// The data.
    pub data: DataRecord,
    /// How events were parted.
    pub split: SplitRule,
    /// Sizes of the three parts.
    pub parts: PartSizes,
    /// What leaks by it.
    pub leaks: Vec<Leak>,
    /// How lists were ranked and measured.
    pub evaluation: EvaluationSettings,
    /// How intervals were made.
    pub bootstrap: BootstrapSettings,
    /// What to know about the data and the protocol, in words.
    pub warnings: Vec<String>,
    /// The models, in the order in which they were measured.
    pub models: Vec<ModelRun>,
    /// The best model by NDCG against each other one.
    pub comparisons: Vec<RunComparison>,
    /// What a network was begun with and which weights were trained, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrained: Option<RetrainRecord>,
    /// What ranking by codes alone would cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<QuantisationLoss>,
    /// What the ranker leans on, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranker_probe: Option<RankerProbe>,
    /// What single attributes and words give away, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word_probe: Option<WordProbe>,
}

/// Which data a run had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// The path, as it was given.
    pub path: String,
    /// SHA-256 over users, items and events ([`data_digest`]).
    pub digest: String,
    /// What they look like.
    pub statistics: DataStatistics,
}

/// Events of each part of a split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSizes {
    /// Training events.
    pub train: usize,
    /// Validation events.
    pub validation: usize,
    /// Test events.
    pub test: usize,
}

/// One model of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRun {
    /// Its figures.
    pub report: ModelReport,
    /// Its settings.
    pub settings: serde_json::Value,
    /// How they were chosen; none where they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// Learning curves, by name.
    pub curves: Vec<Curve>,
    /// Whether its probabilities hold, of models that give some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Seconds of training; none where several models share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// A value after each epoch or step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What it is: `loss`.
    pub name: String,
    /// The values, the first epoch first.
    pub values: Vec<f64>,
}

/// A comparison of two models of one or two runs by one measure, with its p adjusted for all that
/// were made at once.
pub type Compared = PairedComparison;
