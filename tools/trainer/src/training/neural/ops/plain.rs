//! The operations of this folder, composed of candle's own: for devices on which ours have no
//! kernel. They go through memory many times, and hold more of it.

use candle_core::{D, Result, Tensor};
use candle_nn::ops::softmax;
use noctule_core::release::Nonlinearity;

use super::super::random::Dropout;
use super::{Attention, Bias, Pool, tensor_on};

/// As [`super::gather`].
pub(crate) fn gather(
    (table, items): (&Tensor, Vec<u32>),
    (position, positions): (&Tensor, Vec<u32>),
    scale: f32,
    dropout: Option<Dropout>,
) -> Result<Tensor> {
    let device = table.device();
    let items = table.index_select(&Tensor::new(items, device)?, 0)?;
    let positions = position.index_select(&Tensor::new(positions, device)?, 0)?;
    dropped((items.affine(f64::from(scale), 0.0)? + positions)?, dropout)
}

/// As [`super::bias`], and as [`super::bias_onto`] where something is around.
pub(crate) fn bias(
    around: Option<&Tensor>,
    rows: &Tensor,
    bias: &Tensor,
    then: Bias,
) -> Result<Tensor> {
    let sums = rows.broadcast_add(bias)?;
    let active = match then.activation {
        None => sums,
        Some(Nonlinearity::Relu) => sums.relu()?,
        Some(Nonlinearity::Gelu) => sums.gelu_erf()?,
    };
    let rows = dropped(active, then.dropout)?;
    around.map_or_else(|| Ok(rows.clone()), |around| around + &rows)
}

/// As [`super::norm`].
pub(crate) fn norm(rows: &Tensor, weight: &Tensor, bias: &Tensor, epsilon: f32) -> Result<Tensor> {
    let centred = rows.broadcast_sub(&rows.mean_keepdim(1)?)?;
    let variance = centred.sqr()?.mean_keepdim(1)?;
    let normal = centred.broadcast_div(&variance.affine(1.0, f64::from(epsilon))?.sqrt()?)?;
    normal.broadcast_mul(weight)?.broadcast_add(bias)
}

/// As [`super::unit`].
pub(crate) fn unit(rows: &Tensor) -> Result<Tensor> {
    let square = rows.sqr()?.sum_keepdim(1)?;
    let is_zero = square.eq(&square.zeros_like()?)?.to_dtype(square.dtype())?;
    // A row of zeros is divided by 1, and has no derivative.
    let length = (square + &is_zero)?.sqrt()?;
    rows.broadcast_div(&length)?.broadcast_mul(&is_zero.affine(-1.0, 1.0)?)
}

/// As [`super::pool()`].
pub(crate) fn pool(table: &Tensor, pool: &Pool) -> Result<Tensor> {
    let ((_, d), rows, device) = (table.dims2()?, pool.rows(), table.device());
    let mut means = Tensor::zeros((rows, d), table.dtype(), device)?;
    if !pool.items.is_empty() {
        let shares = tensor_on(pool.shares.clone(), (pool.shares.len(), 1), device)?;
        let items = Tensor::new(pool.items.as_slice(), device)?;
        let picked = table.index_select(&items, 0)?.broadcast_mul(&shares)?;
        let lengths = pool.begins.windows(2).map(|pair| pair[1] - pair[0]);
        let owners = (0u32..).zip(lengths);
        let owners: Vec<u32> =
            owners.flat_map(|(row, length)| std::iter::repeat_n(row, length)).collect();
        means = means.index_add(&Tensor::new(owners, device)?, &picked, 0)?;
    }
    let means = dropped(means, pool.dropout)?;
    let extra = pool.others.len() / rows.max(1);
    if extra == 0 {
        return Ok(means);
    }
    let others = tensor_on(pool.others.clone(), (rows, extra), device)?;
    Tensor::cat(&[&means, &others], 1)
}

/// As [`super::with_gradients`].
pub(crate) fn with_gradients(
    loss: f32,
    (a, of_a): (&Tensor, Tensor),
    (b, of_b): (&Tensor, Tensor),
) -> Result<Tensor> {
    let along = ((a * of_a)?.sum_all()? + (b * of_b)?.sum_all()?)?;
    // Nothing of its value stays, and all of its derivatives.
    (&along - along.detach())?.affine(1.0, f64::from(loss))
}

/// As [`super::attention`]: the sequences padded to the longest, what is behind a row hidden.
pub(crate) fn attention(rows: &Tensor, asked: &Attention) -> Result<Tensor> {
    let ((count, width), device) = (rows.dims2()?, rows.device());
    let (d, heads) = (width / 3, asked.heads);
    if count == 0 {
        return rows.narrow(1, 0, d);
    }
    let places = Places::of(&asked.begins, count);
    let (sequences, longest) = (places.sequences, places.longest);
    let padded = rows.index_select(&Tensor::new(places.rows.as_slice(), device)?, 0)?;
    let padded = padded.reshape((sequences, longest, 3, heads, d / heads))?;
    let part = |part: usize| -> Result<Tensor> {
        padded.narrow(2, part, 1)?.squeeze(2)?.transpose(1, 2)?.contiguous()
    };
    let scale = 1.0 / ((d / heads) as f64).sqrt();
    let scores = part(0)?.matmul(&part(1)?.transpose(2, 3)?.contiguous()?)?.affine(scale, 0.0)?;
    let hidden = |at: usize| if at % longest > at / longest { f32::NEG_INFINITY } else { 0.0 };
    let hidden = (0..longest * longest).map(hidden).collect();
    let hidden = tensor_on(hidden, (1, 1, longest, longest), device)?;
    let mut shares = softmax(&scores.broadcast_add(&hidden)?, D::Minus1)?;
    if let Some(dropout) = asked.dropout {
        let kept = places.kept(&asked.begins, heads, dropout);
        shares = (shares * tensor_on(kept, (sequences, heads, longest, longest), device)?)?;
    }
    let mixed = shares.matmul(&part(2)?)?.transpose(1, 2)?.reshape((sequences * longest, d))?;
    mixed.index_select(&Tensor::new(places.back, device)?, 0)
}

/// Where packed rows lie among padded ones.
struct Places {
    sequences: usize,
    longest: usize,
    /// The row of each place; of a place behind a sequence, any.
    rows: Vec<u32>,
    /// The place of each row.
    back: Vec<u32>,
}

impl Places {
    fn of(begins: &[usize], count: usize) -> Self {
        let sequences = begins.len() - 1;
        let longest = begins.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        let (mut rows, mut back) = (vec![0; sequences * longest], vec![0; count]);
        for (sequence, pair) in begins.windows(2).enumerate() {
            for (at, back) in back[pair[0]..pair[1]].iter_mut().enumerate() {
                let place = sequence * longest + at;
                (rows[place], *back) = ((pair[0] + at) as u32, place as u32);
            }
        }
        Self { sequences, longest, rows, back }
    }

    /// What the shares are multiplied by, \[sequences, heads, row, row\].
    fn kept(&self, begins: &[usize], heads: usize, dropout: Dropout) -> Vec<f32> {
        let longest = self.longest;
        let mut kept = vec![1.0; self.sequences * heads * longest * longest];
        for (at, shares) in kept.chunks_exact_mut(longest).enumerate() {
            let (row, head, sequence) = (at % longest, at / longest % heads, at / longest / heads);
            dropout.apply(((begins[sequence] + row) * heads + head) as u64, &mut shares[..=row]);
        }
        kept
    }
}

/// `rows` with values left out, as an operation of ours leaves them out.
fn dropped(rows: Tensor, dropout: Option<Dropout>) -> Result<Tensor> {
    let Some(dropout) = dropout else { return Ok(rows) };
    let (count, d) = rows.dims2()?;
    let mut kept = vec![1.0; count * d];
    for (row, values) in kept.chunks_exact_mut(d.max(1)).enumerate() {
        dropout.apply(row as u64, values);
    }
    let kept = tensor_on(kept, (count, d), rows.device())?;
    rows * kept
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
