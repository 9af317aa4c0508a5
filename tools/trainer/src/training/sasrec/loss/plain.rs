//! The losses, composed of candle's own operations: for devices on which ours have no kernel.

use candle_core::{D, Tensor};
use candle_nn::ops::log_softmax;

use super::{Batch, Drawing, SCORES_MAX, weight};
use crate::Result;
use crate::training::neural::ops::tensor_on;

/// As `full::loss`; the scores of all rows are held until the derivatives are made.
pub(super) fn full(batch: &Batch<'_>) -> Result<Tensor> {
    let (count, items) = (batch.rows.dim(0)?, batch.table.dim(0)?);
    let step = (SCORES_MAX / items.max(1)).clamp(1, count.max(1));
    let turned = batch.table.t()?;
    let mut parts = Vec::new();
    for begin in (0..count).step_by(step) {
        let part = batch.rows.narrow(0, begin, step.min(count - begin))?;
        let shares = log_softmax(&part.matmul(&turned)?, D::Minus1)?;
        let targets = &batch.packed.targets[begin..begin + part.dim(0)?];
        let targets = Tensor::new(targets, part.device())?.unsqueeze(1)?;
        parts.push(shares.gather(&targets, 1)?.squeeze(1)?);
    }
    mean(&Tensor::cat(&parts, 0)?.neg()?, batch.weights)
}

/// As `sampled::loss`.
pub(super) fn sampled(batch: &Batch<'_>, negatives: usize, drawing: &Drawing) -> Result<Tensor> {
    let (rows, table, device) = (batch.rows, batch.table, batch.rows.device());
    let draws: Vec<(u32, f64)> =
        (0..negatives as u64).map(|n| drawing.draw(batch.key.part(n))).collect();
    let expected = draws.iter().map(|(_, q)| (negatives as f64 * q).ln() as f32).collect();
    let expected = tensor_on(expected, negatives, device)?;
    let items: Vec<u32> = draws.iter().map(|(item, _)| *item).collect();
    let drawn = table.index_select(&Tensor::new(items.as_slice(), device)?, 0)?;
    let scores = rows.matmul(&drawn.t()?)?.broadcast_sub(&expected)?;
    let targets = &batch.packed.targets;
    let hidden = targets.iter().flat_map(|target| {
        items.iter().map(move |item| if item == target { f32::NEG_INFINITY } else { 0.0 })
    });
    let scores = (scores + tensor_on(hidden.collect(), (targets.len(), negatives), device)?)?;
    let choices = table.index_select(&Tensor::new(targets.as_slice(), device)?, 0)?;
    let choices = (rows * choices)?.sum_keepdim(1)?;
    let shares = log_softmax(&Tensor::cat(&[&choices, &scores], 1)?, D::Minus1)?;
    mean(&shares.narrow(1, 0, 1)?.squeeze(1)?.neg()?, batch.weights)
}

/// As `pairs::loss`; `drawn` names the items drawn for each row, one row behind the other.
pub(super) fn pairs(batch: &Batch<'_>, drawn: &[u32], beta: f32) -> Result<Tensor> {
    let (rows, device) = (batch.rows, batch.rows.device());
    let ((count, d), targets) = (rows.dims2()?, &batch.packed.targets);
    let negatives = drawn.len() / count.max(1);
    let choices = batch.table.index_select(&Tensor::new(targets.as_slice(), device)?, 0)?;
    let choices = (rows * choices)?.sum(1)?;
    let vectors = batch.table.index_select(&Tensor::new(drawn, device)?, 0)?;
    let vectors = vectors.reshape((count, negatives, d))?;
    let others = rows.unsqueeze(1)?.broadcast_mul(&vectors)?.sum(2)?;
    let choices = softplus(&choices.neg()?)?.affine(f64::from(beta), 0.0)?;
    mean(&(choices + softplus(&others)?.sum(1)?)?, None)
}

/// The mean of the losses of rows, each counting for its weight.
pub(crate) fn mean(losses: &Tensor, weights: Option<&[f32]>) -> Result<Tensor> {
    let count = losses.dim(0)?;
    let weights = (0..count).map(|row| weight(weights, row) / count as f32).collect();
    Ok((losses * tensor_on(weights, count, losses.device())?)?.sum_all()?)
}

/// ln(1 + e^x) without overflow.
fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}
