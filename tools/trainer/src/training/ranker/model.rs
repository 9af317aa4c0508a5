//! A trained ranker of any kind.

use noctule_core::model::Ranker;
use noctule_core::release::RankerDesign;

use super::{RankerNetwork, TrainedRanker};
use crate::Result;
use crate::training::network::NamedValues;
use crate::training::neural::EpochRecord;

/// A trained ranker.
#[derive(Debug, Clone, PartialEq)]
pub enum RankerModel {
    /// A weighted sum.
    Linear(TrainedRanker),
    /// An `mlp` or a `dcn_v2`.
    Network(RankerNetwork),
}

impl From<TrainedRanker> for RankerModel {
    fn from(linear: TrainedRanker) -> Self {
        Self::Linear(linear)
    }
}

impl RankerModel {
    /// The ranker as the device runs it.
    ///
    /// # Errors
    /// [`crate::Error::Core`] when a weight is not finite.
    pub fn ranker(&self) -> Result<Ranker> {
        match self {
            Self::Linear(linear) => linear.ranker(),
            Self::Network(network) => network.ranker(),
        }
    }

    /// How it is built.
    #[must_use]
    pub fn design(&self) -> RankerDesign {
        match self {
            Self::Linear(_) => RankerDesign::default(),
            Self::Network(network) => network.design.clone(),
        }
    }

    /// Its tensors, as `model.safetensors` names them.
    #[must_use]
    pub fn tensors(&self) -> Vec<NamedValues> {
        let linear = match self {
            Self::Linear(linear) => linear,
            Self::Network(network) => return network.tensors.clone(),
        };
        let named = |name: &str, shape: Vec<usize>, values: Vec<f32>| NamedValues {
            name: name.to_owned(),
            shape,
            values,
        };
        vec![
            named("ranker.weight", vec![1, linear.weight.len()], linear.weight.clone()),
            named("ranker.bias", vec![1], vec![linear.bias]),
        ]
    }

    /// Of a linear ranker: the loss before each step.
    #[must_use]
    pub fn losses(&self) -> &[f32] {
        match self {
            Self::Linear(linear) => &linear.losses,
            Self::Network(_) => &[],
        }
    }

    /// Of a network: its epochs.
    #[must_use]
    pub fn epochs(&self) -> &[EpochRecord] {
        match self {
            Self::Linear(_) => &[],
            Self::Network(network) => &network.fitted.history,
        }
    }
}
