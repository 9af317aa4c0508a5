//! The inverse of a large symmetric positive-definite matrix, in place.
//!
//! The symmetric sweep (Beaton, 1964; Goodnight, 1979) block by block: with D the diagonal block of
//! the coordinates K and W the rows K of the others, a step sets D to -D⁻¹, W to D⁻¹W and the rest
//! to itself minus WᵀD⁻¹W. When all are swept the matrix is the inverse, negated. The diagonal
//! blocks, which stay positive definite, are inverted by Cholesky factorisation; all else are
//! products of matrices, which the tensor library makes at the speed of the machine.

use candle_core::{Device, Tensor};
use noctule_core::model::cholesky;

use crate::{Error, Result};

/// Coordinates swept at once, and rows updated by one product.
const BLOCK: usize = 512;

/// Replaces `matrix`, row-major `n * n`, of which the upper triangle is read, by the upper triangle
/// of its inverse.
///
/// # Errors
/// [`Error::Data`] when it is not positive definite to working precision.
pub(super) fn invert(matrix: &mut [f64], n: usize) -> Result<()> {
    for begin in (0..n).step_by(BLOCK) {
        sweep(matrix, n, begin, (begin + BLOCK).min(n))?;
    }
    for row in 0..n {
        matrix[row * n + row..(row + 1) * n].iter_mut().for_each(|value| *value = -*value);
    }
    Ok(())
}

fn sweep(matrix: &mut [f64], n: usize, begin: usize, end: usize) -> Result<()> {
    let size = end - begin;
    let inverse = inverse_of_block(matrix, n, begin, end)?;
    // The rows K of all other coordinates; 0 in the block itself, which leaves it as it is below.
    let mut rows = vec![0.0; size * n];
    for i in 0..size {
        for column in 0..begin {
            rows[i * n + column] = matrix[column * n + begin + i];
        }
        let row = &matrix[(begin + i) * n..(begin + i + 1) * n];
        rows[i * n + end..(i + 1) * n].copy_from_slice(&row[end..]);
    }
    let cpu = &Device::Cpu;
    let rows = Tensor::from_vec(rows, (size, n), cpu)?;
    let solved = Tensor::from_slice(&inverse, (size, size), cpu)?.matmul(&rows)?;
    for first in (0..n).step_by(BLOCK) {
        let last = (first + BLOCK).min(n);
        let left = rows.narrow(1, first, last - first)?.t()?;
        let product = left.matmul(&solved.narrow(1, first, n - first)?.contiguous()?)?;
        let product = product.flatten_all()?.to_vec1::<f64>()?;
        for (row, product) in (first..last).zip(product.chunks_exact(n - first)) {
            let values = &mut matrix[row * n + row..(row + 1) * n];
            for (value, product) in values.iter_mut().zip(&product[row - first..]) {
                *value -= product;
            }
        }
    }
    let solved = solved.flatten_all()?.to_vec1::<f64>()?;
    for i in 0..size {
        for column in 0..begin {
            matrix[column * n + begin + i] = solved[i * n + column];
        }
        let row = &mut matrix[(begin + i) * n..(begin + i + 1) * n];
        row[end..].copy_from_slice(&solved[i * n + end..(i + 1) * n]);
        for j in i..size {
            row[begin + j] = -inverse[i * size + j];
        }
    }
    Ok(())
}

/// The inverse of the diagonal block, all of it.
fn inverse_of_block(matrix: &[f64], n: usize, begin: usize, end: usize) -> Result<Vec<f64>> {
    let size = end - begin;
    let mut factor = Vec::with_capacity(size * size);
    for row in begin..end {
        factor.extend_from_slice(&matrix[row * n + begin..row * n + end]);
    }
    cholesky::factor(&mut factor, size)
        .map_err(|error| Error::data(format!("from row {begin} on, {error}")))?;
    let mut inverse = vec![0.0; size * size];
    for (column, solution) in inverse.chunks_exact_mut(size).enumerate() {
        solution[column] = 1.0;
        cholesky::solve(&factor, size, solution);
    }
    Ok(inverse)
}

#[cfg(test)]
mod tests {
    use noctule_core::base::{Seed, SeededRandom};

    use super::*;

    #[test]
    fn the_product_with_the_inverse_is_the_identity_over_several_blocks() {
        for n in [1, 3, BLOCK - 1, BLOCK, BLOCK + 37, 2 * BLOCK + 5] {
            let mut random = SeededRandom::new(Seed(n as u64));
            let mut matrix = vec![0.0; n * n];
            for i in 0..n {
                matrix[i * n + i] = 8.0;
                for _ in 0..4.min(n - 1) {
                    let j = random.below(n);
                    if i != j {
                        let value = random.uniform() - 0.5;
                        matrix[i * n + j] += value;
                        matrix[j * n + i] += value;
                    }
                }
            }
            let mut inverse = matrix.clone();
            invert(&mut inverse, n).unwrap();
            let at = |i: usize, j: usize| inverse[i.min(j) * n + i.max(j)];
            for i in (0..n).step_by(1 + n / 23) {
                for j in (0..n).step_by(1 + n / 17) {
                    let product: f64 = (0..n).map(|k| matrix[i * n + k] * at(k, j)).sum();
                    let expected = f64::from(u8::from(i == j));
                    assert!((product - expected).abs() < 1e-10, "{n}: {i}, {j}: {product}");
                }
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        assert!(matches!(invert(&mut [1.0, 2.0, 2.0, 1.0], 2), Err(Error::Data { .. })));
        assert!(invert(&mut [f64::NAN], 1).is_err());
    }
}
