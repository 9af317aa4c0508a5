//! Softmax over the next choice and drawn items that stand for all others.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};
use rayon::prelude::*;

use super::{Batch, Drawing, SCORES_MAX, weight};
use crate::Result;
use crate::training::neural::arithmetic::{add_scaled, dot, exp, exponentials, fast};
use crate::training::neural::ops::{numbers, slice_mut, tensor, with_gradients};

/// Mean of -ln(e^s / (e^s + sum over drawn j of e^(s_j) / (m q_j))), s being the score of the next
/// choice, m the number of draws and q their probability; draws that hit the choice do not count.
pub(super) fn loss(batch: &Batch<'_>, negatives: usize, drawing: &Drawing) -> Result<Tensor> {
    let (rows, table) = (batch.rows.detach(), batch.table.detach());
    let ((count, d), items) = (rows.dims2()?, table.dim(0)?);
    let table = numbers(&table)?;
    let draws: Vec<(u32, f64)> =
        (0..negatives as u64).map(|n| drawing.draw(batch.key.part(n))).collect();
    let expected: Vec<f32> =
        draws.iter().map(|(_, q)| (negatives as f64 * q).ln() as f32).collect();
    let drawn: Vec<f32> =
        draws.iter().flat_map(|(item, _)| &table[*item as usize * d..][..d]).copied().collect();
    let drawn = tensor(drawn, (negatives, d))?;
    let (mut of_rows, mut of_table) = (Vec::with_capacity(count * d), vec![0.0; items * d]);
    let mut sum = 0.0;
    let step = (SCORES_MAX / negatives.max(1)).clamp(1, count.max(1));
    for begin in (0..count).step_by(step) {
        let part = rows.narrow(0, begin, step.min(count - begin))?;
        let targets = &batch.packed.targets[begin..begin + part.dim(0)?];
        let scores = part.matmul(&drawn.t()?)?;
        let values = numbers(&part)?;
        let softmax = Softmax {
            targets,
            draws: &draws,
            expected: &expected,
            rows: &values,
            table: &table,
            weights: batch.weights,
            first: begin,
            share: 1.0 / count as f32,
            found: Mutex::default(),
        };
        scores.inplace_op1(&softmax)?;
        let found = softmax.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut part_of_rows = numbers(&scores.matmul(&drawn)?)?.to_vec();
        let of_drawn = scores.t()?.matmul(&part)?;
        let of_drawn = numbers(&of_drawn)?;
        fast(
            #[inline(always)]
            || {
                for (row, (loss, slope)) in found.iter().enumerate() {
                    sum += f64::from(*loss) * f64::from(weight(batch.weights, begin + row));
                    let target = targets[row] as usize * d;
                    add_scaled(&mut part_of_rows[row * d..][..d], *slope, &table[target..][..d]);
                    add_scaled(&mut of_table[target..][..d], *slope, &values[row * d..][..d]);
                }
                for ((item, _), grad) in draws.iter().zip(of_drawn.chunks_exact(d)) {
                    add_scaled(&mut of_table[*item as usize * d..][..d], 1.0, grad);
                }
            },
        );
        of_rows.extend(part_of_rows);
    }
    let mean = (sum / count.max(1) as f64) as f32;
    let of_rows = (batch.rows, tensor(of_rows, (count, d))?);
    Ok(with_gradients(mean, of_rows, (batch.table, tensor(of_table, (items, d))?))?)
}

/// Replaces scores of drawn items by their derivatives, and finds loss and derivative of the score
/// of the choice for each row.
struct Softmax<'a> {
    targets: &'a [u32],
    draws: &'a [(u32, f64)],
    expected: &'a [f32],
    rows: &'a [f32],
    table: &'a [f32],
    /// What each row of the batch counts for.
    weights: Option<&'a [f32]>,
    /// The first of these rows.
    first: usize,
    share: f32,
    found: Mutex<Vec<(f32, f32)>>,
}

impl Softmax<'_> {
    #[inline(always)]
    fn row(&self, row: usize, scores: &mut [f32]) -> (f32, f32) {
        let (target, d) = (self.targets[row], self.rows.len() / self.targets.len());
        let choice = dot(&self.rows[row * d..][..d], &self.table[target as usize * d..][..d]);
        let mut is_any_left = false;
        for ((score, (item, _)), expected) in scores.iter_mut().zip(self.draws).zip(self.expected) {
            let is_hit = *item == target;
            is_any_left |= !is_hit;
            *score = if is_hit { f32::NEG_INFINITY } else { *score - expected };
        }
        if !is_any_left {
            scores.fill(0.0);
            return (0.0, 0.0);
        }
        // What stands at -infinity gets the least exponential there is, and counts for nothing.
        let (top, others) = exponentials(scores);
        let lift = top.max(choice);
        let (factor, own) = (exp(top - lift), exp(choice - lift));
        let whole = others * factor + own;
        let share = self.share * weight(self.weights, self.first + row);
        let scale = share * factor / whole;
        scores.iter_mut().for_each(|score| *score *= scale);
        (whole.ln() + lift - choice, share * (own / whole - 1.0))
    }
}

impl InplaceOp1 for Softmax<'_> {
    fn name(&self) -> &'static str {
        "softmax of drawn items"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let scores = slice_mut(storage, layout)?.par_chunks_exact_mut(self.draws.len());
        let found = scores.enumerate().map(|(row, scores)| {
            fast(
                #[inline(always)]
                || self.row(row, scores),
            )
        });
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found.collect();
        Ok(())
    }
}
