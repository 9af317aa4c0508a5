//! The Gram matrix of one side: all that a fold-in needs of items nobody chose.

use noctule_kernels::cholesky;

/// G = sum of y yᵀ over `rows` (row-major, `dimensions` values each): row-major, symmetric.
#[must_use]
pub fn gram(rows: &[f32], dimensions: usize) -> Vec<f64> {
    let d = dimensions;
    let mut sum = vec![0.0; d * d];
    let mut quad = vec![0.0; 4 * d];
    let mut fours = rows.chunks_exact((4 * d).max(1));
    for four in &mut fours {
        widen(&mut quad, four);
        cholesky::add_four_outer(&mut sum, d, [1.0; 4], &quad);
    }
    for one in fours.remainder().chunks_exact(d.max(1)) {
        widen(&mut quad[..d], one);
        cholesky::add_outer(&mut sum, d, 1.0, &quad[..d]);
    }
    for i in 0..d {
        for j in 0..i {
            sum[i * d + j] = sum[j * d + i];
        }
    }
    sum
}

/// Copies `from` to `to` in double precision.
pub(super) fn widen(to: &mut [f64], from: &[f32]) {
    cholesky::scale(to, 1.0, from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_outer_products_is_symmetric_for_any_number_of_rows() {
        let rows: Vec<f32> = (0..14).map(|i| i as f32 - 5.0).collect();
        for count in [0, 1, 3, 4, 7] {
            let sum = gram(&rows[..count * 2], 2);
            let by_hand = |i: usize, j: usize| {
                let rows = rows[..count * 2].chunks_exact(2);
                rows.map(|row| f64::from(row[i]) * f64::from(row[j])).sum::<f64>()
            };
            assert_eq!(sum, [by_hand(0, 0), by_hand(0, 1), by_hand(1, 0), by_hand(1, 1)]);
        }
        assert!(gram(&[], 0).is_empty());
    }
}
