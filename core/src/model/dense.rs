//! Layers: a matrix product by candle, and what follows it in the same pass over its values.

use std::sync::Once;

use candle_core::{Device, Storage, Tensor};

use super::arithmetic;
use super::tensors::ModelTensors;
use crate::base::{Error, Result};
use crate::release::Nonlinearity;

/// A matrix product of any size stays on the calling thread: a night has the threads that its
/// budget gives it, and no pool wakes up behind its back.
fn keep_to_this_thread() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gemm::set_threading_threshold(usize::MAX));
}

fn failed(error: &candle_core::Error) -> Error {
    Error::Model { reason: format!("matrix product: {error}") }
}

/// A matrix of `rows` rows, taken over without a copy.
pub(super) fn matrix(values: Vec<f32>, rows: usize, columns: usize) -> Result<Tensor> {
    keep_to_this_thread();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).map_err(|error| failed(&error))
}

/// The part of `of` in rows `rows` and columns `columns`.
pub(super) fn part(
    of: &Tensor,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> Result<Tensor> {
    let narrow = of.narrow(0, rows.start, rows.len());
    let narrow = narrow.and_then(|rows| rows.narrow(1, columns.start, columns.len()));
    narrow.map_err(|error| failed(&error))
}

/// `a` times `b`, handed to `then` where it lies.
pub(super) fn product<R>(a: &Tensor, b: &Tensor, then: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let product = a.matmul(b).map_err(|error| failed(&error))?;
    let (storage, _) = product.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => {
            storage.as_slice::<f32>().map(then).map_err(|error| failed(&error))
        }
        _ => Err(Error::Model { reason: "matrix product: not in the main memory".into() }),
    }
}

/// `a` times the transpose of `b`, as [`product`].
pub(super) fn product_transposed<R>(
    a: &Tensor,
    b: &Tensor,
    then: impl FnOnce(&[f32]) -> R,
) -> Result<R> {
    product(a, &b.t().map_err(|error| failed(&error))?, then)
}

/// Weighted sums of the inputs, each with a bias.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    /// [inputs, outputs].
    weight: Tensor,
    bias: Vec<f32>,
    inputs: usize,
}

impl Dense {
    /// A layer of `weight` [outputs, inputs], row-major, and `bias` [outputs].
    pub(super) fn new(weight: &[f32], bias: Vec<f32>, inputs: usize) -> Result<Self> {
        let outputs = bias.len();
        if weight.len() != inputs * outputs {
            let reason = format!("a layer of {inputs} x {outputs} has {} weights", weight.len());
            return Err(Error::Model { reason });
        }
        let mut turned = vec![0.0; weight.len()];
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            for (input, value) in row.iter().enumerate() {
                turned[input * outputs + output] = *value;
            }
        }
        Ok(Self { weight: matrix(turned, inputs, outputs)?, bias, inputs })
    }

    /// The layer `name` of a model: `name.weight` and `name.bias`.
    pub(super) fn read(tensors: &mut ModelTensors, name: &str) -> Result<Self> {
        let (weight, shape) = tensors.take(&format!("{name}.weight"))?;
        let (bias, _) = tensors.take(&format!("{name}.bias"))?;
        Self::new(&weight, bias, shape.last().copied().unwrap_or_default())
    }

    /// The sums without their biases for rows one behind the other in `input`, handed to `then`
    /// together with the biases.
    pub(super) fn sums<R>(
        &self,
        input: Vec<f32>,
        then: impl FnOnce(&[f32], &[f32]) -> R,
    ) -> Result<R> {
        let rows = input.len() / self.inputs.max(1);
        let input = matrix(input, rows, self.inputs)?;
        product(&input, &self.weight, |sums| then(sums, &self.bias))
    }

    /// The outputs for rows one behind the other in `input`.
    pub(super) fn forward(&self, input: Vec<f32>) -> Result<Vec<f32>> {
        self.sums(input, |sums, bias| {
            let mut out = Vec::with_capacity(sums.len());
            for row in sums.chunks_exact(bias.len()) {
                out.extend(row.iter().zip(bias).map(|(sum, bias)| sum + bias));
            }
            out
        })
    }

    /// The same, put through `activation`.
    pub(super) fn activated(&self, input: Vec<f32>, by: Nonlinearity) -> Result<Vec<f32>> {
        let mut out = self.forward(input)?;
        arithmetic::activate(by, &mut out);
        Ok(out)
    }

    /// Adds the outputs for `input` to `to`.
    pub(super) fn add_to(&self, to: &mut [f32], input: Vec<f32>) -> Result<()> {
        self.sums(input, |sums, bias| {
            let rows = to.chunks_exact_mut(bias.len()).zip(sums.chunks_exact(bias.len()));
            for (to, sums) in rows {
                for ((to, sum), bias) in to.iter_mut().zip(sums).zip(bias) {
                    *to += sum + bias;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_layer_is_its_weighted_sums(
            rows in 0usize..5,
            weight in prop::collection::vec(-2.0f32..2.0, 6),
            input in prop::collection::vec(-2.0f32..2.0, 15),
        ) {
            let dense = Dense::new(&weight, vec![0.5, -0.5], 3).unwrap();
            let out = dense.forward(input[..rows * 3].to_vec()).unwrap();
            prop_assert_eq!(out.len(), rows * 2);
            for (at, value) in out.iter().enumerate() {
                let (row, output) = (at / 2, at % 2);
                let sum: f32 = (0..3).map(|i| weight[output * 3 + i] * input[row * 3 + i]).sum();
                prop_assert!((value - sum - [0.5, -0.5][output]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn weights_that_do_not_fill_the_layer_are_refused() {
        assert!(Dense::new(&[1.0; 5], vec![0.0; 2], 3).is_err());
    }
}
