//! Products of matrices where they lie, on the calling thread, the same bits on every machine.
//!
//! Tiles of the result stay in registers while the inner dimension goes by; columns that do not lie
//! side by side, or are too few to fill a tile, are copied so that they do. Everything that is
//! computed from models, and so every slate, rests on the order of sums that `tile` lays down.
//!
//! # Unsafe code
//! Tiles take pointers. [`Matrix::new`] and [`add`] check that every element that they can reach
//! lies in its slice; `Call` says for each tile why it holds.

mod tile;

use std::ops::Range;

use tile::{Operands, ROWS, Unit};

use crate::{Error, Result};

/// Rows of columns that are copied at once: a tile's fit a quarter of a cache of 32 KB.
const DEPTH: usize = 64;
/// Columns of the widest tile.
const WIDTH_MAX: usize = 32;

/// A matrix that is read: part of a slice, its rows `stride` values apart.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
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
    /// [`Error::Misfit`] when `values` ends before the matrix.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, stride: usize) -> Result<Self> {
        match reach(rows, columns, [stride, 1]) {
            Some(needed) if needed <= values.len() => {
                Ok(Self { values, rows, columns, strides: [stride, 1] })
            }
            _ => Err(misfit(rows, columns)),
        }
    }

    /// The same values with rows and columns exchanged.
    pub fn transposed(self) -> Self {
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
    Error::Misfit { rows, columns }
}

/// `to` += `a` times `b`; the rows of `to` are `stride` values apart.
///
/// Each element is a chain of fused multiplications and additions that begins with what is there
/// and goes through the inner dimension in order.
///
/// # Errors
/// [`Error::Misfit`] when the sizes do not fit each other or `to` ends before the product.
pub fn add(to: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>) -> Result<()> {
    add_by(Unit::fastest(), to, stride, a, b)
}

/// The dot product of each row of `a` with each row of `b`, all of `d` values: a row of the answer
/// for each of `a`. The same bits on every machine.
///
/// # Errors
/// [`Error::Misfit`] when rows are not whole.
pub fn dot_products(a: &[f32], b: &[f32], d: usize) -> Result<Vec<f32>> {
    let (m, n) = (a.len() / d.max(1), b.len() / d.max(1));
    if m * d != a.len() || n * d != b.len() {
        return Err(misfit(m, d));
    }
    let mut products = vec![0.0; m * n];
    add(&mut products, n, Matrix::new(a, m, d, d)?, Matrix::new(b, n, d, d)?.transposed())?;
    Ok(products)
}

/// [`add`] with a unit that this machine has.
fn add_by(unit: Unit, to: &mut [f32], stride: usize, a: Matrix<'_>, b: Matrix<'_>) -> Result<()> {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    // Rows that overlap would be written twice.
    let fits = reach(m, n, [stride, 1]).is_some_and(|needed| needed <= to.len()) && stride >= n;
    if !fits || b.rows != k {
        return Err(misfit(m, n));
    }
    if m == 0 || n == 0 || k == 0 {
        return Ok(());
    }
    // The product of the turned matrices is the turned product. A tile is wide: the longer side of
    // a narrow product is laid along it.
    let (strides, a, b) = if n < unit.columns() / 2 && m > n {
        ([1, stride], b.transposed(), a.transposed())
    } else {
        ([stride, 1], a, b)
    };
    Call { unit, to, strides, a, b }.run();
    Ok(())
}

/// A product whose sizes were checked: element (i, j) of each matrix lies `i * strides[0] +
/// j * strides[1]` values behind the first, and the greatest of these is inside its slice.
struct Call<'c> {
    unit: Unit,
    to: &'c mut [f32],
    strides: [usize; 2],
    a: Matrix<'c>,
    b: Matrix<'c>,
}

impl Call<'_> {
    fn run(mut self) {
        let (width, columns, depth) = (self.unit.columns(), self.b.columns, self.b.rows);
        let mut copied = [0.0; DEPTH * WIDTH_MAX];
        for column in (0..columns).step_by(width) {
            let count = width.min(columns - column);
            if count == width && self.b.strides[1] == 1 {
                let stride = self.b.strides[0];
                // Values from the tile's first to the last of its last row.
                let from = column..column + (depth - 1) * stride + width;
                let values = self.b.values[from].as_ptr();
                self.down(0..depth, column, count, values, stride);
                continue;
            }
            // A chain that goes on from what was written before it has the same bits.
            for from in (0..depth).step_by(DEPTH) {
                let part = from..depth.min(from + DEPTH);
                self.copy(part.clone(), column, count, &mut copied);
                self.down(part, column, count, copied.as_ptr(), width);
            }
        }
    }

    /// Copies `count` columns from `column` on of the rows `part` side by side; what stands behind
    /// them means nothing.
    fn copy(&self, part: Range<usize>, column: usize, count: usize, copied: &mut [f32]) {
        let (width, [row, next]) = (self.unit.columns(), self.b.strides);
        let copied = copied.chunks_exact_mut(width).take(part.len());
        if next == 1 {
            for (i, copied) in part.zip(copied) {
                copied[..count].copy_from_slice(&self.b.values[i * row + column..][..count]);
            }
            return;
        }
        for (i, copied) in part.zip(copied) {
            for (j, copied) in copied[..count].iter_mut().enumerate() {
                *copied = self.b.values[i * row + (column + j) * next];
            }
        }
    }

    /// Adds the products of `part` of the inner dimension to the tiles of `count` columns from
    /// `column` on. At `b` lie these rows, `b_stride` values apart, of a whole tile's columns.
    fn down(
        &mut self,
        part: Range<usize>,
        column: usize,
        count: usize,
        b: *const f32,
        b_stride: usize,
    ) {
        let (width, [row_stride, next]) = (self.unit.columns(), self.strides);
        for row in (0..self.a.rows).step_by(ROWS) {
            let rows = ROWS.min(self.a.rows - row);
            let a_strides = self.a.strides;
            let a = self.a.values[row * a_strides[0] + part.start * a_strides[1]..].as_ptr();
            let depth = part.len();
            let by = Operands { depth, a, a_strides, b, b_stride };
            let first = row * row_stride + column * next;
            if count == width && next == 1 {
                let tile = &mut self.to[first..first + (rows - 1) * row_stride + width];
                // SAFETY: the unit is one of this machine. `a` has these rows and columns, `b` lies
                // as said above, and `tile` reaches from its first value to its last and is
                // borrowed alone.
                unsafe { self.unit.add(rows, tile.as_mut_ptr(), row_stride, by) };
                continue;
            }
            // A tile that is not filled or whose columns lie apart is computed beside.
            let mut tile = [0.0; ROWS * WIDTH_MAX];
            let place = |i: usize, j: usize| first + i * row_stride + j * next;
            for (i, tile) in tile.chunks_exact_mut(width).take(rows).enumerate() {
                tile[..count].iter_mut().enumerate().for_each(|(j, v)| *v = self.to[place(i, j)]);
            }
            // SAFETY: as above; `tile` has room for a whole one.
            unsafe { self.unit.add(rows, tile.as_mut_ptr(), width, by) };
            for (i, tile) in tile.chunks_exact(width).take(rows).enumerate() {
                tile[..count].iter().enumerate().for_each(|(j, v)| self.to[place(i, j)] = *v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Random;

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
            let mut before = values[200..].to_vec();
            before.resize(9 * 11, 0.5);
            let mut to = before.clone();
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

    proptest! {
        #[test]
        fn every_unit_gives_the_bits_of_a_chain_of_fused_operations(
            m in 1usize..40,
            n in 1usize..70,
            k in 1usize..20,
            is_transposed in any::<[bool; 2]>(),
            seed in any::<u64>(),
        ) {
            let mut random = Random::new(seed);
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count).map(|_| random.normal() as f32).collect()
            };
            let (a_values, b_values, before) = (draw(m * k), draw(k * n), draw(m * n));
            let matrix = |values, rows: usize, columns: usize, is_transposed| {
                if is_transposed {
                    Matrix::new(values, columns, rows, rows).unwrap().transposed()
                } else {
                    Matrix::new(values, rows, columns, columns).unwrap()
                }
            };
            let a = matrix(&a_values, m, k, is_transposed[0]);
            let b = matrix(&b_values, k, n, is_transposed[1]);
            let value = |of: Matrix<'_>, i: usize, j: usize| {
                of.values[i * of.strides[0] + j * of.strides[1]]
            };
            let chain = |i: usize, j: usize| {
                let sum = before[i * n + j];
                (0..k).fold(sum, |sum, l| value(a, i, l).mul_add(value(b, l, j), sum))
            };
            for unit in Unit::available() {
                let mut to = before.clone();
                add_by(unit, &mut to, n, a, b).unwrap();
                for (at, found) in to.iter().enumerate() {
                    prop_assert_eq!(found.to_bits(), chain(at / n, at % n).to_bits(), "{:?}", unit);
                }
            }
        }
    }

    #[test]
    fn products_of_rows_are_those_of_each_pair() {
        let products = dot_products(&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, 0.5, 0.5, 0.0, 1.0], 2);
        assert_eq!(products.unwrap(), [1.0, 1.5, 2.0, 3.0, 3.5, 4.0]);
        assert!(dot_products(&[1.0, 2.0], &[], 2).unwrap().is_empty());
        assert!(dot_products(&[1.0], &[1.0, 2.0], 2).is_err());
        assert!(dot_products(&[1.0], &[], 0).is_err());
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
