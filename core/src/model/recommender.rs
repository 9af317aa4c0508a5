//! The model of a release: what encodes the user, and what ranks the candidates.

use std::path::Path;

use super::tensors::ModelTensors;
use super::{Ranker, UserEncoder};
use crate::base::{Error, Result};
use crate::release::Architecture;

/// The model of a release, ready to encode a user and to rank candidates.
#[derive(Debug, Clone)]
pub struct Recommender {
    /// Makes the user's vector.
    pub encoder: UserEncoder,
    /// Weighs the user's score against the other features.
    pub ranker: Ranker,
    /// Names of the ranker's features, in the order of a row.
    pub ranker_features: Vec<String>,
    /// Factor on the confidence of feedback given in the context a slate is made for.
    pub context_weight: f32,
}

impl Recommender {
    /// Reads `model.safetensors` at `path` for a catalogue of `items_total` items and a plan of
    /// `contexts`; holds the whole file in memory for the length of the call.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be read, otherwise as [`Self::load`].
    pub fn read(
        path: &Path,
        architecture: &Architecture,
        items_total: usize,
        contexts: usize,
    ) -> Result<Self> {
        Self::load(&ModelTensors::file(path)?, architecture, items_total, contexts)
    }

    /// Checks and takes over the tensors in `bytes`, a whole `model.safetensors`, which must be
    /// those of [`Architecture::model_tensors`].
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when the container does not decode, a tensor is missing, not one
    /// of the architecture's, of another dtype or shape, or holds a value that is not finite;
    /// [`Error::Model`] when a hyper-parameter is out of range or the architecture has no model.
    pub fn load(
        bytes: &[u8],
        architecture: &Architecture,
        items_total: usize,
        contexts: usize,
    ) -> Result<Self> {
        architecture
            .validate(contexts)
            .map_err(|refusal| Error::Model { reason: refusal.to_string() })?;
        let Some(design) = architecture.ranker() else {
            return Err(Error::Model { reason: "the architecture popularity has no model".into() });
        };
        let mut tensors = ModelTensors::load(bytes, architecture, contexts)?;
        let encoder = UserEncoder::read(&mut tensors, architecture, items_total, contexts)?;
        let context_weight = match architecture {
            Architecture::MatrixFactorization { context_weight, .. }
            | Architecture::TwoTower { context_weight, .. } => *context_weight,
            Architecture::Popularity {} | Architecture::Sasrec { .. } => 1.0,
        };
        Ok(Self {
            encoder,
            ranker: Ranker::read(&mut tensors, design, architecture.ranker_width(contexts))?,
            ranker_features: architecture.ranker_features().to_vec(),
            context_weight,
        })
    }
}
