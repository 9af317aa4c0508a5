//! The implementation for every machine, which defines what the others compute.

use super::{BLOCK, Reach, STREAMS, ScanQuery, Sums};

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

/// The two codes of a byte of each plane.
fn joined(high: u8, low: u8) -> [i8; 2] {
    [(high << 4 | low & 15) as i8, (high & 0xf0 | low >> 4) as i8]
}

/// See [`super::Kernel::dot_planes`]; bytes before `from` are left out.
pub(super) fn dot_planes_from(from: usize, query: &ScanQuery, high: &[u8], low: &[u8]) -> i32 {
    let queries = query.even[from..].iter().zip(&query.odd[from..]);
    let bytes = high[from..].iter().zip(&low[from..]);
    let products = queries.zip(bytes).map(|((even, odd), (high, low))| {
        let [first, second] = joined(*high, *low);
        i32::from(*even) * i32::from(first) + i32::from(*odd) * i32::from(second)
    });
    products.sum()
}

/// See [`super::Kernel::join_planes`]; bytes before `from` are left out.
pub(super) fn join_planes_from(from: usize, high: &[u8], low: &[u8], codes: &mut [i8]) {
    let (pairs, _) = codes.as_chunks_mut::<2>();
    for (pair, (high, low)) in pairs.iter_mut().zip(high.iter().zip(low)).skip(from) {
        *pair = joined(*high, *low);
    }
}

/// See [`super::Kernel::reaching`]; rows before `from` are left out.
pub(super) fn reaching_from(from: usize, reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
    let reaches = |i: usize| reach.upper(scales[i], sums[i]) >= reach.floor;
    (from..scales.len()).fold(0, |rows, i| rows | u64::from(reaches(i)) << i)
}
