//! The implementation for every machine, which defines what the others compute.

use super::{BLOCK, Reach, STREAMS, Sums};

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
    let d = query.len();
    for (rows, sums) in streams.into_iter().zip(sums) {
        let rows = rows[from * d..count * d].chunks_exact(d.max(1));
        for (row, sum) in rows.zip(&mut sums[from..count]) {
            *sum = dot_product(query, row);
        }
    }
}

/// See [`super::Kernel::reaching`]; rows before `from` are left out.
pub(super) fn reaching_from(from: usize, reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
    let reaches = |i: usize| reach.upper(scales[i], sums[i]) >= reach.floor;
    (from..scales.len()).fold(0, |rows, i| rows | u64::from(reaches(i)) << i)
}
