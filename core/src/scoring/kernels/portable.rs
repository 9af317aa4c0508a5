//! The implementation for every machine, which defines what the others compute.

/// The dot products of `query` with the rows behind the first `done` of `codes`.
///
/// See [`super::Kernel::dot_products`]; the others leave their last rows to this one.
pub(super) fn dot_products_from(done: usize, query: &[i8], codes: &[i8], sums: &mut [i32]) {
    let rows = codes.chunks_exact(query.len().max(1));
    for (row, sum) in rows.zip(sums).skip(done) {
        *sum = row.iter().zip(query).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    }
}
