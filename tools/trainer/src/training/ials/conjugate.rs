//! Conjugate gradients (Takács, Pilászy and Tikk, "Applications of the conjugate gradient method
//! for implicit feedback collaborative filtering", RecSys 2011).
//!
//! For a row x with observations (y_k, w_k), A = w0 G + sum w y yᵀ + ridge I and b = sum w y, some
//! steps of conjugate gradients go from the x of the epoch before towards A⁻¹ b. A is never made:
//! its product with a vector costs O(n d + d²), that is the whole of a step.

use super::{BLOCK_ROWS, Side};
use crate::training::neural::arithmetic::{add_scaled, dot, fast, padded, weighted_sum};
use crate::training::{IalsSettings, parallel};
use crate::{Error, Result};

/// Steps of each row in an epoch. As x begins where the epoch before left it, three are enough to
/// follow the other side; more make an epoch slower and not better.
const STEPS: usize = 3;
/// A residual of so small a square is none.
const RESIDUAL_MIN: f32 = 1e-20;

pub(super) fn solve_side(side: &Side<'_>, settings: &IalsSettings, rows: &mut [f32]) -> Result<()> {
    let d = settings.dimensions;
    let gram = scaled_gram(side.gram, d, settings.unobserved_weight);
    let blocks = rows.chunks_mut(BLOCK_ROWS * d).enumerate();
    parallel::map(blocks, settings.threads, |(block, rows)| {
        let mut work = Work::new(d, &gram);
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
                    work.observe(entries, side.fixed);
                    work.solve(ridge, row)?;
                }
                Ok(())
            },
        )
    })?;
    Ok(())
}

/// w0 G in rows of whole lanes.
fn scaled_gram(gram: &[f64], d: usize, unobserved_weight: f32) -> Vec<f32> {
    let (stride, w0) = (padded(d), f64::from(unobserved_weight));
    let mut scaled = vec![0.0; d * stride];
    for (to, from) in scaled.chunks_exact_mut(stride).zip(gram.chunks_exact(d)) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = (w0 * from) as f32);
    }
    scaled
}

/// What one thread computes in.
struct Work<'a> {
    d: usize,
    /// w0 G, [d, whole lanes].
    gram: &'a [f32],
    /// Vector and weight of each observation of the row that is being solved.
    seen: Vec<(&'a [f32], f32)>,
    residual: Vec<f32>,
    direction: Vec<f32>,
    /// A times the direction, in whole lanes.
    product: Vec<f32>,
}

impl<'a> Work<'a> {
    fn new(d: usize, gram: &'a [f32]) -> Self {
        let (residual, direction, product) = (vec![0.0; d], vec![0.0; d], vec![0.0; padded(d)]);
        Self { d, gram, seen: Vec::new(), residual, direction, product }
    }

    #[inline(always)]
    fn observe(&mut self, entries: impl Iterator<Item = (u32, f32)>, fixed: &'a [f32]) {
        let d = self.d;
        self.seen.clear();
        for (column, weight) in entries {
            self.seen.push((&fixed[column as usize * d..][..d], weight));
        }
    }

    #[inline(always)]
    fn solve(&mut self, ridge: f32, row: &mut [f32]) -> Result<()> {
        let d = self.d;
        // b - A x.
        weighted_sum(&mut self.product, (row, 1), (self.gram, padded(d)), d);
        for ((residual, product), x) in self.residual.iter_mut().zip(&self.product).zip(&*row) {
            *residual = -(product + ridge * x);
        }
        for (vector, weight) in &self.seen {
            add_scaled(&mut self.residual, weight * (1.0 - dot(vector, row)), vector);
        }
        self.direction.copy_from_slice(&self.residual);
        let mut square = dot(&self.residual, &self.residual);
        for _ in 0..STEPS {
            if square < RESIDUAL_MIN {
                break;
            }
            self.multiply(ridge);
            let product = &self.product[..d];
            let step = square / dot(&self.direction, product);
            if !step.is_finite() {
                return Err(ill_conditioned());
            }
            add_scaled(row, step, &self.direction);
            add_scaled(&mut self.residual, -step, product);
            let next = dot(&self.residual, &self.residual);
            let kept = next / square;
            for (direction, residual) in self.direction.iter_mut().zip(&self.residual) {
                *direction = direction.mul_add(kept, *residual);
            }
            square = next;
        }
        // Written so that NaN is refused too.
        if square >= 0.0 && square.is_finite() { Ok(()) } else { Err(ill_conditioned()) }
    }

    /// The product of A and the direction.
    #[inline(always)]
    fn multiply(&mut self, ridge: f32) {
        let d = self.d;
        weighted_sum(&mut self.product, (&self.direction, 1), (self.gram, padded(d)), d);
        let product = &mut self.product[..d];
        add_scaled(product, ridge, &self.direction);
        for (vector, weight) in &self.seen {
            add_scaled(product, weight * dot(vector, &self.direction), vector);
        }
    }
}

fn ill_conditioned() -> Error {
    let reason = "the normal equations of a row are ill-conditioned".to_owned();
    Error::Core(noctule_core::base::Error::Model { reason })
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
            let settings = settings(dimensions, 8, IalsSolver::ConjugateGradients);
            let one = IalsSettings { threads: 1, ..settings.clone() };
            let found = train_ials(&matrix, &one, &|_, _, _| {}).unwrap();
            prop_assert!(found.losses.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-5)));
            let three = IalsSettings { threads: 3, ..settings };
            prop_assert_eq!(&found, &train_ials(&matrix, &three, &|_, _, _| {}).unwrap());
        }

        /// Conjugate gradients end after as many steps as there are dimensions.
        #[test]
        fn up_to_three_dimensions_it_is_the_exact_solver(
            entries in prop::collection::vec((0u32..40, 0u32..30, 0.5f32..3.0), 60..400),
            dimensions in 1usize..4,
        ) {
            let matrix = matrix(&entries);
            let train = |solver| {
                train_ials(&matrix, &settings(dimensions, 3, solver), &|_, _, _| {}).unwrap()
            };
            let steps = train(IalsSolver::ConjugateGradients);
            for (a, b) in steps.losses.iter().zip(&train(IalsSolver::Exact).losses) {
                prop_assert!((a - b).abs() <= 1e-3 * b, "{} and {}", a, b);
            }
        }
    }

    #[test]
    fn more_dimensions_than_steps_reach_the_loss_of_the_exact_solver() {
        let entries: Vec<_> = (0..600u32).map(|i| (i * 7 % 40, i * i % 30, 1.0)).collect();
        let matrix = matrix(&entries);
        let last = |solver| {
            let settings = settings(48, 30, solver);
            *train_ials(&matrix, &settings, &|_, _, _| {}).unwrap().losses.last().unwrap()
        };
        let steps = last(IalsSolver::ConjugateGradients);
        let exact = last(IalsSolver::Exact);
        // Neither is the least of all: the loss has several valleys.
        assert!(steps < 1.01 * exact, "{steps} and {exact}");
    }
}
