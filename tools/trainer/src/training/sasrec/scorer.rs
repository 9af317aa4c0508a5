//! Scores of a trained network, computed by core as a phone computes them.

use noctule_core::model::{Observation, Recommender, UserEncoder};
use noctule_core::release::Architecture;
use safetensors::tensor::{Dtype, TensorView};

use super::pipeline::NamedValues;
use crate::datasets::Interaction;
use crate::evaluation::scorers::dot;
use crate::evaluation::{Case, Scorer};
use crate::{Error, Result};

/// A network of the architecture `sasrec` that was loaded as a phone loads it.
pub struct SasrecScorer<'a> {
    recommender: Recommender,
    embedding: &'a [f32],
    dimensions: usize,
}

impl<'a> SasrecScorer<'a> {
    /// The network of `tensors`, those of `architecture`, over the item vectors `embedding`.
    ///
    /// # Errors
    /// [`Error::Core`] when the tensors are not those of the architecture.
    pub fn new(
        architecture: &Architecture,
        tensors: &[NamedValues],
        embedding: &'a [f32],
    ) -> Result<Self> {
        let dimensions = architecture.dimensions().unwrap_or(1).max(1);
        let bytes = |values: &NamedValues| -> Vec<u8> {
            values.values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let bytes: Vec<Vec<u8>> = tensors.iter().map(bytes).collect();
        let broken = |error: safetensors::SafeTensorError| Error::data(error.to_string());
        let mut views = Vec::with_capacity(tensors.len());
        for (tensor, bytes) in tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(broken)?;
            views.push((tensor.name.as_str(), view));
        }
        let file = safetensors::serialize(views, None).map_err(broken)?;
        let items = embedding.len() / dimensions;
        let recommender = Recommender::load(&file, architecture, items, 0)?;
        Ok(Self { recommender, embedding, dimensions })
    }

    /// The vector of a user with this history, the oldest first.
    ///
    /// # Errors
    /// [`Error::Core`] when it is not finite.
    pub fn user_vector(&self, history: &[Interaction]) -> Result<Vec<f32>> {
        let d = self.dimensions;
        let observations = history.iter().map(|event| Observation {
            vector: &self.embedding[event.item as usize * d..][..d],
            weight: 1.0,
            target: 1.0,
        });
        let observations: Vec<_> = observations.collect();
        let encoder: &UserEncoder = &self.recommender.encoder;
        Ok(encoder.encode(&observations, 0)?.vector)
    }
}

impl Scorer for SasrecScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let vector = self.user_vector(case.history)?;
        for (score, item) in scores.iter_mut().zip(self.embedding.chunks_exact(self.dimensions)) {
            *score = dot(&vector, item);
        }
        Ok(())
    }
}
