//! The user tower of a two-tower model; the item side was made beforehand.
//!
//! With m the weighted mean of the vectors of what was chosen, p that of what was passed over
//! (zeros where there is none), n and k how many items of either, and c the context as one of the
//! plan's (1 there, 0 elsewhere), the tower reads `m, p, ln(1 + n), ln(1 + k), c`.

use noctule_kernels::arithmetic::dot;

use super::dense::Dense;
use super::encoder::Observation;
use super::tensors::ModelTensors;
use crate::base::{Error, Result};
use crate::release::{Architecture, Nonlinearity};

/// A user tower.
#[derive(Debug, Clone)]
pub struct TwoTower {
    layers: Vec<Dense>,
    activation: Nonlinearity,
    normalize: bool,
    dimensions: usize,
    contexts: usize,
}

impl TwoTower {
    pub(super) fn read(
        tensors: &mut ModelTensors,
        architecture: &Architecture,
        contexts: usize,
    ) -> Result<Self> {
        let Architecture::TwoTower { dimensions, hidden, activation, normalize, .. } = architecture
        else {
            return Err(Error::Model { reason: "the architecture is not two_tower".into() });
        };
        let layers =
            (0..=hidden.len()).map(|index| Dense::read(tensors, &format!("tower.{index}")));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            activation: *activation,
            normalize: *normalize,
            dimensions: *dimensions,
            contexts,
        })
    }

    /// What the tower reads for this history in this context.
    ///
    /// # Errors
    /// [`Error::Model`] when a vector has another length or the plan has no such context.
    pub fn inputs(&self, history: &[Observation<'_>], context: usize) -> Result<Vec<f32>> {
        let d = self.dimensions;
        if context >= self.contexts {
            let reason = format!("context {context} of a tower for {}", self.contexts);
            return Err(Error::Model { reason });
        }
        let mut inputs = vec![0.0_f32; Architecture::tower_inputs(d, self.contexts)];
        for (is_chosen, place) in [(true, 0), (false, d)] {
            let (mut sums, mut weights, mut count) = (vec![0.0_f64; d], 0.0_f64, 0_u32);
            for seen in history.iter().filter(|seen| (seen.target > 0.0) == is_chosen) {
                if seen.vector.len() != d {
                    let reason =
                        format!("an item vector has {} values, not {d}", seen.vector.len());
                    return Err(Error::Model { reason });
                }
                let weight = f64::from(seen.weight);
                for (sum, value) in sums.iter_mut().zip(seen.vector) {
                    *sum += weight * f64::from(*value);
                }
                (weights, count) = (weights + weight, count + 1);
            }
            if weights > 0.0 {
                for (input, sum) in inputs[place..place + d].iter_mut().zip(sums) {
                    *input = (sum / weights) as f32;
                }
            }
            inputs[2 * d + usize::from(!is_chosen)] = libm::log1pf(count as f32);
        }
        inputs[2 * d + 2 + context] = 1.0;
        Ok(inputs)
    }

    /// The user's vector.
    ///
    /// # Errors
    /// As [`Self::inputs`]; [`Error::Model`] when it is not finite.
    pub fn encode(&self, history: &[Observation<'_>], context: usize) -> Result<Vec<f32>> {
        let mut values = self.inputs(history, context)?;
        for (index, layer) in self.layers.iter().enumerate() {
            values = if index + 1 < self.layers.len() {
                layer.activated(&values, self.activation)?
            } else {
                layer.forward(&values)?
            };
        }
        if self.normalize {
            let length = dot(&values, &values).sqrt();
            // A vector of zeros has no direction, and stays.
            if length > 0.0 {
                values.iter_mut().for_each(|value| *value /= length);
            }
        }
        Ok(values)
    }
}
