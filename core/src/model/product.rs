//! Products of matrices where they lie, on the calling thread.
//!
//! The kernels are those of candle (its crate `gemm`, with run-time detection of AVX2 and NEON),
//! called without its tensors: candle's own product counts the machine's cores before each call by
//! reading `/proc/cpuinfo`, which takes longer than most products here, and asks a thread pool to
//! help with large ones.
//!
//! # Unsafe code
//! One block, the call of `gemm`, which takes pointers and strides. [`Matrix::new`] and [`add`]
//! check that every element it can reach lies in its slice.

use crate::base::{Error, Result};

/// A matrix that is read: part of a slice, its rows `stride` values apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    /// Values from one row to the next, and from one column to the next.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// `rows` rows of `columns` values, the first value of each `stride` behind that of the row
    /// before it, the very first at the begin of `values`.
    ///
    /// # Errors
    /// [`Error::Model`] when `values` ends before the matrix.
    pub(super) fn new(
        values: &'a [f32],
        rows: usize,
        columns: usize,
        stride: usize,
    ) -> Result<Self> {
        match reach(rows, columns, [stride, 1]) {
            Some(needed) if needed <= values.len() => {
                Ok(Self { values, rows, columns, strides: [stride, 1] })
            }
            _ => Err(misfit(rows, columns)),
        }
    }

    /// The same values with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        let Self { values, rows, columns, strides: [row, column] } = self;
        Self { values, rows: columns, columns: rows, strides: [column, row] }
    }
}

/// Values from the first to the last of a matrix; none when they are too many to count.
fn reach(rows: usize, columns: usize, [row, column]: [usize; 2]) -> Option<usize> {
    if rows == 0 || columns == 0 {
        return Some(0);
    }
    let last = (rows - 1).checked_mul(row)?.checked_add((columns - 1).checked_mul(column)?)?;
    // Pointers are moved by signed numbers.
    (last < isize::MAX as usize / size_of::<f32>()).then_some(last + 1)
}

fn misfit(rows: usize, columns: usize) -> Error {
    Error::Model { reason: format!("a matrix of {rows} x {columns} does not fit its values") }
}

/// `to` += `a` times `b`; the rows of `to` are `stride` values apart.
///
/// # Errors
/// [`Error::Model`] when the sizes do not fit each other or `to` ends before the product.
pub(super) fn add(to: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>) -> Result<()> {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    // Rows that overlap would be written twice.
    let fits = reach(m, n, [stride, 1]).is_some_and(|needed| needed <= to.len()) && stride >= n;
    if !fits || b.rows != k {
        return Err(misfit(m, n));
    }
    if m == 0 || n == 0 || k == 0 {
        return Ok(());
    }
    let [a_row, a_column] = a.strides.map(|stride| stride as isize);
    let [b_row, b_column] = b.strides.map(|stride| stride as isize);
    let (to, a, b) = (to.as_mut_ptr(), a.values.as_ptr(), b.values.as_ptr());
    // SAFETY: element (i, j) of each matrix lies `i * row stride + j * column stride` values behind
    // its pointer. `reach` of each matrix, the greatest of these plus one, is at most the length of
    // its slice (checked above for `to`, in `Matrix::new` for `a` and `b`; transposing changes
    // neither), so every element that `gemm` reads or writes is inside. `to` is borrowed mutably,
    // so it overlaps neither `a` nor `b`, and every value of it is initialised.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            to,
            1,
            stride as isize,
            true,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_product_of_parts_is_the_sum_of_products_and_touches_nothing_else(
            m in 0usize..9,
            n in 0usize..9,
            k in 0usize..9,
            gap in 0usize..3,
            is_transposed in any::<bool>(),
            values in prop::collection::vec(-2.0f32..2.0, 300),
        ) {
            let (a_stride, to_stride) = (k + gap, n + gap);
            let b_stride = if is_transposed { k } else { n } + gap;
            let a = Matrix::new(&values, m, k, a_stride).unwrap();
            let b = if is_transposed {
                Matrix::new(&values[100..], n, k, b_stride).unwrap().transposed()
            } else {
                Matrix::new(&values[100..], k, n, b_stride).unwrap()
            };
            let mut to = values[200..].to_vec();
            to.resize(9 * 11, 0.5);
            let before = to.clone();
            add(&mut to, to_stride, a, b).unwrap();
            for (at, (found, before)) in to.iter().zip(&before).enumerate() {
                let (i, j) = (at / to_stride.max(1), at % to_stride.max(1));
                let mut expected = *before;
                if i < m && j < n {
                    expected += (0..k)
                        .map(|l| {
                            let b = if is_transposed { j * b_stride + l } else { l * b_stride + j };
                            values[i * a_stride + l] * values[100 + b]
                        })
                        .sum::<f32>();
                }
                prop_assert!((found - expected).abs() < 1e-4, "{i} {j}");
            }
        }
    }

    #[test]
    fn a_matrix_that_leaves_its_slice_is_refused() {
        let values = [0.0; 11];
        assert!(Matrix::new(&values, 3, 4, 4).is_err());
        assert!(Matrix::new(&values, 2, 4, 8).is_err());
        assert!(Matrix::new(&values, usize::MAX, 4, usize::MAX).is_err());
        let fits = Matrix::new(&values, 2, 4, 7).unwrap();
        let other = Matrix::new(&values, 3, 2, 2).unwrap();
        assert!(add(&mut [0.0; 9], 2, fits, other).is_err());
        let square = Matrix::new(&values, 2, 2, 2).unwrap();
        for (length, stride) in [(3, 2), (4, 1), (4, usize::MAX)] {
            assert!(add(&mut vec![0.0; length], stride, square, square).is_err());
        }
    }
}
