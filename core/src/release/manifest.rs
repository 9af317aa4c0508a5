//! `manifest.json`: one document binds all that a release consists of.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Experiment, Plan};

/// Format version that this library writes, and the newest it reads.
pub const MANIFEST_FORMAT: u64 = 1;

/// Name and version of a release, as reports show them: `town@3`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseName {
    /// The line of releases.
    pub name: String,
    /// Grows with every release of the line.
    pub version: u64,
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// The manifest of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u64,
    /// The app it is for; a device of another app refuses it.
    pub app: String,
    /// Name and version.
    pub release: ReleaseName,
    /// Begin of validity, Unix milliseconds.
    pub created_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expires_ms: i64,
    /// The model's architecture and hyper-parameters.
    pub architecture: Architecture,
    /// The plan.
    pub plan: Plan,
    /// The experiment, if one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// Every file of the release except the manifest and its signature, by name.
    pub files: BTreeMap<String, FileEntry>,
    /// Every tensor, by file and name.
    pub tensors: BTreeMap<String, BTreeMap<String, TensorEntry>>,
    /// Where it came from (data, code, parent, metrics): free text by key, shown by `inspect`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lineage: BTreeMap<String, String>,
}

/// A model's architecture by name, with its hyper-parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Architecture {
    /// No model: popularity by context, and rules.
    Popularity {},
    /// Implicit-feedback matrix factorisation (Hu, Koren and Volinsky, ICDM 2008) with a
    /// logistic ranker over the fold-in score and context features.
    MatrixFactorization {
        /// Length of the vectors.
        dimensions: usize,
        /// Weight of every unobserved pair in the loss.
        unobserved_weight: f32,
        /// Regularisation lambda.
        regularization: f32,
        /// Exponent nu of the frequency scaling: a user with n observations among N items is
        /// regularised with lambda * (n + unobserved_weight * N)^nu (Rendle et al., RecSys 2022).
        regularization_exponent: f32,
        /// Factor on the confidence of feedback given in the very context a slate is made for.
        context_weight: f32,
        /// Names of the ranker's features, in the order of `ranker.weight`.
        ranker_features: Vec<String>,
    },
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

/// One tensor of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// The dtype as safetensors writes it (`F32`, `I8`).
    pub dtype: String,
    /// The shape.
    pub shape: Vec<u64>,
}
