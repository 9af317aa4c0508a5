//! Sums of outer products, in double precision with the vector instructions of this machine.

use crate::training::neural::arithmetic::fast;

/// Rows that are added at once: so many fewer passes over the sum.
const AT_ONCE: usize = 8;

/// The sum of y yᵀ over `rows` (row-major, `d` values each): row-major, symmetric.
pub(super) fn gram(rows: &[f32], d: usize) -> Vec<f64> {
    let mut sum = vec![0.0; d * d];
    let mut wide = vec![0.0; AT_ONCE * d];
    fast(
        #[inline(always)]
        || {
            for some in rows.chunks(AT_ONCE * d) {
                let (filled, rest) = wide.split_at_mut(some.len());
                filled.iter_mut().zip(some).for_each(|(to, from)| *to = f64::from(*from));
                rest.fill(0.0);
                add(&mut sum, &wide, d);
            }
        },
    );
    for i in 0..d {
        for j in 0..i {
            sum[i * d + j] = sum[j * d + i];
        }
    }
    sum
}

/// The upper triangle of `sum` += the outer products of the rows `wide`.
#[inline(always)]
fn add(sum: &mut [f64], wide: &[f64], d: usize) {
    let row = |at: usize| &wide[at * d..(at + 1) * d];
    for i in 0..d {
        let f: [f64; AT_ONCE] = std::array::from_fn(|at| row(at)[i]);
        let [a, b, c, e]: [&[f64]; 4] = std::array::from_fn(|at| &row(at)[i..]);
        let [k, l, m, n]: [&[f64]; 4] = std::array::from_fn(|at| &row(4 + at)[i..]);
        let first = a.iter().zip(b).zip(c).zip(e);
        let columns = first.zip(k.iter().zip(l).zip(m).zip(n));
        for (value, ((((a, b), c), e), (((k, l), m), n))) in
            sum[i * d + i..(i + 1) * d].iter_mut().zip(columns)
        {
            let one = f[0].mul_add(*a, f[1].mul_add(*b, f[2].mul_add(*c, f[3] * e)));
            let other = f[4].mul_add(*k, f[5].mul_add(*l, f[6].mul_add(*m, f[7] * n)));
            *value += one + other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_of_the_core_for_any_number_of_rows() {
        let rows: Vec<f32> = (0..19 * 21).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        for (d, count) in [(1, 9), (3, 19), (16, 8), (21, 1), (21, 19), (5, 0)] {
            let rows = &rows[..d * count];
            let expected = noctule_core::model::gram(rows, d);
            for (a, b) in gram(rows, d).iter().zip(&expected) {
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }
}
