//! Scores of a trained network, computed by core as a phone computes them.

use noctule_core::model::{Observation, Recommender, UserEncoder};
use noctule_core::release::Architecture;
use safetensors::tensor::{Dtype, TensorView};

use super::NamedValues;
use crate::datasets::Interaction;
use crate::evaluation::scorers::dot;
use crate::evaluation::{Case, Scorer, VectorScorer};
use crate::training::Sparse;
use crate::{Error, Result};

/// A network that was loaded as a phone loads it.
pub struct NetworkScorer<'a> {
    recommender: Recommender,
    embedding: &'a [f32],
    dimensions: usize,
}

impl<'a> NetworkScorer<'a> {
    /// The network of `tensors`, those of `architecture` for a plan of `contexts`, over the item
    /// vectors `embedding`.
    ///
    /// # Errors
    /// [`Error::Core`] when the tensors are not those of the architecture.
    pub fn new(
        architecture: &Architecture,
        contexts: usize,
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
        let recommender = Recommender::load(&file, architecture, items, contexts)?;
        Ok(Self { recommender, embedding, dimensions })
    }

    /// The vector of a user with this history, the oldest first, in `context`; a model that looks
    /// at contexts takes an unknown one for the first of the plan.
    ///
    /// # Errors
    /// [`Error::Core`] when it is not finite.
    pub fn user_vector(&self, history: &[Interaction], context: Option<u16>) -> Result<Vec<f32>> {
        let encoder: &UserEncoder = &self.recommender.encoder;
        let observations: Vec<Observation<'_>> = if matches!(encoder, UserEncoder::Sasrec(_)) {
            history.iter().map(|event| self.observation(event.item, 1.0)).collect()
        } else {
            // As on the phone: an item counts once, with all its weight.
            let weight = |event: &Interaction| {
                let same = context.is_some() && event.context == context;
                event.weight * if same { self.recommender.context_weight } else { 1.0 }
            };
            let chosen = history.iter().map(|event| (0, event.item, weight(event))).collect();
            let chosen = Sparse::from_entries(chosen, 1, self.embedding.len() / self.dimensions);
            chosen.row(0).map(|(item, weight)| self.observation(item, weight)).collect()
        };
        let context = context.unwrap_or_default();
        Ok(encoder.encode(&observations, context.into())?.vector)
    }

    fn observation(&self, item: u32, weight: f32) -> Observation<'_> {
        let d = self.dimensions;
        Observation { vector: &self.embedding[item as usize * d..][..d], weight, target: 1.0 }
    }
}

impl Scorer for NetworkScorer<'_> {
    fn score(&self, case: &Case<'_>, scores: &mut [f32]) -> Result<()> {
        let vector = self.user_vector(case.history, case.context)?;
        for (score, item) in scores.iter_mut().zip(self.embedding.chunks_exact(self.dimensions)) {
            *score = dot(&vector, item);
        }
        Ok(())
    }
}

impl VectorScorer for NetworkScorer<'_> {
    fn user(&self, case: &Case<'_>) -> Result<Vec<f32>> {
        self.user_vector(case.history, case.context)
    }

    fn items(&self) -> (&[f32], usize) {
        (self.embedding, self.dimensions)
    }
}
