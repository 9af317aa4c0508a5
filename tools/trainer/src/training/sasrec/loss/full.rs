//! Cross-entropy over the whole catalogue, its gradients computed with it, some rows at a time.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Tensor};
use rayon::prelude::*;

use super::{Batch, SCORES_MAX, weight};
use crate::Result;
use crate::training::neural::arithmetic::{exponentials, fast};
use crate::training::neural::ops::{numbers, slice, slice_mut, tensor, with_gradients};

/// Mean of -ln softmax(rows table')\[target\].
pub(super) fn loss(batch: &Batch<'_>) -> Result<Tensor> {
    let (rows, table) = (batch.rows.detach(), batch.table.detach());
    let ((count, d), items) = (rows.dims2()?, table.dim(0)?);
    let step = (SCORES_MAX / items.max(1)).clamp(1, count.max(1));
    let (mut of_rows, mut of_table) = (Vec::with_capacity(count * d), None);
    let mut sum = 0.0;
    for begin in (0..count).step_by(step) {
        let part = rows.narrow(0, begin, step.min(count - begin))?;
        let scores = part.matmul(&table.t()?)?;
        let targets = &batch.packed.targets[begin..begin + part.dim(0)?];
        let row_weight = |at| weight(batch.weights, begin + at) / count as f32;
        let shares: Vec<f32> = (0..targets.len()).map(row_weight).collect();
        let softmax = Softmax { targets, shares: &shares, losses: Mutex::default() };
        scores.inplace_op1(&softmax)?;
        let losses = softmax.losses.into_inner().unwrap_or_else(PoisonError::into_inner);
        let weighted = |(at, loss): (usize, &f32)| {
            f64::from(*loss) * f64::from(weight(batch.weights, begin + at))
        };
        sum += losses.iter().enumerate().map(weighted).sum::<f64>();
        of_rows.extend_from_slice(&numbers(&scores.matmul(&table)?)?);
        add(&mut of_table, scores.t()?.matmul(&part)?)?;
    }
    let of_table = of_table.map_or_else(|| table.zeros_like(), Ok)?;
    let of_rows = tensor(of_rows, (count, d))?;
    let mean = (sum / count.max(1) as f64) as f32;
    Ok(with_gradients(mean, (batch.rows, of_rows), (batch.table, of_table))?)
}

/// Replaces a row of scores by the derivative of its loss: its softmax, less 1 at the target, times
/// the share of the row in the mean.
struct Softmax<'a> {
    targets: &'a [u32],
    shares: &'a [f32],
    losses: Mutex<Vec<f32>>,
}

impl InplaceOp1 for Softmax<'_> {
    fn name(&self) -> &'static str {
        "softmax of the catalogue"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let scores = slice_mut(storage, layout)?;
        let items = scores.len() / self.targets.len().max(1);
        let of = self.targets.par_iter().zip(self.shares);
        let rows = scores.par_chunks_exact_mut(items.max(1)).zip(of);
        let losses = rows.map(|(row, (target, share))| {
            let target = *target as usize;
            let score = row[target];
            let (top, whole) = fast(
                #[inline(always)]
                || {
                    let (top, whole) = exponentials(row);
                    let scale = share / whole;
                    row.iter_mut().for_each(|value| *value *= scale);
                    (top, whole)
                },
            );
            row[target] -= share;
            whole.ln() + top - score
        });
        let losses = losses.collect();
        *self.losses.lock().unwrap_or_else(PoisonError::into_inner) = losses;
        Ok(())
    }
}

/// Adds `part` to `sum`.
fn add(sum: &mut Option<Tensor>, part: Tensor) -> Result<()> {
    match sum {
        None => *sum = Some(part),
        Some(sum) => sum.inplace_op2(&part, &Add)?,
    }
    Ok(())
}

struct Add;

impl InplaceOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(
        &self,
        to: &mut CpuStorage,
        layout: &Layout,
        from: &CpuStorage,
        from_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (to, from) = (slice_mut(to, layout)?, slice(from, from_layout)?);
        to.par_chunks_mut(1 << 14).zip(from.par_chunks(1 << 14)).for_each(|(to, from)| {
            fast(
                #[inline(always)]
                || to.iter_mut().zip(from).for_each(|(to, from)| *to += from),
            );
        });
        Ok(())
    }
}
