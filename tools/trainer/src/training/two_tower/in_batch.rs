//! Softmax over the choices of a batch, corrected for their being drawn by popularity.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, D, InplaceOp1, Layout, Tensor};
use candle_nn::ops::log_softmax;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::training::neural::arithmetic::{add_scaled, exponentials, fast};
use crate::training::neural::ops::{numbers, slice_mut, tensor, tensor_on, with_gradients};
use crate::training::sasrec::{mean, weight};

/// How scores are corrected for how often their items come up in a batch.
///
/// The choices of a batch are drawn by popularity: without correction, what is popular is set
/// against everything too often, and is learned to be worth less than it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Not at all.
    None,
    /// ln of the item's share is taken from every score, that of the choice included (Yi et al.,
    /// RecSys 2019). A rare choice stands too high then: it was not drawn, but given.
    All,
    /// The exponential of each other score is divided by how often its item was to be expected,
    /// that of the choice is left (Bengio and Senécal, 2008): the sum over the batch has the sum
    /// over the catalogue as its mean.
    #[default]
    Drawn,
}

/// Mean over rows r of -ln(e^s(r, r) / sum over j of e^s(r, j)), s(r, j) being the score of the
/// choice of row j for row r, corrected by the `shares` of items in all choices. Another row with
/// the very choice of r does not count.
///
/// `rows` are user vectors \[rows, d\], `targets` their choices among the item vectors `table`
/// \[items, d\]; with `weights`, each row counts for so much.
///
/// # Errors
/// [`crate::Error::Tensor`] when shapes do not fit.
pub fn in_batch(
    (rows, table): (&Tensor, &Tensor),
    targets: &[u32],
    (shares, weights): (&[f64], Option<&[f32]>),
    correction: Correction,
) -> Result<Tensor> {
    let ((count, d), items) = (rows.dims2()?, table.dim(0)?);
    let offsets = offsets(targets, shares, correction);
    if !rows.device().is_cpu() {
        return composed((rows, table), (targets, &offsets), weights, correction);
    }
    let part = rows.detach();
    let chosen: Vec<f32> = {
        let table = numbers(table)?;
        targets.iter().flat_map(|item| &table[*item as usize * d..][..d]).copied().collect()
    };
    let chosen = tensor(chosen, (count, d))?;
    let scores = part.matmul(&chosen.t()?)?;
    let softmax = Softmax {
        targets,
        offsets: &offsets,
        is_choice_left: correction == Correction::Drawn,
        weights,
        losses: Mutex::default(),
    };
    scores.inplace_op1(&softmax)?;
    let losses = softmax.losses.into_inner().unwrap_or_else(PoisonError::into_inner);
    let loss = |(row, loss): (usize, &f32)| f64::from(*loss) * f64::from(weight(weights, row));
    let mean = losses.iter().enumerate().map(loss).sum::<f64>() / count.max(1) as f64;
    let of_rows = scores.matmul(&chosen)?;
    let of_chosen = scores.t()?.matmul(&part)?;
    let of_chosen = numbers(&of_chosen)?;
    let mut of_table = vec![0.0; items * d];
    // Rows meet in these sums, so one thread takes them in order.
    fast(
        #[inline(always)]
        || {
            for (item, grad) in targets.iter().zip(of_chosen.chunks_exact(d)) {
                add_scaled(&mut of_table[*item as usize * d..][..d], 1.0, grad);
            }
        },
    );
    let of_table = (table, tensor(of_table, (items, d))?);
    Ok(with_gradients(mean as f32, (rows, of_rows), of_table)?)
}

/// What is taken from the score of each column.
fn offsets(targets: &[u32], shares: &[f64], correction: Correction) -> Vec<f32> {
    let others = targets.len().saturating_sub(1).max(1) as f64;
    let offset = |item: &u32| {
        let share = shares.get(*item as usize).copied().unwrap_or_default().max(f64::MIN_POSITIVE);
        match correction {
            Correction::None => 0.0,
            Correction::All => share.ln() as f32,
            Correction::Drawn => (others * share).ln() as f32,
        }
    };
    targets.iter().map(offset).collect()
}

/// The same of candle's operations, for devices on which ours have no kernel.
fn composed(
    (rows, table): (&Tensor, &Tensor),
    (targets, offsets): (&[u32], &[f32]),
    weights: Option<&[f32]>,
    correction: Correction,
) -> Result<Tensor> {
    let (count, device) = (targets.len(), rows.device());
    let own = if correction == Correction::Drawn { 0.0 } else { 1.0 };
    let taken = (0..count * count).map(|at| {
        let (row, column) = (at / count, at % count);
        match (row == column, targets[row] == targets[column]) {
            (true, _) => own * offsets[column],
            (_, true) => f32::INFINITY,
            (_, false) => offsets[column],
        }
    });
    let taken = tensor_on(taken.collect(), (count, count), device)?;
    let chosen = table.index_select(&Tensor::new(targets, device)?, 0)?;
    let scores = (rows.matmul(&chosen.t()?)? - taken)?;
    let shares = log_softmax(&scores, D::Minus1)?;
    let own: Vec<u32> = (0..count as u32).collect();
    let own = shares.gather(&Tensor::new(own, device)?.unsqueeze(1)?, 1)?.squeeze(1)?;
    mean(&own.neg()?, weights)
}

/// Replaces a row of scores by the derivative of its loss, and finds the loss.
struct Softmax<'a> {
    targets: &'a [u32],
    /// Taken from the score of each column.
    offsets: &'a [f32],
    /// Whether nothing is taken from the score of a row's own choice.
    is_choice_left: bool,
    /// What each row counts for.
    weights: Option<&'a [f32]>,
    losses: Mutex<Vec<f32>>,
}

impl Softmax<'_> {
    #[inline(always)]
    fn row(&self, row: usize, scores: &mut [f32]) -> f32 {
        let target = self.targets[row];
        let own = scores[row] - if self.is_choice_left { 0.0 } else { self.offsets[row] };
        for ((score, item), offset) in scores.iter_mut().zip(self.targets).zip(self.offsets) {
            // What stands at -infinity gets the least exponential there is, and counts for nothing.
            *score = if *item == target { f32::NEG_INFINITY } else { *score - offset };
        }
        scores[row] = own;
        let (top, whole) = exponentials(scores);
        let share = weight(self.weights, row) / self.targets.len() as f32;
        let scale = share / whole;
        scores.iter_mut().for_each(|score| *score *= scale);
        scores[row] -= share;
        whole.ln() + top - own
    }
}

impl InplaceOp1 for Softmax<'_> {
    fn name(&self) -> &'static str {
        "softmax of a batch"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let scores = slice_mut(storage, layout)?;
        let rows = scores.par_chunks_exact_mut(self.targets.len().max(1)).enumerate();
        let losses = rows.map(|(row, scores)| {
            fast(
                #[inline(always)]
                || self.row(row, scores),
            )
        });
        let losses = losses.collect();
        *self.losses.lock().unwrap_or_else(PoisonError::into_inner) = losses;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
