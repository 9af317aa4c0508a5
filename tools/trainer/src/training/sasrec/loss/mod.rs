//! What training makes small: how far the next choice is from the top.

mod full;
mod pairs;
mod plain;
mod sampled;

use candle_core::Tensor;
pub(crate) use plain::mean;
use serde::{Deserialize, Serialize};

use super::{Packed, Sequences};
use crate::Result;
use crate::training::neural::Key;

/// Scores that are held at once, 16 MB: rows are taken in parts so that these suffice (a catalogue
/// of more items than that is taken row by row).
const SCORES_MAX: usize = 1 << 22;

/// A loss over the rows of a batch; each is a mean over rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// -ln of the share of the next choice in a softmax over the whole catalogue (Klenitskiy and
    /// Vasilev, RecSys 2023).
    CrossEntropy,
    /// The same over the next choice and drawn items, which stand for all others: the exponential
    /// of each is divided by how often it was to be expected (Bengio and Senécal, 2008), so that
    /// the sum has the right mean.
    SampledSoftmax {
        /// Items drawn for a batch, with repetition.
        negatives: usize,
        /// How.
        sampling: Sampling,
    },
    /// Binary cross-entropy whose positive part is raised to a power, against overconfidence from
    /// sampling (Petrov and Macdonald, RecSys 2023): -beta ln s(next) - sum ln(1 - s(drawn)), with
    /// beta = a (t (1 - 1/a) + 1/a), a being the share of the other items that is drawn.
    Gbce {
        /// Items drawn for each row, among those that its user did not choose.
        negatives: usize,
        /// Calibration, 0 (plain binary cross-entropy) to 1.
        t: f32,
    },
    /// Binary cross-entropy with one drawn item for each row, as in the paper of SASRec.
    Bce,
}

/// How items are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sampling {
    /// Each as likely as any other.
    Uniform,
    /// In proportion to a power of how often an item was chosen, plus one.
    Popularity {
        /// The power, 0 to 1.
        exponent: f32,
    },
}

/// What a loss is computed from.
pub struct Batch<'a> {
    /// Vectors of the users, \[rows, d\].
    pub rows: &'a Tensor,
    /// Item vectors, \[items, d\].
    pub table: &'a Tensor,
    /// What each row is to predict, and whose it is.
    pub packed: &'a Packed,
    /// What the users chose.
    pub sequences: &'a Sequences,
    /// Source of the draws.
    pub key: Key,
    /// What each row counts for in a softmax; 1 without.
    pub weights: Option<&'a [f32]>,
}

/// What row `row` counts for.
#[inline(always)]
pub(crate) fn weight(weights: Option<&[f32]>, row: usize) -> f32 {
    weights.and_then(|weights| weights.get(row)).copied().unwrap_or(1.0)
}

impl Loss {
    /// The loss of a batch, a scalar with derivatives.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] when shapes do not fit.
    pub fn of(&self, batch: &Batch<'_>, drawing: &Drawing) -> Result<Tensor> {
        if batch.rows.device().is_cpu() {
            self.ours(batch, drawing)
        } else {
            self.composed(batch, drawing)
        }
    }

    /// By operations of our own, which run on the processor.
    fn ours(&self, batch: &Batch<'_>, drawing: &Drawing) -> Result<Tensor> {
        match (*self, self.pairs(batch)) {
            (Self::SampledSoftmax { negatives, .. }, _) => sampled::loss(batch, negatives, drawing),
            (_, Some((negatives, beta))) => pairs::loss(batch, negatives, beta),
            (_, None) => full::loss(batch),
        }
    }

    /// Of operations of candle's, which run everywhere.
    fn composed(&self, batch: &Batch<'_>, drawing: &Drawing) -> Result<Tensor> {
        match (*self, self.pairs(batch)) {
            (Self::SampledSoftmax { negatives, .. }, _) => {
                plain::sampled(batch, negatives, drawing)
            }
            (_, Some((negatives, beta))) => {
                plain::pairs(batch, &pairs::drawn(batch, negatives), beta)
            }
            (_, None) => plain::full(batch),
        }
    }

    /// Items drawn for each row, and the power of the positive part, of a loss of pairs.
    fn pairs(&self, batch: &Batch<'_>) -> Option<(usize, f32)> {
        let others = batch.sequences.items().saturating_sub(1).max(1);
        match *self {
            Self::Gbce { negatives, t } => Some((negatives, beta(negatives, others, t))),
            Self::Bce => Some((1, 1.0)),
            Self::CrossEntropy | Self::SampledSoftmax { .. } => None,
        }
    }
}

/// The power of the positive part of gBCE.
fn beta(negatives: usize, others: usize, t: f32) -> f32 {
    let share = (negatives as f32 / others as f32).min(1.0);
    share * (t * (1.0 - 1.0 / share) + 1.0 / share)
}

/// How items are drawn for a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    /// Sums of the probabilities up to each item; empty where all are alike.
    sums: Vec<f64>,
    items: usize,
}

impl Drawing {
    /// Draws among the items of `sequences` as `loss` asks.
    #[must_use]
    pub fn new(loss: &Loss, sequences: &Sequences) -> Self {
        let mut drawing = Self { sums: Vec::new(), items: sequences.items() };
        if let Loss::SampledSoftmax { sampling: Sampling::Popularity { exponent }, .. } = loss {
            let exponent = f64::from(*exponent);
            let weights =
                sequences.counts().into_iter().map(|n| (f64::from(n) + 1.0).powf(exponent));
            let mut sum = 0.0;
            drawing.sums = weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect();
        }
        drawing
    }

    /// An item, and its probability.
    fn draw(&self, key: Key) -> (u32, f64) {
        let Some(whole) = self.sums.last() else {
            return (key.below(self.items) as u32, 1.0 / self.items.max(1) as f64);
        };
        let at = key.uniform() * whole;
        let item = self.sums.partition_point(|sum| *sum <= at).min(self.sums.len() - 1);
        let before = if item == 0 { 0.0 } else { self.sums[item - 1] };
        (item as u32, (self.sums[item] - before) / whole)
    }
}

#[cfg(test)]
mod tests;
