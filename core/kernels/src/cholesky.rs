//! Cholesky factorisation of small dense systems, in place and without allocation.
//!
//! Matrices are row-major `n * n` slices of which only the upper triangle is read and written:
//! A = UᵀU (Golub and Van Loan, Matrix Computations, section 4.2). Rows are updated four at a
//! time, which keeps the inner loop one pass of contiguous multiply-adds.

use crate::doubles::{self, ADD, SUBTRACT, add_four_rows, add_row};
use crate::{Error, Result};

/// Replaces the upper triangle of the symmetric positive-definite `matrix` by its factor U.
///
/// A pivot that is smaller than the rounding error of its column means that A is not positive
/// definite to working precision.
///
/// # Errors
/// [`Error::IllConditioned`] when A is not positive definite or holds a value that is not finite;
/// the matrix is then half factored and of no use.
pub fn factor(matrix: &mut [f64], n: usize) -> Result<()> {
    let largest = (0..n).map(|i| matrix[i * n + i].abs()).fold(0.0, f64::max);
    let smallest_pivot = largest * f64::EPSILON * n as f64;
    for i in 0..n {
        let (above, rest) = matrix.split_at_mut(i * n);
        let row = &mut rest[i..n];
        subtract_rows_above(row, above, i, n);
        let pivot = row[0];
        // Written so that NaN is refused too.
        if !(pivot > smallest_pivot && pivot.is_finite()) {
            return Err(Error::IllConditioned { index: i, pivot });
        }
        let scale = 1.0 / pivot.sqrt();
        for value in row {
            *value *= scale;
        }
    }
    Ok(())
}

/// row -= sum over the k rows above of U[k][i] * U[k][i..].
fn subtract_rows_above(row: &mut [f64], above: &[f64], i: usize, n: usize) {
    let mut quads = above.chunks_exact(4 * n);
    for quad in &mut quads {
        let (first, second) = quad.split_at(2 * n);
        let (a, b) = (&first[i..n], &first[n + i..]);
        let (c, d) = (&second[i..n], &second[n + i..]);
        add_four_rows::<SUBTRACT>(row, [a[0], b[0], c[0], d[0]], [a, b, c, d]);
    }
    for one in quads.remainder().chunks_exact(n) {
        add_row::<SUBTRACT>(row, one[i], &one[i..]);
    }
}

/// Solves A x = b for the factor U of A; `b` becomes x.
pub fn solve(factor: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let row = &factor[i * n + i..(i + 1) * n];
        let (head, tail) = b[i..n].split_at_mut(1);
        head[0] /= row[0];
        add_row::<SUBTRACT>(tail, head[0], &row[1..]);
    }
    for i in (0..n).rev() {
        let row = &factor[i * n + i..(i + 1) * n];
        let (head, tail) = b[i..n].split_at_mut(1);
        let known: f64 = row[1..].iter().zip(&*tail).map(|(u, x)| u * x).sum();
        head[0] = (head[0] - known) / row[0];
    }
}

/// Solves A X = B for the factor U of A. `b` holds so many `columns` of right-hand sides, row by
/// row, and becomes X: the inner loop runs along a row, which vector units like.
pub fn solve_many(factor: &[f64], n: usize, b: &mut [f64], columns: usize) {
    if columns == 0 {
        return;
    }
    for i in 0..n {
        let (head, tail) = b[i * columns..n * columns].split_at_mut(columns);
        let row = &factor[i * n + i..(i + 1) * n];
        head.iter_mut().for_each(|value| *value /= row[0]);
        for (values, u) in tail.chunks_exact_mut(columns).zip(&row[1..]) {
            add_row::<SUBTRACT>(values, *u, head);
        }
    }
    for i in (0..n).rev() {
        let (head, tail) = b[i * columns..n * columns].split_at_mut(columns);
        let row = &factor[i * n + i..(i + 1) * n];
        for (known, u) in tail.chunks_exact(columns).zip(&row[1..]) {
            add_row::<SUBTRACT>(head, *u, known);
        }
        head.iter_mut().for_each(|value| *value /= row[0]);
    }
}

/// `to` = `factor` * `row`, in double precision; both have one length.
pub fn scale(to: &mut [f64], factor: f64, row: &[f32]) {
    doubles::scale_row(to, factor, row);
}

/// `to` += `factor` * `row`; both have one length.
pub fn add_scaled(to: &mut [f64], factor: f64, row: &[f64]) {
    add_row::<ADD>(to, factor, row);
}

/// The upper triangle of `matrix` += weight * row rowᵀ.
pub fn add_outer(matrix: &mut [f64], n: usize, weight: f64, row: &[f64]) {
    for i in 0..n {
        add_row::<ADD>(&mut matrix[i * n + i..(i + 1) * n], weight * row[i], &row[i..]);
    }
}

/// The upper triangle of `matrix` += sum of w * row rowᵀ over four rows that lie one behind the
/// other in `rows`: a quarter of the loads and stores of four calls of [`add_outer`].
pub fn add_four_outer(matrix: &mut [f64], n: usize, weights: [f64; 4], rows: &[f64]) {
    let (first, second) = rows.split_at(2 * n);
    let ((a, b), (c, d)) = (first.split_at(n), second.split_at(n));
    for i in 0..n {
        let (fa, fb) = (weights[0] * a[i], weights[1] * b[i]);
        let (fc, fd) = (weights[2] * c[i], weights[3] * d[i]);
        let row = &mut matrix[i * n + i..(i + 1) * n];
        let rows = [&a[i..], &b[i..], &c[i..], &d[i..]];
        add_four_rows::<ADD>(row, [fa, fb, fc, fd], rows);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A random positive-definite matrix, as full rows: sum of outer products plus a ridge.
    fn positive_definite(n: usize, values: &[f64]) -> Vec<f64> {
        let mut matrix = vec![0.0; n * n];
        for row in values.chunks_exact(n) {
            for i in 0..n {
                for j in 0..n {
                    matrix[i * n + j] += row[i] * row[j];
                }
            }
        }
        for i in 0..n {
            matrix[i * n + i] += 0.5;
        }
        matrix
    }

    proptest! {
        #[test]
        fn the_solution_satisfies_the_system(
            n in 1usize..13,
            values in prop::collection::vec(-2.0f64..2.0, 13 * 14),
        ) {
            let matrix = positive_definite(n, &values[..n * n]);
            let b = &values[n * n..n * n + n];
            let (mut u, mut x) = (matrix.clone(), b.to_vec());
            factor(&mut u, n).unwrap();
            solve(&u, n, &mut x);
            for i in 0..n {
                let left: f64 = (0..n).map(|j| matrix[i * n + j] * x[j]).sum();
                prop_assert!((left - b[i]).abs() < 1e-9, "row {}: {} and {}", i, left, b[i]);
            }
        }

        #[test]
        fn many_right_hand_sides_are_solved_as_each_alone(
            n in 1usize..9,
            columns in 0usize..6,
            values in prop::collection::vec(-2.0f64..2.0, 8 * 8 + 8 * 5),
        ) {
            let mut u = positive_definite(n, &values[..n * n]);
            factor(&mut u, n).unwrap();
            let b = &values[64..64 + n * columns];
            let mut many = b.to_vec();
            solve_many(&u, n, &mut many, columns);
            for column in 0..columns {
                let mut alone: Vec<f64> = (0..n).map(|i| b[i * columns + column]).collect();
                solve(&u, n, &mut alone);
                for (i, value) in alone.iter().enumerate() {
                    prop_assert!((many[i * columns + column] - value).abs() < 1e-9);
                }
            }
        }

        #[test]
        fn four_rows_at_once_add_what_four_calls_add(
            n in 1usize..9,
            rows in prop::collection::vec(-2.0f64..2.0, 32),
            weights in prop::array::uniform4(0.0f64..3.0),
        ) {
            let (mut once, mut each) = (vec![0.0; n * n], vec![0.0; n * n]);
            add_four_outer(&mut once, n, weights, &rows[..4 * n]);
            for (row, weight) in rows.chunks_exact(n).zip(weights) {
                add_outer(&mut each, n, weight, row);
            }
            for (a, b) in once.iter().zip(&each) {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_singular_an_indefinite_and_a_nan_matrix_are_refused() {
        let nan = f64::NAN;
        for bad in [[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 2.0, 1.0], [1.0, nan, nan, 1.0], [0.0; 4]] {
            let error = factor(&mut bad.clone(), 2).unwrap_err();
            assert!(matches!(error, Error::IllConditioned { .. }), "{bad:?}");
        }
        assert!(factor(&mut [f64::INFINITY], 1).is_err());
    }
}
