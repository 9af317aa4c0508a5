//! Implicit-feedback matrix factorisation by alternating least squares (Hu, Koren and Volinsky,
//! ICDM 2008), with frequency-scaled regularisation and a small normal initialisation as revisited
//! by Rendle, Krichene, Zhang and Koren (RecSys 2022).
//!
//! The loss, over user vectors x and item vectors y:
//!
//! ```text
//! sum over observed w (1 - x.y)^2 + w0 * sum over all pairs (x.y)^2
//!     + lambda * sum over users (n_u + w0 * items)^nu |x|^2
//!     + lambda * sum over items (n_i + w0 * users)^nu |y|^2
//! ```
//!
//! Each half of an epoch solves one side exactly with the fold-in of the core, the very code that
//! runs on the device, or lowers the loss from where the epoch before left it: by some steps of
//! conjugate gradients ([`IalsSolver::ConjugateGradients`]; Takács, Pilászy and Tikk, RecSys 2011)
//! or block by block of coordinates ([`IalsSolver::Blocks`]; iALS++, Rendle, Krichene, Zhang and
//! Koren, 2021), which are faster the longer the vectors are.

mod blocks;
mod conjugate;
mod gram;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::model::{FoldIn, Workspace};

use super::{IalsSettings, IalsSolver, Sparse, parallel};
use crate::training::neural::arithmetic::{dot, fast};
use crate::{Error, Result};

/// Rows that one thread solves before it takes the next block.
const BLOCK_ROWS: usize = 64;

/// A trained factorisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Length of the vectors.
    pub dimensions: usize,
    /// User vectors, row-major; half an epoch older than the item vectors.
    pub users: Vec<f32>,
    /// Item vectors, row-major.
    pub items: Vec<f32>,
    /// Sum of y yᵀ over all items, row-major.
    pub gram: Vec<f32>,
    /// The loss after each epoch.
    pub losses: Vec<f64>,
}

impl Factors {
    /// The solver that folds a user into these item vectors.
    ///
    /// # Errors
    /// [`Error::Core`] when the settings do not fit.
    pub fn fold_in(&self, settings: &IalsSettings) -> Result<FoldIn> {
        fold_in(&self.gram, self.items.len() / self.dimensions, settings)
    }
}

/// Factorises `matrix` (users by items). `progress` hears (epoch from 1, epochs, loss) after each
/// epoch, on the calling thread. The same seed gives the same bytes for any number of threads.
///
/// # Errors
/// [`Error::Setting`], [`Error::Data`] for a matrix without entries, and [`Error::Diverged`] when
/// the loss or a vector is not finite or a system is ill-conditioned.
pub fn train_ials(
    matrix: &Sparse,
    settings: &IalsSettings,
    progress: &dyn Fn(usize, usize, f64),
) -> Result<Factors> {
    settings.check()?;
    if matrix.entries() == 0 {
        return Err(Error::data("there is no interaction to train on"));
    }
    let by_item = matrix.transposed();
    let d = settings.dimensions;
    let mut users = vec![0.0; matrix.rows() * d];
    let mut items = initial(by_item.rows() * d, settings);
    let mut item_gram = gram(&items, settings)?;
    let mut losses = Vec::with_capacity(settings.epochs);
    for epoch in 1..=settings.epochs {
        let diverged = |error: Error| match error {
            Error::Core(error) => Error::Diverged { epoch, reason: error.to_string() },
            other => other,
        };
        let to_users = fold_in(&item_gram, by_item.rows(), settings).map_err(diverged)?;
        let side = Side { matrix, fixed: &items, gram: &item_gram, fold_in: &to_users };
        side.solve(settings, &mut users).map_err(diverged)?;
        let user_gram = gram(&users, settings)?;
        let to_items = fold_in(&user_gram, matrix.rows(), settings).map_err(diverged)?;
        let side = Side { matrix: &by_item, fixed: &users, gram: &user_gram, fold_in: &to_items };
        side.solve(settings, &mut items).map_err(diverged)?;
        item_gram = gram(&items, settings)?;
        let all_pairs: f64 = user_gram.iter().zip(&item_gram).map(|(a, b)| a * b).sum();
        let loss = f64::from(settings.unobserved_weight) * all_pairs
            + observed_loss(matrix, &users, &items, settings)?
            + ridge_loss(matrix, &users, &to_users, d)
            + ridge_loss(&by_item, &items, &to_items, d);
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch, reason: format!("the loss is {loss}") });
        }
        losses.push(loss);
        progress(epoch, settings.epochs, loss);
    }
    let gram = item_gram.iter().map(|value| *value as f32).collect();
    Ok(Factors { dimensions: d, users, items, gram, losses })
}

/// Rows whose sum of outer products one thread makes before it takes the next.
const GRAM_ROWS: usize = 2_048;

/// Sum of outer products of all rows, in an order that the number of threads does not change.
fn gram(rows: &[f32], settings: &IalsSettings) -> Result<Vec<f64>> {
    let d = settings.dimensions;
    let parts = parallel::map(rows.chunks(GRAM_ROWS * d), settings.threads, |part| {
        Ok(gram::gram(part, d))
    })?;
    let mut sum = vec![0.0; d * d];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    Ok(sum)
}

/// One half of an epoch: rows of `matrix` are solved against the `fixed` side.
struct Side<'a> {
    matrix: &'a Sparse,
    fixed: &'a [f32],
    gram: &'a [f64],
    fold_in: &'a FoldIn,
}

impl Side<'_> {
    fn solve(&self, settings: &IalsSettings, solved: &mut [f32]) -> Result<()> {
        match settings.solver {
            IalsSolver::Exact => {
                solve_side(self.matrix, self.fixed, self.fold_in, settings.threads, solved)
            }
            IalsSolver::Blocks => blocks::solve_side(self, settings, solved),
            IalsSolver::ConjugateGradients => conjugate::solve_side(self, settings, solved),
        }
    }
}

fn fold_in<G: Copy + Into<f64>>(
    gram: &[G],
    items_total: usize,
    settings: &IalsSettings,
) -> Result<FoldIn> {
    let (w0, lambda) = (settings.unobserved_weight, settings.regularization);
    let nu = settings.regularization_exponent;
    Ok(FoldIn::new(gram, settings.dimensions, w0, lambda, nu, items_total)?)
}

fn initial(values: usize, settings: &IalsSettings) -> Vec<f32> {
    let mut random = SeededRandom::new(Seed(settings.seed).derive(&["ials", "items"]));
    let scale = f64::from(settings.initial_scale) / (settings.dimensions as f64).sqrt();
    (0..values).map(|_| (random.normal() * scale) as f32).collect()
}

/// Solves every row of `matrix` against the `fixed` side.
fn solve_side(
    matrix: &Sparse,
    fixed: &[f32],
    fold_in: &FoldIn,
    threads: usize,
    solved: &mut [f32],
) -> Result<()> {
    let d = fold_in.dimensions();
    let blocks = solved.chunks_mut(BLOCK_ROWS * d).enumerate();
    parallel::map(blocks, threads, |(block, rows)| {
        let mut workspace = Workspace::new(d);
        for (offset, row) in rows.chunks_exact_mut(d).enumerate() {
            let vector = |column: u32| &fixed[column as usize * d..(column as usize + 1) * d];
            let entries = matrix.row(block * BLOCK_ROWS + offset);
            let observations = entries.map(|(column, weight)| (vector(column), weight, 1.0));
            fold_in.solve_into(observations, &mut workspace, row)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// Sum over the observed pairs of w (1 - x.y)², in the order of the rows.
fn observed_loss(
    matrix: &Sparse,
    users: &[f32],
    items: &[f32],
    settings: &IalsSettings,
) -> Result<f64> {
    let d = settings.dimensions;
    let blocks = users.chunks(BLOCK_ROWS * d).enumerate();
    let sums = parallel::map(blocks, settings.threads, |(block, rows)| {
        let mut sum = 0.0;
        fast(
            #[inline(always)]
            || {
                for (offset, user) in rows.chunks_exact(d).enumerate() {
                    for (item, weight) in matrix.row(block * BLOCK_ROWS + offset) {
                        let error = f64::from(1.0 - dot(user, &items[item as usize * d..][..d]));
                        sum += f64::from(weight) * error * error;
                    }
                }
            },
        );
        Ok(sum)
    })?;
    Ok(sums.iter().sum())
}

fn ridge_loss(matrix: &Sparse, rows: &[f32], fold_in: &FoldIn, d: usize) -> f64 {
    let norm = |row: &[f32]| row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
    let rows = rows.chunks_exact(d).enumerate();
    rows.map(|(row, values)| fold_in.ridge(matrix.row(row).len()) * norm(values)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings() -> IalsSettings {
        IalsSettings { dimensions: 3, epochs: 6, threads: 1, ..IalsSettings::default() }
    }

    /// Two groups of users, each of whom chose all items of the group but one.
    fn two_groups() -> Sparse {
        let entries = (0..20u32).flat_map(|user| {
            let group = (user % 2) * 5;
            (0..5).filter(move |item| *item != user / 4).map(move |item| (user, group + item, 1.0))
        });
        Sparse::from_entries(entries.collect(), 20, 10)
    }

    #[test]
    fn the_item_left_out_of_a_group_scores_above_the_other_group() {
        let factors = train_ials(&two_groups(), &settings(), &|_, _, _| {}).unwrap();
        for user in 0..20usize {
            let row = &factors.users[user * 3..user * 3 + 3];
            let score = |item: usize| dot(row, &factors.items[item * 3..item * 3 + 3]);
            let (own, other) = ((user % 2) * 5, (1 - user % 2) * 5);
            let missing = score(own + user / 4);
            assert!((other..other + 5).all(|item| score(item) < missing), "user {user}");
        }
    }

    #[test]
    fn the_loss_falls_and_progress_hears_it() {
        let heard = std::cell::RefCell::new(Vec::new());
        let progress = |epoch, total, loss| heard.borrow_mut().push((epoch, total, loss));
        let factors = train_ials(&two_groups(), &settings(), &progress).unwrap();
        assert!(factors.losses.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-6)));
        let heard = heard.into_inner();
        assert_eq!(heard.len(), 6);
        assert_eq!(heard[5], (6, 6, factors.losses[5]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_number_of_threads_changes_no_byte(
            entries in prop::collection::vec((0u32..300, 0u32..40, 0.1f32..3.0), 1..600),
            threads in 2usize..5,
        ) {
            let matrix = Sparse::from_entries(entries, 300, 40);
            let one = IalsSettings { epochs: 2, ..settings() };
            let many = IalsSettings { threads, ..one.clone() };
            let train = |settings| train_ials(&matrix, settings, &|_, _, _| {}).unwrap();
            prop_assert_eq!(train(&one), train(&many));
        }
    }

    #[test]
    fn folding_in_a_training_user_gives_what_training_would_give_next() {
        let (matrix, settings) = (two_groups(), settings());
        let factors = train_ials(&matrix, &settings, &|_, _, _| {}).unwrap();
        let fold_in = factors.fold_in(&settings).unwrap();
        let vector = |item: u32| &factors.items[item as usize * 3..item as usize * 3 + 3];
        let history: Vec<_> = matrix.row(4).map(|(item, w)| (vector(item), w, 1.0)).collect();
        let user = fold_in.solve(&history).unwrap();
        let mut next = vec![0.0; factors.users.len()];
        solve_side(&matrix, &factors.items, &fold_in, 2, &mut next).unwrap();
        assert_eq!(user.vector, next[12..15]);
    }

    #[test]
    fn bad_settings_no_data_and_divergence_are_typed_errors() {
        let train = |settings: IalsSettings| train_ials(&two_groups(), &settings, &|_, _, _| {});
        let zero = IalsSettings { dimensions: 0, ..settings() };
        assert!(matches!(train(zero), Err(Error::Setting { field: "dimensions", .. })));
        let nan = IalsSettings { regularization: f32::NAN, ..settings() };
        assert!(matches!(train(nan), Err(Error::Setting { field: "regularization", .. })));
        let blocks = IalsSettings { solver: IalsSolver::Blocks, ..settings() };
        let nan_weight = IalsSettings { initial_scale: 1e30, ..blocks };
        assert!(matches!(train(nan_weight), Err(Error::Diverged { .. })));
        // Nothing holds the vectors: four items cannot fix a vector of 30 dimensions.
        let (w0, lambda) = (0.0, 0.0);
        let loose = IalsSettings {
            dimensions: 30,
            unobserved_weight: w0,
            regularization: lambda,
            ..settings()
        };
        assert!(matches!(train(loose), Err(Error::Diverged { epoch: 1, .. })));
        let empty = Sparse::from_entries(Vec::new(), 2, 2);
        assert!(matches!(train_ials(&empty, &settings(), &|_, _, _| {}), Err(Error::Data { .. })));
    }
}
