//! An adversary that guesses a row's group from what a network has made of it, behind a reversed
//! gradient (Ganin and Lempitsky, ICML 2015; Beutel et al., FAT/ML 2017; Zhang et al., AIES 2018).

use std::borrow::Cow;

use candle_core::Tensor;
use noctule_core::base::SeededRandom;
use noctule_core::release::Nonlinearity;

use super::neural::ops::{Bias, bias, numbers, tensor_on};
use super::neural::{Key, Parameters};
use crate::Result;

/// What the names of its weights begin with; they are no part of what is shipped.
pub(super) const ADVERSARY: &str = "adversary.";
/// The names of its layers.
const LAYERS: [&str; 2] = ["adversary.0", "adversary.1"];

/// The groups that are guessed.
#[derive(Debug, Clone)]
pub(super) struct Adversary<'a> {
    /// The group of each row; rows of no group are not guessed.
    pub(super) of: Cow<'a, [Option<u16>]>,
    /// Number of groups.
    pub(super) groups: usize,
    /// What the reversed gradient is multiplied with.
    pub(super) strength: f64,
    /// Width of its hidden layer.
    pub(super) hidden: usize,
}

impl Adversary<'_> {
    /// Adds its layers to a network, of whose rows it reads `width` values.
    pub(super) fn add_to(&self, to: &mut Parameters, width: usize, seed: u64) -> Result<()> {
        let key = Key::new(seed, "adversary weights");
        let sizes = [[self.hidden, width], [self.groups, self.hidden]];
        for ((name, [outputs, inputs]), number) in LAYERS.into_iter().zip(sizes).zip(0..) {
            let mut random = SeededRandom::new(key.part(number).seed());
            let scale = 1.0 / (inputs as f64).sqrt();
            let weight = (0..outputs * inputs).map(|_| (scale * random.normal()) as f32).collect();
            to.add(&format!("{name}.weight"), &[outputs, inputs], weight)?;
            to.add(&format!("{name}.bias"), &[outputs], vec![0.0; outputs])?;
        }
        Ok(())
    }

    /// Its loss on a batch of which the network has made `last`: the gradient of its log-odds,
    /// these, and the mean cross-entropy.
    pub(super) fn step(
        &self,
        parameters: &Parameters,
        last: &Tensor,
        batch: &[u32],
    ) -> Result<(Tensor, Tensor, f64)> {
        let layer = |name: &str, rows: &Tensor, then: Bias| -> Result<Tensor> {
            let weight = parameters.get(&format!("{name}.weight"))?;
            let to_add = parameters.get(&format!("{name}.bias"))?;
            Ok(bias(&rows.matmul(&weight.t()?)?, to_add, then)?)
        };
        let then = Bias { activation: Some(Nonlinearity::Relu), dropout: None };
        let between = layer(LAYERS[0], &reverse(last, self.strength)?, then)?;
        let odds = layer(LAYERS[1], &between, Bias::default())?;
        let (mut loss, mut slopes) = (0.0, vec![0.0f32; batch.len() * self.groups]);
        let known = batch.iter().filter(|row| self.of[**row as usize].is_some()).count().max(1);
        let share = 1.0 / known as f64;
        let values = numbers(&odds)?;
        let rows = values.chunks_exact(self.groups).zip(slopes.chunks_exact_mut(self.groups));
        for (row, (odds, slopes)) in batch.iter().zip(rows) {
            let Some(group) = self.of[*row as usize].map(usize::from) else { continue };
            let largest = odds.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let powers = odds.iter().map(|odds| f64::from(odds - largest).exp());
            let sum: f64 = powers.clone().sum();
            for (slope, power) in slopes.iter_mut().zip(powers) {
                *slope = (share * power / sum) as f32;
            }
            slopes[group] -= share as f32;
            loss += share * (sum.ln() - f64::from(odds[group] - largest));
        }
        drop(values);
        let slopes = tensor_on(slopes, (batch.len(), self.groups), odds.device())?;
        Ok((slopes, odds, loss))
    }
}

/// `rows` as they are, whose gradient is multiplied by -`strength`.
fn reverse(rows: &Tensor, strength: f64) -> Result<Tensor> {
    Ok((rows.affine(-strength, 0.0)? + rows.detach().affine(1.0 + strength, 0.0)?)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::super::neural::ops::tensor;
    use super::*;

    #[test]
    fn what_is_reversed_keeps_its_values_and_turns_its_gradient() {
        let rows = Var::from_tensor(&tensor(vec![1.0, -2.0, 3.0], 3).unwrap()).unwrap();
        let reversed = reverse(rows.as_tensor(), 0.5).unwrap();
        let off = (&reversed - rows.as_tensor()).unwrap().abs().unwrap().max(0).unwrap();
        assert!(off.to_scalar::<f32>().unwrap() < 1e-6);
        let grads = reversed.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let found = grads.get(&rows).unwrap().to_vec1::<f32>().unwrap();
        for (found, expected) in found.iter().zip([-1.0, 2.0, -3.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
