//! The implementation for every machine, which defines what the others compute.

use super::{STREAMS, Sums};

/// The dot product of two rows of the same length.
pub(in super::super) fn dot_product(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum()
}

/// See [`super::Kernel::dot_products`].
pub(super) fn dot_products(query: &[i8], codes: [&[i8]; STREAMS], sums: &mut Sums) {
    let mut streams = codes.map(|stream| stream.chunks_exact(query.len().max(1)));
    let rows = streams[0].len();
    for row in 0..rows {
        for (stream, sums) in streams.iter_mut().zip(sums.iter_mut()) {
            if let Some(codes) = stream.next() {
                sums[row] = dot_product(query, codes);
            }
        }
    }
}
