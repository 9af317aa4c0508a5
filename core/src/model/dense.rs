//! Layers: weighted sums of rows, with a bias, and what follows in the same buffer.

use noctule_kernels::arithmetic;
use noctule_kernels::product::{Matrix, add};

use super::tensors::ModelTensors;
use crate::base::{Error, Result};
use crate::release::Nonlinearity;

/// Applies `activation` to each of `values`.
pub(super) fn activate(activation: Nonlinearity, values: &mut [f32]) {
    match activation {
        Nonlinearity::Relu => arithmetic::relu(values),
        Nonlinearity::Gelu => arithmetic::gelu(values),
    }
}

/// Values of a row that are added one by one.
const FEW: usize = 4;

/// Weighted sums of the inputs, each with a bias.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    /// [inputs, outputs], row-major.
    weight: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

impl Dense {
    /// A layer of `weight` [outputs, inputs], row-major, and `bias` [outputs].
    pub(super) fn new(weight: &[f32], bias: Vec<f32>, inputs: usize) -> Result<Self> {
        let outputs = bias.len();
        if inputs == 0 || weight.len() != inputs * outputs {
            let reason = format!("a layer of {inputs} x {outputs} has {} weights", weight.len());
            return Err(Error::Model { reason });
        }
        let mut turned = vec![0.0; weight.len()];
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            for (input, value) in row.iter().enumerate() {
                turned[input * outputs + output] = *value;
            }
        }
        Ok(Self { weight: turned, bias, inputs })
    }

    /// The layer `name` of a model: `name.weight` and `name.bias`.
    pub(super) fn read(tensors: &mut ModelTensors, name: &str) -> Result<Self> {
        let (weight, shape) = tensors.take(&format!("{name}.weight"))?;
        let (bias, _) = tensors.take(&format!("{name}.bias"))?;
        Self::new(&weight, bias, shape.last().copied().unwrap_or_default())
    }

    /// The outputs for the rows one behind the other in `input`.
    pub(super) fn forward(&self, input: &[f32]) -> Result<Vec<f32>> {
        let rows = input.len() / self.inputs;
        let mut out = Vec::with_capacity(rows * self.bias.len());
        (0..rows).for_each(|_| out.extend_from_slice(&self.bias));
        self.add_products(&mut out, input, rows)?;
        Ok(out)
    }

    /// The same, put through `activation`.
    pub(super) fn activated(&self, input: &[f32], by: Nonlinearity) -> Result<Vec<f32>> {
        let mut out = self.forward(input)?;
        activate(by, &mut out);
        Ok(out)
    }

    /// The outputs for the rows of `input` less the bias. A row of zeros but for a few values costs
    /// an addition of as many rows of weights.
    pub(super) fn products(&self, input: &[f32]) -> Result<Vec<f32>> {
        let (inputs, outputs) = (self.inputs, self.bias.len());
        let rows = input.len() / inputs;
        let mut out = vec![0.0; rows * outputs];
        let (mut full, mut places) = (Vec::new(), Vec::new());
        for (place, row) in input.chunks_exact(inputs).enumerate() {
            let values = row.iter().enumerate().filter(|(_, value)| **value != 0.0);
            if values.clone().nth(FEW).is_some() {
                full.extend_from_slice(row);
                places.push(place);
                continue;
            }
            let to = &mut out[place * outputs..(place + 1) * outputs];
            for (at, value) in values {
                let weights = &self.weight[at * outputs..(at + 1) * outputs];
                to.iter_mut().zip(weights).for_each(|(to, weight)| *to += value * weight);
            }
        }
        let mut products = vec![0.0; places.len() * outputs];
        self.add_products(&mut products, &full, places.len())?;
        for (place, products) in places.into_iter().zip(products.chunks_exact(outputs)) {
            out[place * outputs..(place + 1) * outputs].copy_from_slice(products);
        }
        Ok(out)
    }

    /// Values of a row of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Adds the outputs for `input` to the rows of `to`.
    pub(super) fn add_to(&self, to: &mut [f32], input: &[f32]) -> Result<()> {
        for row in to.chunks_exact_mut(self.bias.len()) {
            for (to, bias) in row.iter_mut().zip(&self.bias) {
                *to += bias;
            }
        }
        self.add_products(to, input, input.len() / self.inputs)
    }

    fn add_products(&self, to: &mut [f32], input: &[f32], rows: usize) -> Result<()> {
        let outputs = self.bias.len();
        let input = Matrix::new(input, rows, self.inputs, self.inputs)?;
        let weight = Matrix::new(&self.weight, self.inputs, outputs, outputs)?;
        Ok(add(to, outputs, input, weight)?)
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
            let out = dense.forward(&input[..rows * 3]).unwrap();
            prop_assert_eq!(out.len(), rows * 2);
            for (at, value) in out.iter().enumerate() {
                let (row, output) = (at / 2, at % 2);
                let sum: f32 = (0..3).map(|i| weight[output * 3 + i] * input[row * 3 + i]).sum();
                prop_assert!((value - sum - [0.5, -0.5][output]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn products_are_the_outputs_less_the_bias_for_full_rows_and_for_those_of_few_values() {
        let weight: Vec<f32> = (0u8..16).map(|at| f32::from(at) * 0.25 - 1.0).collect();
        let dense = Dense::new(&weight, vec![0.5, -0.5], 8).unwrap();
        let full: Vec<f32> = (0u8..8).map(|at| f32::from(at) - 2.5).collect();
        let mut input = [full.clone(), vec![0.0; 8], full].concat();
        input[8 + 3] = 2.0;
        let (products, outputs) = (dense.products(&input).unwrap(), dense.forward(&input).unwrap());
        for (at, (product, output)) in products.iter().zip(&outputs).enumerate() {
            assert!((product + [0.5, -0.5][at % 2] - output).abs() < 1e-5, "{at}");
        }
        assert_ne!(products[2], products[0]);
    }

    #[test]
    fn weights_that_do_not_fill_the_layer_are_refused() {
        assert!(Dense::new(&[1.0; 5], vec![0.0; 2], 3).is_err());
    }
}
