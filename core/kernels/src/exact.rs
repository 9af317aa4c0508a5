//! Exact scores of rows, the same on every machine.

/// The exact scores of four rows of the length of `query`: each the products in f64, summed from
/// the first to the last and rounded to f32 once. Four sums run side by side because each waits
/// for itself.
pub fn exact_scores(query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    let [a, b, c, d] = rows;
    let mut sums = [0.0f64; 4];
    for ((((x, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
        let x = f64::from(*x);
        sums[0] += x * f64::from(*a);
        sums[1] += x * f64::from(*b);
        sums[2] += x * f64::from(*c);
        sums[3] += x * f64::from(*d);
    }
    // Adding zero turns -0, which a tiny negative sum rounds to, into 0.
    sums.map(|sum| sum as f32 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_scores_at_once_are_four_sums_in_order() {
        let rows: Vec<f32> = (0..28u8).map(|i| f32::from(i).sin() * 1e3).collect();
        let query = [0.1, -7.5, 1e-3, 3.3, 2.0, -0.7, 1e4];
        let row = |i: usize| &rows[i * 7..(i + 1) * 7];
        let four = exact_scores(&query, [row(0), row(1), row(2), row(3)]);
        for (i, score) in four.iter().enumerate() {
            let pairs = query.iter().zip(row(i));
            let sum = pairs.fold(0.0, |sum, (x, y)| sum + f64::from(*x) * f64::from(*y));
            assert_eq!(*score, sum as f32);
        }
    }
}
