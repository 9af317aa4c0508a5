//! Weighted means of rows of a table, and what stands behind them.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::super::arithmetic::{add_scaled, fast};
use super::super::random::Dropout;
use super::{BLOCK_ROWS, numbers, plain, result, slice, tensor};

/// Which rows of a table each mean is of, and what follows it.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Where the rows of each mean begin, and where the last one ends.
    pub begins: Vec<usize>,
    /// Rows of the table.
    pub items: Vec<u32>,
    /// What each counts for; the shares of a mean sum to 1, or it is zeros.
    pub shares: Vec<f32>,
    /// Constants behind each mean, as many for each.
    pub others: Vec<f32>,
    /// Dropout of the means.
    pub dropout: Option<Dropout>,
}

impl Pool {
    /// A pool without any mean.
    #[must_use]
    pub fn new() -> Self {
        Self { begins: vec![0], ..Self::default() }
    }

    /// Adds the mean of `rows` by their weights; zeros when these are none.
    pub fn push(&mut self, rows: impl Iterator<Item = (u32, f32)>, others: &[f32]) {
        let from = self.items.len();
        for (item, weight) in rows {
            self.items.push(item);
            self.shares.push(weight);
        }
        let whole: f64 = self.shares[from..].iter().map(|share| f64::from(*share)).sum();
        for share in &mut self.shares[from..] {
            *share = if whole > 0.0 { (f64::from(*share) / whole) as f32 } else { 0.0 };
        }
        self.begins.push(self.items.len());
        self.others.extend_from_slice(others);
    }

    /// How many means there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.begins.len().saturating_sub(1)
    }

    fn extra(&self) -> usize {
        self.others.len() / self.rows().max(1)
    }

    fn of(&self, row: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.begins[row]..self.begins[row + 1];
        let items = self.items[range.clone()].iter().map(|item| *item as usize);
        items.zip(self.shares[range].iter().copied())
    }
}

/// Row r is the weighted mean of some rows of `table` \[n, d\], then its k constants: \[rows,
/// d + k\].
///
/// # Errors
/// When a row is beyond the table or the parts of `pool` do not fit.
pub fn pool(table: &Tensor, pool: Pool) -> Result<Tensor> {
    let (n, d) = table.dims2()?;
    let rows = pool.rows();
    let ascending = pool.begins.windows(2).all(|pair| pair[0] <= pair[1]);
    let fits = ascending
        && pool.begins.last().copied().unwrap_or_default() == pool.items.len()
        && pool.items.len() == pool.shares.len()
        && pool.others.len() == rows * pool.extra();
    if !fits || d == 0 || pool.items.iter().any(|item| *item as usize >= n) {
        bail!("{rows} means do not fit a table of {n} x {d}");
    }
    if !table.device().is_cpu() {
        return plain::pool(table, &pool);
    }
    table.apply_op1(pool)
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (table, d, extra) = (slice(table, layout)?, layout.dims()[1], self.extra());
        let mut out = vec![0.0; self.rows() * (d + extra)];
        out.par_chunks_mut(BLOCK_ROWS * (d + extra)).enumerate().for_each(|(block, out)| {
            fast(
                #[inline(always)]
                || {
                    for (at, out) in out.chunks_exact_mut(d + extra).enumerate() {
                        let row = block * BLOCK_ROWS + at;
                        let (mean, others) = out.split_at_mut(d);
                        for (item, share) in self.of(row) {
                            add_scaled(mean, share, &table[item * d..][..d]);
                        }
                        if let Some(dropout) = self.dropout {
                            dropout.apply(row as u64, mean);
                        }
                        others.copy_from_slice(&self.others[row * extra..][..extra]);
                    }
                },
            );
        });
        result(out, (self.rows(), d + extra))
    }

    fn bwd(&self, table: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (n, d) = table.dims2()?;
        let grad = grad.contiguous()?;
        let grad = numbers(&grad)?;
        let (mut of_table, mut kept) = (vec![0.0; n * d], vec![0.0; d]);
        // Rows meet in these sums, so one thread takes them in order.
        fast(
            #[inline(always)]
            || {
                for (row, grad) in grad.chunks_exact(d + self.extra()).enumerate() {
                    kept.copy_from_slice(&grad[..d]);
                    if let Some(dropout) = self.dropout {
                        dropout.apply(row as u64, &mut kept);
                    }
                    for (item, share) in self.of(row) {
                        add_scaled(&mut of_table[item * d..][..d], share, &kept);
                    }
                }
            },
        );
        Ok(Some(tensor(of_table, (n, d))?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Key;
    use super::super::testing::{check_gradients, some};
    use super::*;

    fn some_pool(dropout: Option<Dropout>) -> Pool {
        let mut pool = Pool { dropout, ..Pool::new() };
        pool.push([(3, 1.0), (0, 3.0), (3, 0.5)].into_iter(), &[7.0, 8.0]);
        pool.push([].into_iter(), &[0.0, 1.0]);
        pool.push([(1, 2.0), (0, 2.0)].into_iter(), &[2.0, 3.0]);
        pool
    }

    #[test]
    fn means_are_weighted_and_the_constants_stand_behind_them() {
        let table = tensor(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 0.0], (4, 2)).unwrap();
        let out = pool(&table, some_pool(None)).unwrap();
        let expected = [16.5 / 4.5, 6.0 / 4.5, 7.0, 8.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0];
        for (a, b) in numbers(&out).unwrap().iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        for dropout in [None, Dropout::new(Key::new(1, "pool"), 0.3)] {
            check_gradients(&[some((5, 6), 1)], &|inputs| pool(&inputs[0], some_pool(dropout)));
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_an_error() {
        let table = some((4, 5), 1);
        let broken: [fn(&mut Pool); 4] = [
            |pool| pool.items[0] = 4,
            |pool| pool.begins[1] = 9,
            |pool| pool.shares.truncate(2),
            |pool| pool.others.truncate(5),
        ];
        for breaks in broken {
            let mut means = some_pool(None);
            breaks(&mut means);
            assert!(pool(&table, means).is_err());
        }
    }
}
