//! The subspace solver of iALS++ (Rendle, Krichene, Zhang and Koren, "iALS++: Speeding up matrix
//! factorization with subspace optimization", 2021).
//!
//! For a row x with observations (y_k, w_k) and A = w0 G + sum w y yᵀ + ridge I, the exact solver
//! makes and factors all of A. Here a block of coordinates moves at a time, by the Newton step of
//! the loss in these coordinates alone, with what it takes kept up to date: the predictions
//! x.y_k and the vector w0 G x. A pass costs O(n d b + d² + d b²) instead of O(n d² + d³).

use super::{BLOCK_ROWS, Side};
use crate::training::neural::arithmetic::{add_scaled, dot, fast};
use crate::training::{IalsSettings, parallel};
use crate::{Error, Result};

/// Coordinates that move at once. Larger blocks converge in fewer passes, and cost more each: the
/// matrix of eight fits the registers.
const BLOCK: usize = 8;

pub(super) fn solve_side(side: &Side<'_>, settings: &IalsSettings, rows: &mut [f32]) -> Result<()> {
    let d = settings.dimensions;
    let w0 = f64::from(settings.unobserved_weight);
    let gram: Vec<f32> = side.gram.iter().map(|value| (w0 * value) as f32).collect();
    let blocks = rows.chunks_mut(BLOCK_ROWS * d).enumerate();
    parallel::map(blocks, settings.threads, |(block, rows)| {
        let mut work = Work { d, gram: &gram, gx: vec![0.0; d], seen: Vec::new() };
        fast(
            #[inline(always)]
            || {
                for (offset, row) in rows.chunks_exact_mut(d).enumerate() {
                    let entries = side.matrix.row(block * BLOCK_ROWS + offset);
                    if entries.len() == 0 {
                        row.fill(0.0);
                        continue;
                    }
                    let ridge = side.fold_in.ridge(entries.len()) as f32;
                    work.observe(entries, side.fixed, row);
                    work.pass(ridge, row)?;
                }
                Ok(())
            },
        )
    })?;
    Ok(())
}

/// An observation of the row that is being solved.
struct Seen<'a> {
    vector: &'a [f32],
    weight: f32,
    /// 1 minus the prediction.
    error: f32,
}

/// What one thread computes in.
struct Work<'a> {
    d: usize,
    /// w0 G, [d, d].
    gram: &'a [f32],
    /// w0 G x.
    gx: Vec<f32>,
    seen: Vec<Seen<'a>>,
}

impl<'a> Work<'a> {
    #[inline(always)]
    fn observe(
        &mut self,
        entries: impl Iterator<Item = (u32, f32)>,
        fixed: &'a [f32],
        row: &[f32],
    ) {
        let d = self.d;
        self.seen.clear();
        // A loop, as an iterator's adapters would not be inlined into the wide vectors.
        for (column, weight) in entries {
            let vector = &fixed[column as usize * d..][..d];
            self.seen.push(Seen { vector, weight, error: 1.0 - dot(row, vector) });
        }
        for (value, gram) in self.gx.iter_mut().zip(self.gram.chunks_exact(d)) {
            *value = dot(gram, row);
        }
    }

    /// Moves every coordinate once.
    #[inline(always)]
    fn pass(&mut self, ridge: f32, row: &mut [f32]) -> Result<()> {
        let mut begin = 0;
        while begin + BLOCK <= self.d {
            self.step::<BLOCK>(begin, ridge, row)?;
            begin += BLOCK;
        }
        while begin + 4 <= self.d {
            self.step::<4>(begin, ridge, row)?;
            begin += 4;
        }
        while begin < self.d {
            self.step::<1>(begin, ridge, row)?;
            begin += 1;
        }
        Ok(())
    }

    /// The Newton step in the `B` coordinates from `begin` on.
    #[inline(always)]
    fn step<const B: usize>(&mut self, begin: usize, ridge: f32, row: &mut [f32]) -> Result<()> {
        let d = self.d;
        let mut hessian = [[0.0f32; B]; B];
        let mut step = [0.0f32; B];
        for i in 0..B {
            let gram = &self.gram[(begin + i) * d + begin..];
            hessian[i].copy_from_slice(&gram[..B]);
            hessian[i][i] += ridge;
            step[i] = -(self.gx[begin + i] + ridge * row[begin + i]);
        }
        for seen in &self.seen {
            let part = part::<B>(seen.vector, begin);
            let pull = seen.weight * seen.error;
            for i in 0..B {
                step[i] = pull.mul_add(part[i], step[i]);
                let factor = seen.weight * part[i];
                for j in 0..B {
                    hessian[i][j] = factor.mul_add(part[j], hessian[i][j]);
                }
            }
        }
        if !solve(&mut hessian, &mut step) {
            let reason = "the normal equations of a block are ill-conditioned".to_owned();
            return Err(Error::Core(noctule_core::base::Error::Model { reason }));
        }
        for (value, step) in row[begin..begin + B].iter_mut().zip(&step) {
            *value += step;
        }
        for seen in &mut self.seen {
            seen.error -= product(&part::<B>(seen.vector, begin), &step);
        }
        // Coordinates that have moved already are not asked for again in this pass. G is symmetric:
        // its rows are read in place of its columns.
        let later = begin + B;
        for (i, step) in step.iter().enumerate() {
            let gram = &self.gram[(begin + i) * d + later..(begin + i + 1) * d];
            add_scaled(&mut self.gx[later..], *step, gram);
        }
        Ok(())
    }
}

/// The `B` values from `begin` on.
#[inline(always)]
fn part<const B: usize>(vector: &[f32], begin: usize) -> [f32; B] {
    let mut part = [0.0; B];
    part.copy_from_slice(&vector[begin..begin + B]);
    part
}

/// The inner product, its sums side by side.
#[inline(always)]
fn product<const B: usize>(a: &[f32; B], b: &[f32; B]) -> f32 {
    let mut lanes = [0.0; B];
    for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
        *lane = a * b;
    }
    let mut width = B / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(&*high) {
            *low += high;
        }
        width /= 2;
    }
    lanes[0]
}

/// Solves A x = b by Cholesky factorisation in place; false when A is not positive definite to
/// working precision.
#[inline(always)]
fn solve<const B: usize>(a: &mut [[f32; B]; B], b: &mut [f32; B]) -> bool {
    let largest = (0..B).map(|i| a[i][i].abs()).fold(0.0, f32::max);
    let least = largest * f32::EPSILON * B as f32;
    // The upper factor, row by row: A = UᵀU.
    // Whole rows, of which the part left of the diagonal is 0: loops of one length become vectors.
    for k in 0..B {
        let pivot = a[k][k];
        // Written so that NaN is refused too.
        if !(pivot > least && pivot.is_finite()) {
            return false;
        }
        let scale = 1.0 / pivot.sqrt();
        let mut row = a[k].map(|value| value * scale);
        row[..k].fill(0.0);
        a[k] = row;
        for i in k + 1..B {
            let factor = row[i];
            for (value, pulled) in a[i].iter_mut().zip(&row) {
                *value = (-factor).mul_add(*pulled, *value);
            }
        }
        let solved = b[k] * scale;
        for (value, pulled) in b.iter_mut().zip(&row) {
            *value = (-solved).mul_add(*pulled, *value);
        }
        b[k] = solved;
    }
    for k in (0..B).rev() {
        let mut left = b[k];
        for (u, x) in a[k][k + 1..].iter().zip(&b[k + 1..]) {
            left = (-u).mul_add(*x, left);
        }
        b[k] = left / a[k][k];
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::training::{IalsSettings, IalsSolver, Sparse, train_ials};

    fn settings(dimensions: usize, epochs: usize, solver: IalsSolver) -> IalsSettings {
        let regularization = 0.05;
        IalsSettings { dimensions, epochs, solver, regularization, ..IalsSettings::default() }
    }

    fn matrix(entries: &[(u32, u32, f32)]) -> Sparse {
        Sparse::from_entries(entries.to_vec(), 40, 30)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_loss_never_rises_and_threads_change_no_byte(
            entries in prop::collection::vec((0u32..40, 0u32..30, 0.5f32..3.0), 20..400),
            dimensions in prop::sample::select(vec![1usize, 3, 4, 7, 16, 21, 32]),
        ) {
            let matrix = matrix(&entries);
            let settings = settings(dimensions, 8, IalsSolver::Blocks);
            let one = IalsSettings { threads: 1, ..settings.clone() };
            let found = train_ials(&matrix, &one, &|_, _, _| {}).unwrap();
            prop_assert!(found.losses.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-5)));
            let three = IalsSettings { threads: 3, ..settings };
            prop_assert_eq!(&found, &train_ials(&matrix, &three, &|_, _, _| {}).unwrap());
        }

        #[test]
        fn up_to_one_block_it_is_the_exact_solver(
            entries in prop::collection::vec((0u32..40, 0u32..30, 0.5f32..3.0), 60..400),
        ) {
            let matrix = matrix(&entries);
            let settings = |solver| settings(8, 3, solver);
            let train = |solver| train_ials(&matrix, &settings(solver), &|_, _, _| {}).unwrap();
            let (blocks, exact) = (train(IalsSolver::Blocks), train(IalsSolver::Exact));
            for (a, b) in blocks.losses.iter().zip(&exact.losses) {
                prop_assert!((a - b).abs() <= 1e-3 * b, "{} and {}", a, b);
            }
        }
    }

    #[test]
    fn many_blocks_reach_the_loss_of_the_exact_solver() {
        let entries: Vec<_> = (0..600u32).map(|i| (i * 7 % 40, i * i % 30, 1.0)).collect();
        let matrix = matrix(&entries);
        let last = |solver| {
            let settings = settings(48, 30, solver);
            *train_ials(&matrix, &settings, &|_, _, _| {}).unwrap().losses.last().unwrap()
        };
        let (blocks, exact) = (last(IalsSolver::Blocks), last(IalsSolver::Exact));
        // Neither is the least of all: the loss has several valleys.
        assert!(blocks < 1.01 * exact, "{blocks} and {exact}");
    }
}
