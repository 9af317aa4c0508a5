//! A ranker's network as something that can be fitted.

use candle_core::Tensor;
use noctule_core::base::SeededRandom;
use rayon::prelude::*;

use super::labels::RowLabel;
use super::network::{Network, Scale};
use super::settings::NetworkSettings;
use crate::Result;
use crate::training::adversary::Adversary;
use crate::training::neural::ops::{numbers, tensor_on, with_gradients};
use crate::training::neural::{Key, Parameters, Place, Task};

/// Rows that are scored at once outside training.
const ROWS_AT_ONCE: usize = 4_096;

/// A network, the rows that it learns from, and those that it is validated on.
pub(super) struct RankerTask<'a> {
    pub(super) network: Network,
    /// In the scale of training.
    rows: Vec<f32>,
    features: usize,
    labels: &'a [RowLabel],
    train: Vec<u32>,
    validation: Vec<u32>,
    /// What a row of the training part weighs on average.
    mean_weight: f64,
    adversary: Option<Adversary<'a>>,
    settings: &'a NetworkSettings,
    seed: u64,
    order: Option<(usize, Vec<u32>)>,
}

/// What a task is made of besides its network.
pub(super) struct Material<'a> {
    pub(super) rows: &'a [f32],
    pub(super) labels: &'a [RowLabel],
    pub(super) train: Vec<u32>,
    pub(super) validation: Vec<u32>,
    pub(super) adversary: Option<Adversary<'a>>,
    pub(super) settings: &'a NetworkSettings,
    pub(super) seed: u64,
}

impl<'a> RankerTask<'a> {
    pub(super) fn new(network: Network, scale: &Scale, material: Material<'a>) -> Self {
        let Material { rows, labels, train, validation, adversary, settings, seed } = material;
        let weight: f64 = train.iter().map(|row| f64::from(labels[*row as usize].weight)).sum();
        let mean_weight = weight / train.len().max(1) as f64;
        let (rows, features) = (scale.apply(rows), scale.factor.len());
        Self {
            network,
            rows,
            features,
            labels,
            train,
            validation,
            mean_weight,
            adversary,
            settings,
            seed,
            order: None,
        }
    }

    fn gathered(&self, which: &[u32]) -> Result<Tensor> {
        let row = |row: &u32| &self.rows[*row as usize * self.features..][..self.features];
        let values: Vec<f32> = which.iter().flat_map(row).copied().collect();
        let device = self.network.parameters.device();
        Ok(tensor_on(values, (which.len(), self.features), &device)?)
    }

    fn batch(&mut self, place: Place) -> Vec<u32> {
        let order = match self.order.take() {
            Some((epoch, order)) if epoch == place.epoch => order,
            _ => {
                let key = Key::new(self.seed, "ranker order").part(place.epoch as u64);
                let mut order = self.train.clone();
                SeededRandom::new(key.seed()).shuffle(&mut order);
                order
            }
        };
        let batch = order.chunks(self.settings.batch).nth(place.batch).unwrap_or_default().to_vec();
        self.order = Some((place.epoch, order));
        batch
    }

    /// The sums of the network for `which` rows.
    pub(super) fn sums(&self, which: &[u32]) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(which.len());
        for some in which.chunks(ROWS_AT_ONCE) {
            let last = self.network.last(&self.gathered(some)?, None)?.detach();
            all.extend_from_slice(&numbers(&self.network.sums(&last)?.detach())?);
        }
        Ok(all)
    }
}

impl Task for RankerTask<'_> {
    fn parameters(&self) -> &Parameters {
        &self.network.parameters
    }

    fn batches(&self) -> usize {
        self.train.len().div_ceil(self.settings.batch).max(1)
    }

    fn loss(&mut self, place: Place) -> Result<Tensor> {
        let batch = self.batch(place);
        let key = Key::new(self.seed, "ranker dropout");
        let key = key.part(place.epoch as u64).part(place.batch as u64);
        let last = self.network.last(&self.gathered(&batch)?, Some(key))?;
        let sums = self.network.sums(&last)?;
        let losses: Vec<(f64, f64)> = {
            let values = numbers(&sums)?;
            let one = |(row, z): (&u32, &f32)| self.labels[*row as usize].loss(f64::from(*z));
            batch.par_iter().zip(values.par_iter()).map(one).collect()
        };
        let own: f64 = batch.iter().map(|row| f64::from(self.labels[*row as usize].weight)).sum();
        let average = self.mean_weight * batch.len() as f64;
        let divisor = if self.settings.self_normalised { own } else { average };
        // A batch of rows without weight teaches nothing.
        let share = if divisor > 0.0 { 1.0 / divisor } else { 0.0 };
        let loss: f64 = losses.iter().map(|(loss, _)| loss * share).sum();
        let slopes = losses.iter().map(|(_, slope)| (slope * share) as f32).collect();
        let slopes = tensor_on(slopes, (batch.len(), 1), sums.device())?;
        let (of_other, other, more) = match &self.adversary {
            Some(adversary) => adversary.step(&self.network.parameters, &last, &batch)?,
            None => {
                let bias = self.network.parameters.get("ranker.bias")?;
                (bias.zeros_like()?, bias.clone(), 0.0)
            }
        };
        let loss = (loss + more) as f32;
        Ok(with_gradients(loss, (&sums, slopes), (&other, of_other))?)
    }

    /// Minus the mean loss of the rows held out. Under an adversary nothing is measured, and all
    /// epochs are run: the loss would prefer the epochs before it has learned.
    fn validate(&mut self) -> Result<Option<f64>> {
        if self.validation.is_empty() || self.adversary.is_some() {
            return Ok(None);
        }
        let (mut loss, mut weight) = (0.0, 0.0);
        for (row, sum) in self.validation.iter().zip(self.sums(&self.validation)?) {
            let label = &self.labels[*row as usize];
            loss += label.loss(f64::from(sum)).0;
            weight += f64::from(label.weight);
        }
        Ok((weight > 0.0).then(|| -loss / weight))
    }
}
