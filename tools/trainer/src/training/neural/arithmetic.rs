//! Loops over rows of numbers, compiled for the widest vectors that the machine has.
//!
//! What is called inside [`fast`], closures included, must be inlined into it, or it is compiled
//! for the oldest machine and every fused multiplication is a call. Sums run in sixteen lanes
//! whatever the vectors are, so the bits are the same everywhere.

/// Lanes of sums and of padded rows.
pub(crate) const LANES: usize = 16;

/// 1.5 * 2^23: added to a number and taken away again, it rounds to an integer.
const ROUND: f32 = 12_582_912.0;
const LEAST: f32 = -87.0;
const GREATEST: f32 = 88.0;
/// ln 2 in two parts, the first exact in products with small integers.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// Taylor's coefficients of e^r from r^7 down to r^2.
const TAYLOR: [f32; 6] =
    [1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0];

/// Runs `work` with the vector instructions of this machine.
#[inline(always)]
pub(crate) fn fast<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// `count` rounded up to whole lanes.
pub(crate) const fn padded(count: usize) -> usize {
    count.next_multiple_of(LANES)
}

/// e^x within a few units in the last place for -87 to 88, and that of the bound beyond; NaN stays.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x < LEAST { LEAST } else { x };
    let x = if x > GREATEST { GREATEST } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let [a, b, c, d, e, f] = TAYLOR;
    let power = (((((a * r + b) * r + c) * r + d) * r + e) * r + f) * (r * r) + r + 1.0;
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    power * f32::from_bits(exponent << 23)
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// ln(1 + e^x) without overflow.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    x.max(0.0) + exp(-x.abs()).ln_1p()
}

#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
    let mut eight = [0.0; 8];
    for (at, sum) in eight.iter_mut().enumerate() {
        *sum = lanes[at] + lanes[at + 8];
    }
    let [a, b, c, d, e, f, g, h] = eight;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    total(lanes) + rest.iter().sum::<f32>()
}

/// Whether all of `values` are finite: zero times what is not finite is no number, and a sum of
/// numbers with that is none.
#[inline(always)]
pub(crate) fn all_finite(values: &[f32]) -> bool {
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value * 0.0;
        }
    }
    rest.iter().fold(total(lanes), |sum, value| sum + value * 0.0) == 0.0
}

#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = a.mul_add(*b, *lane);
        }
    }
    total(lanes) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// `to` += `by` * `values`.
#[inline(always)]
pub(crate) fn add_scaled(to: &mut [f32], by: f32, values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to = value.mul_add(by, *to);
    }
}

#[inline(always)]
pub(crate) fn greatest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in whole {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger)
}

/// Replaces `values` by e^(value - greatest) and gives the greatest and the sum of these.
#[inline(always)]
pub(crate) fn exponentials(values: &mut [f32]) -> (f32, f32) {
    let top = greatest(values);
    for value in &mut *values {
        *value = exp(*value - top);
    }
    (top, sum(values))
}

/// Replaces `values` by their exponentials, divided by the sum of these.
#[inline(always)]
pub(crate) fn softmax(values: &mut [f32]) {
    let (_, whole) = exponentials(values);
    let share = 1.0 / whole;
    for value in values {
        *value *= share;
    }
}

/// out = sum over r of weights\[r * step\] * rows\[r * stride..\]; `out` has whole lanes.
#[inline(always)]
pub(crate) fn weighted_sum(
    out: &mut [f32],
    (weights, step): (&[f32], usize),
    (rows, stride): (&[f32], usize),
    count: usize,
) {
    let (blocks, _) = out.as_chunks_mut::<LANES>();
    for (block, out) in blocks.iter_mut().enumerate() {
        let row = |r: usize| &rows[r * stride + block * LANES..][..LANES];
        // Four chains, so that no sum waits for the one before it.
        let mut sums = [[0.0_f32; LANES]; 4];
        let fours = count / 4 * 4;
        for r in (0..fours).step_by(4) {
            for (next, sums) in sums.iter_mut().enumerate() {
                let weight = weights[(r + next) * step];
                for (sum, value) in sums.iter_mut().zip(row(r + next)) {
                    *sum = value.mul_add(weight, *sum);
                }
            }
        }
        for r in fours..count {
            let weight = weights[r * step];
            for (sum, value) in sums[0].iter_mut().zip(row(r)) {
                *sum = value.mul_add(weight, *sum);
            }
        }
        let [a, b, c, d] = &sums;
        for (lane, out) in out.iter_mut().enumerate() {
            *out = (a[lane] + b[lane]) + (c[lane] + d[lane]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exponentials_and_their_kin_agree_with_double_precision(x in -80.0f32..80.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - exact).abs() <= 5e-7 * exact);
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            prop_assert!((f64::from(sigmoid(x)) - exact).abs() < 1e-6);
            let exact = f64::from(x).exp().ln_1p();
            prop_assert!((f64::from(softplus(x)) - exact).abs() <= 1e-6 * exact.max(1e-3));
        }

        #[test]
        fn sums_over_rows_agree_with_plain_ones(
            values in prop::collection::vec(-2.0f32..2.0, 32 * 9),
            weights in prop::collection::vec(-2.0f32..2.0, 27),
            count in 0usize..9,
            step in 1usize..4,
        ) {
            let mut out = [7.0; 32];
            weighted_sum(&mut out, (&weights, step), (&values, 32), count);
            for (at, found) in out.iter().enumerate() {
                let expected: f32 =
                    (0..count).map(|r| weights[r * step] * values[r * 32 + at]).sum();
                prop_assert!((found - expected).abs() < 1e-4);
            }
            let plain: f32 = values.iter().sum();
            prop_assert!((fast(#[inline(always)] || sum(&values)) - plain).abs() < 1e-3);
            let plain: f32 = values[..27].iter().zip(&weights).map(|(a, b)| a * b).sum();
            prop_assert!((dot(&values[..27], &weights) - plain).abs() < 1e-4);
        }
    }

    #[test]
    fn shares_sum_to_one_and_what_is_no_number_shows() {
        let mut values = [1.0, 2.0, -50.0, 2.0];
        softmax(&mut values);
        assert!((sum(&values) - 1.0).abs() < 1e-6 && values[1] == values[3]);
        let mut values = [1.0, f32::NAN];
        softmax(&mut values);
        assert!(values[0].is_nan());
    }

    #[test]
    fn one_value_that_is_not_finite_is_found_wherever_it_is() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 5, 15, 16, 40, 44] {
                let mut values = [1e30; 45];
                assert!(all_finite(&values));
                values[at] = value;
                assert!(!all_finite(&values), "{at} {value}");
            }
        }
    }
}
