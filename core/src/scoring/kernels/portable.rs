//! The implementation for every machine, which defines what the others compute.

use super::{STREAMS, Sums};

/// The dot product of two rows of codes of the same length.
pub(super) fn dot_product(query: &[i8], row: &[i8]) -> i32 {
    row.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// The dot products of `query` with the rows `from` to `count` of each stream.
///
/// See [`super::Kernel::scan`]; the others leave their last rows to this one.
pub(super) fn scan_from(
    from: usize,
    query: &[i8],
    streams: [&[i8]; STREAMS],
    count: usize,
    sums: &mut Sums,
) {
    for (rows, sums) in streams.into_iter().zip(sums) {
        let rows = rows.chunks_exact(query.len().max(1)).take(count);
        for (row, sum) in rows.zip(sums).skip(from) {
            *sum = dot_product(query, row);
        }
    }
}
