//! The implementation for every machine, which defines what the others compute.

use super::{STREAMS, Sums};

/// The dot product of two rows of the same length.
pub(in super::super) fn dot_product(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// The dot products of the rows behind the first `done` of each stream.
///
/// See [`super::Kernel::dot_products`]; the others leave their last rows to this one.
pub(super) fn dot_products_from(
    done: usize,
    query: &[i8],
    codes: [&[i8]; STREAMS],
    sums: &mut Sums,
) {
    let d = query.len();
    let rows = codes[0].len() / d.max(1);
    for row in done..rows {
        for (stream, sums) in codes.iter().zip(sums.iter_mut()) {
            sums[row] = dot_product(query, &stream[row * d..(row + 1) * d]);
        }
    }
}
