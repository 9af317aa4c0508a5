//! Exact scores of rows, the same on every machine.

use crate::doubles::{LANES, Two};

/// The exact scores of four rows of the length of `query`: each the products in f64, summed from
/// the first to the last and rounded to f32 once. Four sums run side by side because each waits
/// for itself.
pub fn exact_scores(query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    let (whole, rest) = query.as_chunks::<LANES>();
    let [a, b, c, d] = rows.map(|row| row.as_chunks::<LANES>());
    let (mut first, mut second) = (Two::all(0.0), Two::all(0.0));
    for ((((x, a), b), c), d) in whole.iter().zip(a.0).zip(b.0).zip(c.0).zip(d.0) {
        let ab = Two::widened(a).interleaved(Two::widened(b));
        let cd = Two::widened(c).interleaved(Two::widened(d));
        for at in 0..LANES {
            let x = Two::all(f64::from(x[at]));
            first = first.plus(x.times(ab[at]));
            second = second.plus(x.times(cd[at]));
        }
    }
    let (mut ab, mut cd) = ([0.0; LANES], [0.0; LANES]);
    first.store(&mut ab);
    second.store(&mut cd);
    let mut sums = [ab[0], ab[1], cd[0], cd[1]];
    if let [x] = rest {
        for (sum, (_, last)) in sums.iter_mut().zip([a, b, c, d]) {
            *sum += last.first().map_or(0.0, |value| f64::from(*x) * f64::from(*value));
        }
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
        for d in 0..=7 {
            let row = |i: usize| &rows[i * d..(i + 1) * d];
            let four = exact_scores(&query[..d], [row(0), row(1), row(2), row(3)]);
            for (i, score) in four.iter().enumerate() {
                let pairs = query.iter().zip(row(i));
                let sum = pairs.fold(0.0, |sum, (x, y)| sum + f64::from(*x) * f64::from(*y));
                assert_eq!(*score, sum as f32);
            }
        }
    }
}
