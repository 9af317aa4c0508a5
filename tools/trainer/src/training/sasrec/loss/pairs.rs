//! Binary cross-entropy of the next choice and of items drawn for each row.

use candle_core::Tensor;
use rayon::prelude::*;

use super::Batch;
use crate::Result;
use crate::training::neural::arithmetic::{add_scaled, dot, fast, sigmoid, softplus};
use crate::training::neural::ops::{numbers, tensor, with_gradients};

/// Draws until an item is found that the user did not choose, at most; who chose nearly everything
/// then has something chosen against it.
const DRAWS_MAX: u64 = 32;
/// Rows of one thread at once.
const ROWS: usize = 64;

/// Mean of -`beta` ln s(choice) - sum over drawn j of ln(1 - s(j)), s being the logistic function
/// of a score.
pub(super) fn loss(batch: &Batch<'_>, negatives: usize, beta: f32) -> Result<Tensor> {
    let ((count, d), items) = (batch.rows.dims2()?, batch.table.dim(0)?);
    let (rows, table) = (numbers(batch.rows)?, numbers(batch.table)?);
    let owner = owners(&batch.packed.begins);
    let pairs = Pairs { batch, rows: &rows, table: &table, owner: &owner, d, negatives, beta };
    let blocks: Vec<usize> = (0..count).step_by(ROWS).collect();
    let blocks = blocks.into_par_iter();
    let blocks: Vec<Block> = blocks.map(|from| pairs.block(from, ROWS.min(count - from))).collect();
    let (mut sum, mut of_rows) = (0.0, Vec::with_capacity(count * d));
    let mut of_table = vec![0.0; items * d];
    fast(
        #[inline(always)]
        || {
            for (index, block) in blocks.iter().enumerate() {
                sum += block.loss;
                of_rows.extend_from_slice(&block.of_rows);
                let slopes = block.slopes.chunks_exact(1 + negatives).enumerate();
                for (at, slopes) in slopes {
                    let row = &rows[(index * ROWS + at) * d..][..d];
                    for (item, slope) in slopes {
                        add_scaled(&mut of_table[*item as usize * d..][..d], *slope, row);
                    }
                }
            }
        },
    );
    let mean = (sum / count.max(1) as f64) as f32;
    let of_rows = (batch.rows, tensor(of_rows, (count, d))?);
    Ok(with_gradients(mean, of_rows, (batch.table, tensor(of_table, (items, d))?))?)
}

/// The items that are drawn for each row, one row behind the other.
pub(super) fn drawn(batch: &Batch<'_>, negatives: usize) -> Vec<u32> {
    let owner = owners(&batch.packed.begins);
    let rows = owner.iter().enumerate();
    let draws = rows.flat_map(|(row, owner)| (0..negatives).map(move |n| (row, *owner, n)));
    draws.map(|(row, owner, number)| draw(batch, owner, row, number)).collect()
}

/// The item that is drawn for a row of the sequence `owner`.
fn draw(batch: &Batch<'_>, owner: u32, row: usize, number: usize) -> u32 {
    let chosen = batch.sequences.chosen(batch.packed.users[owner as usize]);
    let key = batch.key.part(row as u64).part(number as u64);
    let draw = |attempt: u64| key.part(attempt).below(batch.sequences.items()) as u32;
    let mut item = draw(0);
    for attempt in 1..DRAWS_MAX {
        if chosen.binary_search(&item).is_err() {
            break;
        }
        item = draw(attempt);
    }
    item
}

/// The sequence of each row.
fn owners(begins: &[usize]) -> Vec<u32> {
    let lengths = begins.windows(2).map(|pair| pair[1] - pair[0]);
    (0u32..).zip(lengths).flat_map(|(at, length)| std::iter::repeat_n(at, length)).collect()
}

struct Pairs<'a> {
    batch: &'a Batch<'a>,
    rows: &'a [f32],
    table: &'a [f32],
    owner: &'a [u32],
    d: usize,
    negatives: usize,
    beta: f32,
}

struct Block {
    loss: f64,
    of_rows: Vec<f32>,
    /// For each row, the choice and what was drawn: item, and derivative of its score.
    slopes: Vec<(u32, f32)>,
}

impl Pairs<'_> {
    fn block(&self, from: usize, count: usize) -> Block {
        let d = self.d;
        let mut block = Block { loss: 0.0, of_rows: vec![0.0; count * d], slopes: Vec::new() };
        block.slopes.reserve(count * (1 + self.negatives));
        let share = 1.0 / self.owner.len().max(1) as f32;
        fast(
            #[inline(always)]
            || {
                for (at, to) in block.of_rows.chunks_exact_mut(d).enumerate() {
                    let row = from + at;
                    let values = &self.rows[row * d..][..d];
                    let vector = |item: u32| &self.table[item as usize * d..][..d];
                    let mut put = |item: u32, loss: f32, slope: f32| {
                        block.loss += f64::from(loss);
                        add_scaled(to, share * slope, vector(item));
                        block.slopes.push((item, share * slope));
                    };
                    let target = self.batch.packed.targets[row];
                    let score = dot(values, vector(target));
                    put(target, self.beta * softplus(-score), self.beta * (sigmoid(score) - 1.0));
                    for number in 0..self.negatives {
                        let item = draw(self.batch, self.owner[row], row, number);
                        let score = dot(values, vector(item));
                        put(item, softplus(score), sigmoid(score));
                    }
                }
            },
        );
        block
    }
}
