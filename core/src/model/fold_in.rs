//! Folding a user in: the exact user vector for fixed item vectors.
//!
//! For observations (y_i, w_i, t_i) the vector x minimises
//! `sum w_i (t_i - x.y_i)^2 + w0 * sum over all N items (x.y)^2 + ridge * |x|^2`, so
//! x = A⁻¹ b with A = w0 * G + sum w_i y_i y_iᵀ + lambda * (n + w0 * N)^nu * I,
//! b = sum w_i t_i y_i, and G the sum of y yᵀ over all items (Hu, Koren and Volinsky, ICDM 2008;
//! scaling of the ridge as Rendle, Krichene, Zhang and Koren, RecSys 2022). The same solver makes
//! both sides of the model in training.

use super::gram::widen;
use super::user_vector::UserVector;
use crate::base::limits::DIMENSIONS_MAX;
use crate::base::{Error, Result};
use noctule_kernels::cholesky;

fn model_error(reason: String) -> Error {
    Error::Model { reason }
}

/// The fixed side of the normal equations; solves one row of the other side at a time.
///
/// ```
/// use noctule_core::model::{FoldIn, gram};
/// // Three items in two dimensions; the user chose the first.
/// let items = [1.0, 0.0, 0.0, 1.0, 0.7, 0.7];
/// let fold_in = FoldIn::new(&gram(&items, 2), 2, 0.1, 0.01, 1.0, 3)?;
/// let user = fold_in.solve(&[(&items[0..2], 1.0, 1.0)])?;
/// assert!(user.score(&items[0..2]) > user.score(&items[2..4]));
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FoldIn {
    dimensions: usize,
    /// w0 * G, upper triangle.
    base: Vec<f64>,
    /// w0 * N.
    unobserved: f64,
    regularization: f64,
    exponent: f64,
}

/// What [`FoldIn::solve_into`] computes in; one for each thread, used again for every row.
#[derive(Debug, Clone)]
pub struct Workspace {
    matrix: Vec<f64>,
    right: Vec<f64>,
    quad: Vec<f64>,
}

impl Workspace {
    /// Room for systems of `dimensions`.
    #[must_use]
    pub fn new(dimensions: usize) -> Self {
        Self {
            matrix: vec![0.0; dimensions * dimensions],
            right: vec![0.0; dimensions],
            quad: vec![0.0; 4 * dimensions],
        }
    }
}

impl FoldIn {
    /// The solver for a side of `items_total` rows whose `gram` ([d, d], row-major, symmetric;
    /// the upper triangle counts) is given. The other arguments are the hyper-parameters of
    /// [`crate::release::Architecture::MatrixFactorization`].
    ///
    /// # Errors
    /// [`Error::Model`] when a shape is wrong, or a number is not finite or negative.
    pub fn new<G: Copy + Into<f64>>(
        gram: &[G],
        dimensions: usize,
        unobserved_weight: f32,
        regularization: f32,
        regularization_exponent: f32,
        items_total: usize,
    ) -> Result<Self> {
        if dimensions == 0 || dimensions > DIMENSIONS_MAX {
            let reason = format!("{dimensions} dimensions, 1 to {DIMENSIONS_MAX} are allowed");
            return Err(model_error(reason));
        }
        if gram.len() != dimensions * dimensions {
            let reason = format!("gram has {} values for {dimensions} dimensions", gram.len());
            return Err(model_error(reason));
        }
        let settings = [
            ("unobserved_weight", unobserved_weight),
            ("regularization", regularization),
            ("regularization_exponent", regularization_exponent),
        ];
        for (name, value) in settings {
            if !(value.is_finite() && value >= 0.0) {
                return Err(model_error(format!("{name} is {value}, at least 0 is needed")));
            }
        }
        let w0 = f64::from(unobserved_weight);
        let base: Vec<f64> = gram.iter().map(|value| w0 * (*value).into()).collect();
        if base.iter().any(|value| !value.is_finite()) {
            return Err(model_error("gram holds a value that is not finite".into()));
        }
        Ok(Self {
            dimensions,
            base,
            unobserved: w0 * items_total as f64,
            regularization: f64::from(regularization),
            exponent: f64::from(regularization_exponent),
        })
    }

    /// Length of the vectors.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The ridge lambda * (n + w0 * N)^nu of a row with n observations.
    #[must_use]
    pub fn ridge(&self, observations: usize) -> f64 {
        self.regularization * libm::pow(observations as f64 + self.unobserved, self.exponent)
    }

    /// The vector for `observations` (item vector, weight, target), with what is needed to explain
    /// its scores. No observation gives the zero vector.
    ///
    /// # Errors
    /// [`Error::Model`] when a vector has another length, a value is not finite, a weight is
    /// negative, or the system is ill-conditioned.
    pub fn solve(&self, observations: &[(&[f32], f32, f32)]) -> Result<UserVector> {
        let d = self.dimensions;
        let mut vector = vec![0.0; d];
        let mut workspace = Workspace::new(d);
        self.solve_into(observations.iter().copied(), &mut workspace, &mut vector)?;
        let mut pulls = vec![0.0; observations.len() * d];
        for (pulls, (row, weight, target)) in pulls.chunks_exact_mut(d).zip(observations) {
            cholesky::scale(pulls, f64::from(*weight) * f64::from(*target), row);
        }
        Ok(UserVector { vector, factor: workspace.matrix, pulls })
    }

    /// Writes the vector for `observations` into `out` without allocating; as [`Self::solve`].
    ///
    /// # Errors
    /// As [`Self::solve`]; `out` is then undefined.
    pub fn solve_into<'a>(
        &self,
        observations: impl Iterator<Item = (&'a [f32], f32, f32)>,
        workspace: &mut Workspace,
        out: &mut [f32],
    ) -> Result<()> {
        let d = self.dimensions;
        let Workspace { matrix, right, quad } = workspace;
        if matrix.len() != d * d || out.len() != d {
            return Err(model_error(format!("workspace or output is not of {d} dimensions")));
        }
        matrix.copy_from_slice(&self.base);
        right.fill(0.0);
        let count = accumulate(observations, d, matrix, right, quad)?;
        if count == 0 {
            out.fill(0.0);
            return Ok(());
        }
        let ridge = self.ridge(count);
        for i in 0..d {
            matrix[i * d + i] += ridge;
        }
        cholesky::factor(matrix, d)?;
        cholesky::solve(matrix, d, right);
        for (out, value) in out.iter_mut().zip(&*right) {
            *out = *value as f32;
            if !out.is_finite() {
                return Err(model_error("a user vector is not finite".into()));
            }
        }
        Ok(())
    }
}

/// Adds the observations to A and b, four at a time; returns how many there were.
fn accumulate<'a>(
    observations: impl Iterator<Item = (&'a [f32], f32, f32)>,
    d: usize,
    matrix: &mut [f64],
    right: &mut [f64],
    quad: &mut [f64],
) -> Result<usize> {
    let (mut count, mut waiting, mut weights) = (0, 0, [0.0; 4]);
    for (row, weight, target) in observations {
        let (weight, target) = (f64::from(weight), f64::from(target));
        if row.len() != d {
            return Err(model_error(format!("an item vector has {} values, not {d}", row.len())));
        }
        if !(weight.is_finite() && weight >= 0.0 && target.is_finite()) {
            let reason = format!("observation with weight {weight} and target {target}");
            return Err(model_error(reason));
        }
        let wide = &mut quad[waiting * d..(waiting + 1) * d];
        widen(wide, row);
        cholesky::add_scaled(right, weight * target, wide);
        weights[waiting] = weight;
        (count, waiting) = (count + 1, waiting + 1);
        if waiting == 4 {
            cholesky::add_four_outer(matrix, d, weights, quad);
            waiting = 0;
        }
    }
    for (row, weight) in quad.chunks_exact(d).zip(weights).take(waiting) {
        cholesky::add_outer(matrix, d, weight, row);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::gram;

    fn observations<'a>(rows: &'a [f32], d: usize, weights: &[f32]) -> Vec<(&'a [f32], f32, f32)> {
        let targets = [1.0, 1.0, 0.0];
        let weighted = rows.chunks_exact(d).zip(weights).enumerate();
        weighted.map(|(i, (row, weight))| (row, *weight, targets[i % 3])).collect()
    }

    proptest! {
        #[test]
        fn no_other_vector_has_a_smaller_loss(
            values in prop::collection::vec(-1.0f32..1.0, 4 * 10),
            weights in prop::collection::vec(0.1f32..5.0, 6),
            step in prop::collection::vec(-0.1f64..0.1, 4),
        ) {
            let (d, w0) = (4, 0.3);
            let fold_in = FoldIn::new(&gram(&values, d), d, w0, 0.1, 0.5, 10).unwrap();
            let seen = observations(&values[..6 * d], d, &weights);
            let user = fold_in.solve(&seen).unwrap();
            let dot = |x: &[f64], y: &[f32]| -> f64 {
                x.iter().zip(y).map(|(a, b)| a * f64::from(*b)).sum()
            };
            let loss = |x: &[f64]| {
                let observed: f64 = seen
                    .iter()
                    .map(|(y, w, t)| f64::from(*w) * (f64::from(*t) - dot(x, y)).powi(2))
                    .sum();
                let all: f64 = values.chunks_exact(d).map(|y| dot(x, y).powi(2)).sum();
                let norm: f64 = x.iter().map(|a| a * a).sum();
                observed + f64::from(w0) * all + fold_in.ridge(6) * norm
            };
            let best: Vec<f64> = user.vector.iter().map(|value| f64::from(*value)).collect();
            let other: Vec<f64> = best.iter().zip(&step).map(|(a, b)| a + b).collect();
            prop_assert!(loss(&best) <= loss(&other) + 1e-9);
        }
    }

    #[test]
    fn more_weight_pulls_the_score_of_the_item_up() {
        let items = [1.0, 0.2, 0.1, 1.0];
        let fold_in = FoldIn::new(&gram(&items, 2), 2, 0.1, 0.1, 1.0, 2).unwrap();
        let score =
            |weight| fold_in.solve(&[(&items[..2], weight, 1.0)]).unwrap().score(&items[..2]);
        assert!(score(4.0) > score(1.0) && score(4.0) < 1.0);
    }

    #[test]
    fn what_is_not_finite_or_has_the_wrong_shape_is_a_typed_error() {
        let fold_in = FoldIn::new(&[1.0f32, 0.0, 0.0, 1.0], 2, 0.1, 0.1, 1.0, 2).unwrap();
        let row = [1.0, 2.0];
        let bad: [(&[f32], f32, f32); 5] = [
            (&row, f32::NAN, 1.0),
            (&row, -1.0, 1.0),
            (&row, 1.0, f32::INFINITY),
            (&[1.0], 1.0, 1.0),
            (&[f32::NAN, 1.0], 1.0, 1.0),
        ];
        for observation in bad {
            let error = fold_in.solve(&[observation]).unwrap_err();
            assert!(matches!(error, Error::Model { .. }), "{observation:?}");
        }
        assert!(FoldIn::new(&[f32::NAN; 4], 2, 0.1, 0.1, 1.0, 2).is_err());
        assert!(FoldIn::new(&[1.0f32; 4], 3, 0.1, 0.1, 1.0, 2).is_err());
        assert!(FoldIn::new(&[1.0f32; 4], 2, 0.1, -0.1, 1.0, 2).is_err());
        assert!(FoldIn::new::<f32>(&[], 0, 0.1, 0.1, 1.0, 2).is_err());
    }

    #[test]
    fn without_any_ridge_a_single_direction_is_ill_conditioned() {
        let fold_in = FoldIn::new(&[0.0f32; 4], 2, 0.0, 0.0, 1.0, 2).unwrap();
        let error = fold_in.solve(&[(&[1.0, 1.0], 1.0, 1.0)]).unwrap_err();
        assert!(error.to_string().contains("ill-conditioned"), "{error}");
    }
}
