//! Causal attention of packed sequences (Vaswani et al., NeurIPS 2017): each row sees itself and
//! those before it in its own sequence, and no more is computed.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::super::arithmetic::{dot, fast, padded, softmax, weighted_sum};
use super::super::random::Dropout;
use super::{numbers, plain, result, slice, tensor};

/// How rows attend.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Where the sequences begin, and where the last one ends.
    pub begins: Vec<usize>,
    /// Heads; they divide the width.
    pub heads: usize,
    /// Dropout of the shares.
    pub dropout: Option<Dropout>,
}

struct Op {
    asked: Attention,
    d: usize,
    /// The shares of each sequence before dropout: \[head, row, padded row\].
    shares: Mutex<Vec<Vec<f32>>>,
}

/// Mixes the values of `rows` \[r, 3 d\], which hold queries, keys and values side by side; the
/// result is \[r, d\]. Scores are divided by the root of a head's size.
///
/// # Errors
/// When the heads do not divide d, or the sequences are not one behind the other.
pub fn attention(rows: &Tensor, asked: Attention) -> Result<Tensor> {
    let (count, width) = rows.dims2()?;
    let (d, begins) = (width / 3, &asked.begins);
    let whole = begins.first() == Some(&0) && begins.last() == Some(&count) && begins.is_sorted();
    if asked.heads == 0 || !d.is_multiple_of(asked.heads) || 3 * d != width || !whole {
        bail!("{} heads and {} sequences of rows of {width}", asked.heads, begins.len());
    }
    if !rows.device().is_cpu() {
        return plain::attention(rows, &asked);
    }
    rows.apply_op1(Op { asked, d, shares: Mutex::default() })
}

/// Queries, keys and values of one head of one sequence, rows padded to whole lanes.
struct Head {
    rows: usize,
    size: usize,
    /// Length of a padded row of a head, and of a padded row of shares.
    strides: [usize; 2],
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
}

impl Head {
    fn new(rows: usize, size: usize) -> Self {
        let strides = [padded(size), padded(rows)];
        let empty = || vec![0.0; rows * strides[0]];
        Self { rows, size, strides, query: empty(), key: empty(), value: empty() }
    }

    /// Takes over the head that begins at `column`; queries are multiplied by `scale`.
    #[inline(always)]
    fn take(&mut self, all: &[f32], width: usize, column: usize, scale: f32) {
        let (size, d) = (self.size, width / 3);
        for (row, all) in all.chunks_exact(width).enumerate() {
            let at = row * self.strides[0];
            for (to, from) in self.query[at..].iter_mut().zip(&all[column..][..size]) {
                *to = from * scale;
            }
            self.key[at..][..size].copy_from_slice(&all[d + column..][..size]);
            self.value[at..][..size].copy_from_slice(&all[2 * d + column..][..size]);
        }
    }

    /// `of` with rows and columns exchanged: \[size, padded rows\].
    #[inline(always)]
    fn turned(&self, of: &[f32], to: &mut Vec<f32>) {
        let [stride, turned] = self.strides;
        to.clear();
        to.resize(self.size * turned, 0.0);
        for row in 0..self.rows {
            for column in 0..self.size {
                to[column * turned + row] = of[row * stride + column];
            }
        }
    }
}

impl Op {
    /// Rows of each sequence.
    fn sequences(&self) -> impl Iterator<Item = Range<usize>> {
        self.asked.begins.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Cuts `values`, whose rows have `width` values, into the sequences.
    fn cut<'v>(
        &self,
        mut values: &'v mut [f32],
        width: usize,
    ) -> Vec<(Range<usize>, &'v mut [f32])> {
        let mut parts = Vec::with_capacity(self.asked.begins.len());
        for rows in self.sequences() {
            let (part, rest) = values.split_at_mut(rows.len() * width);
            parts.push((rows, part));
            values = rest;
        }
        parts
    }

    fn scale(&self) -> f32 {
        1.0 / ((self.d / self.asked.heads) as f32).sqrt()
    }

    /// Shares of row `row` of a sequence that begins at `first`, after dropout.
    #[inline(always)]
    fn dropped(&self, (first, row, head): (usize, usize, usize), shares: &mut [f32]) {
        if let Some(dropout) = self.asked.dropout {
            dropout.apply(((first + row) * self.asked.heads + head) as u64, shares);
        }
    }

    /// Writes the result of one sequence into `out` and gives its shares.
    #[inline(always)]
    fn forward(&self, first: usize, all: &[f32], out: &mut [f32]) -> Vec<f32> {
        let (d, heads) = (self.d, self.asked.heads);
        let rows = out.len() / d;
        let mut head = Head::new(rows, d / heads);
        let [stride, turned] = head.strides;
        let mut shares = vec![0.0; heads * rows * turned];
        let (mut keys, mut dropped, mut mixed) = (Vec::new(), vec![0.0; turned], vec![0.0; stride]);
        for (index, shares) in shares.chunks_exact_mut((rows * turned).max(1)).enumerate() {
            let column = index * head.size;
            head.take(all, 3 * d, column, self.scale());
            head.turned(&head.key, &mut keys);
            for (row, shares) in shares.chunks_exact_mut(turned).enumerate() {
                let query = &head.query[row * stride..];
                let seen = padded(row + 1);
                weighted_sum(&mut shares[..seen], (query, 1), (&keys, turned), head.size);
                shares[row + 1..].fill(0.0);
                softmax(&mut shares[..=row]);
                dropped[..=row].copy_from_slice(&shares[..=row]);
                self.dropped((first, row, index), &mut dropped[..=row]);
                weighted_sum(&mut mixed, (&dropped, 1), (&head.value, stride), row + 1);
                out[row * d + column..][..head.size].copy_from_slice(&mixed[..head.size]);
            }
        }
        shares
    }

    /// Writes the gradient of one sequence into `to`.
    #[inline(always)]
    fn backward(&self, first: usize, all: &[f32], grad: &[f32], shares: &[f32], to: &mut [f32]) {
        let (d, heads) = (self.d, self.asked.heads);
        let rows = grad.len() / d;
        let mut head = Head::new(rows, d / heads);
        let ([stride, turned], size) = (head.strides, head.size);
        let (mut values, mut grads) = (Vec::new(), vec![0.0; rows * stride]);
        // Per row: shares after dropout, and gradients of the scores.
        let (mut dropped, mut scores) = (vec![0.0; rows * turned], vec![0.0; rows * turned]);
        let mut sum = vec![0.0; stride];
        for (index, shares) in shares.chunks_exact((rows * turned).max(1)).enumerate() {
            let column = index * size;
            head.take(all, 3 * d, column, self.scale());
            head.turned(&head.value, &mut values);
            for (row, grad) in grad.chunks_exact(d).enumerate() {
                grads[row * stride..][..size].copy_from_slice(&grad[column..][..size]);
            }
            for (row, shares) in shares.chunks_exact(turned).enumerate() {
                let (dropped, scores) =
                    (&mut dropped[row * turned..][..turned], &mut scores[row * turned..][..turned]);
                dropped.copy_from_slice(shares);
                self.dropped((first, row, index), &mut dropped[..=row]);
                let seen = padded(row + 1);
                let grad = &grads[row * stride..];
                weighted_sum(&mut scores[..seen], (grad, 1), (&values, turned), size);
                self.dropped((first, row, index), &mut scores[..=row]);
                let along = dot(&shares[..=row], &scores[..=row]);
                for (score, share) in scores.iter_mut().zip(shares) {
                    *score = share * (*score - along);
                }
                weighted_sum(&mut sum, (scores, 1), (&head.key, stride), row + 1);
                let scale = self.scale();
                let to = &mut to[row * 3 * d + column..][..size];
                to.iter_mut().zip(&sum).for_each(|(to, sum)| *to = sum * scale);
            }
            for row in 0..rows {
                // Queries were scaled when they were taken.
                let below = (&head.query[row * stride..], stride);
                let column_of = |all: &[f32]| row * turned + row..all.len();
                let weights = (&scores[column_of(&scores)], turned);
                weighted_sum(&mut sum, weights, below, rows - row);
                to[row * 3 * d + d + column..][..size].copy_from_slice(&sum[..size]);
                let weights = (&dropped[column_of(&dropped)], turned);
                weighted_sum(&mut sum, weights, (&grads[row * stride..], stride), rows - row);
                to[row * 3 * d + 2 * d + column..][..size].copy_from_slice(&sum[..size]);
            }
        }
    }
}

impl CustomOp1 for Op {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (all, d) = (slice(storage, layout)?, self.d);
        let count = all.len() / (3 * d).max(1);
        let mut out = vec![0.0; count * d];
        let parts = self.cut(&mut out, d).into_par_iter().map(|(rows, out)| {
            let all = &all[rows.start * 3 * d..rows.end * 3 * d];
            fast(
                #[inline(always)]
                || self.forward(rows.start, all, out),
            )
        });
        let shares = parts.collect();
        *self.shares.lock().unwrap_or_else(PoisonError::into_inner) = shares;
        result(out, (count, d))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let shape = arg.shape().clone();
        let (all, grad, d) = (numbers(arg)?, numbers(grad)?, self.d);
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_all = vec![0.0; all.len()];
        let parts = self.cut(&mut of_all, 3 * d);
        parts.into_par_iter().zip(shares.par_iter()).for_each(|((rows, to), shares)| {
            let all = &all[rows.start * 3 * d..rows.end * 3 * d];
            let grad = &grad[rows.start * d..rows.end * d];
            fast(
                #[inline(always)]
                || self.backward(rows.start, all, grad, shares, to),
            );
        });
        tensor(of_all, shape).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device};

    use super::super::super::random::Key;
    use super::super::testing::{check_gradients, some};
    use super::*;

    fn asked(begins: &[usize], heads: usize, rate: f32) -> Attention {
        let dropout = Dropout::new(Key::new(1, "attention"), rate);
        Attention { begins: begins.to_vec(), heads, dropout }
    }

    #[test]
    fn gradients_agree_with_differences() {
        for (begins, heads, rate) in
            [(vec![0, 1, 6], 2, 0.0), (vec![0, 3, 3, 6], 1, 0.3), (vec![0, 6], 3, 0.2)]
        {
            check_gradients(&[some((6, 18), 5)], &|inputs| {
                attention(&inputs[0], asked(&begins, heads, rate))
            });
        }
    }

    /// The same by candle's own operations on one padded sequence.
    fn plain(rows: &Tensor, heads: usize) -> Tensor {
        let (n, width) = rows.dims2().unwrap();
        let (d, size) = (width / 3, width / 3 / heads);
        let part = |at: usize| {
            let part = rows.narrow(1, at * d, d).unwrap().reshape((n, heads, size)).unwrap();
            part.transpose(0, 1).unwrap().contiguous().unwrap()
        };
        let scores = part(0).matmul(&part(1).transpose(1, 2).unwrap()).unwrap();
        let hidden: Vec<f32> =
            (0..n * n).map(|at| if at % n > at / n { f32::NEG_INFINITY } else { 0.0 }).collect();
        let hidden = Tensor::from_vec(hidden, (1, n, n), &Device::Cpu).unwrap();
        let scores = (scores / (size as f64).sqrt()).unwrap().broadcast_add(&hidden).unwrap();
        let shares = candle_nn::ops::softmax(&scores, D::Minus1).unwrap();
        shares.matmul(&part(2)).unwrap().transpose(0, 1).unwrap().reshape((n, d)).unwrap()
    }

    #[test]
    fn packed_sequences_attend_as_each_alone_does_in_candle() {
        let rows = some((59, 3 * 40), 7);
        let begins = [0, 20, 21, 21, 59];
        for heads in [1, 2, 5] {
            let packed = attention(&rows, asked(&begins, heads, 0.0)).unwrap();
            for pair in begins.windows(2).filter(|pair| pair[1] > pair[0]) {
                let count = pair[1] - pair[0];
                let alone = plain(&rows.narrow(0, pair[0], count).unwrap(), heads);
                let off =
                    (packed.narrow(0, pair[0], count).unwrap() - alone).unwrap().abs().unwrap();
                let off = off.max_all().unwrap().to_scalar::<f32>().unwrap();
                assert!(off < 1e-5, "{heads} {pair:?}: {off}");
            }
        }
    }

    #[test]
    fn sequences_that_do_not_cover_the_rows_are_an_error() {
        let rows = some((6, 18), 5);
        for (begins, heads) in [(vec![0, 5], 1), (vec![1, 6], 1), (vec![0, 6], 4), (vec![], 1)] {
            assert!(attention(&rows, asked(&begins, heads, 0.0)).is_err());
        }
    }
}
