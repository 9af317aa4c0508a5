//! What stands between two matrix products: sums, exponentials, norms, in eight lanes.
//!
//! Lanes and what is left of them at the end are computed by the same operations in the same
//! order, so that a value does not depend on where it stands.

use crate::lanes::{Eight, LANES};

/// 1.5 * 2^23: added to a number and taken away again, it rounds to an integer.
const ROUND: f32 = 12_582_912.0;
/// Where e^x would leave the range of normal numbers.
const LEAST: f32 = -87.0;
const GREATEST: f32 = 88.0;
/// ln 2 in two parts, the first exact in products with small integers.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// e^r for |r| <= ln 2 / 2: r^7 and down; Taylor's, whose rest is below half a unit there.
const TAYLOR: [f32; 6] =
    [1.0 / 5_040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 1.0 / 2.0];

/// e^x within 3 units in the last place for -87 to 88, and that of the bound beyond; NaN for NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Comparisons that are false for NaN keep it.
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

/// [`exp`] of each.
#[inline(always)]
fn exp_of_eight(x: Eight) -> Eight {
    let all = Eight::all;
    let x = x.larger(all(LEAST)).smaller(all(GREATEST));
    let rounded = x.times(all(std::f32::consts::LOG2_E)).plus(all(ROUND));
    let n = rounded.minus(all(ROUND));
    let r = x.minus(n.times(all(LN_2_HIGH))).minus(n.times(all(LN_2_LOW)));
    let [a, b, c, d, e, f] = TAYLOR.map(all);
    let series = a.times(r).plus(b).times(r).plus(c).times(r).plus(d).times(r).plus(e).times(r);
    let power = series.plus(f).times(r.times(r)).plus(r).plus(all(1.0));
    power.times(rounded.as_exponents(127_u32.wrapping_sub(ROUND.to_bits())))
}

/// The sum of `values`, in eight lanes.
pub fn sum(values: &[f32]) -> f32 {
    let (eights, rest) = values.as_chunks::<LANES>();
    let sums = eights.iter().fold(Eight::zeros(), |sums, eight| sums.plus(Eight::load(eight)));
    total(sums.values()) + rest.iter().sum::<f32>()
}

/// The sum of products, in eight lanes.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = Eight::zeros();
    for (a, b) in a.iter().zip(b) {
        sums = sums.plus_product(Eight::load(a), Eight::load(b));
    }
    total(sums.values()) + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

fn total(lanes: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

fn greatest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let (eights, rest) = values.as_chunks::<LANES>();
    let lanes = eights
        .iter()
        .fold(Eight::all(f32::NEG_INFINITY), |lanes, eight| lanes.larger(Eight::load(eight)));
    lanes.values().into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger)
}

/// Replaces `values` by what `eight` makes of eight of them and `one` of those behind the last.
#[inline(always)]
fn replace(values: &mut [f32], eight: impl Fn(Eight) -> Eight, one: impl Fn(f32) -> f32) {
    let (eights, rest) = values.as_chunks_mut::<LANES>();
    eights.iter_mut().for_each(|values| eight(Eight::load(values)).store(values));
    rest.iter_mut().for_each(|value| *value = one(*value));
}

/// Replaces `values` by their exponentials, divided by the sum of these.
pub fn softmax(values: &mut [f32]) {
    let top = greatest(values);
    let tops = Eight::all(top);
    replace(values, |eight| exp_of_eight(eight.minus(tops)), |value| exp(value - top));
    let share = 1.0 / sum(values);
    let shares = Eight::all(share);
    replace(values, |eight| eight.times(shares), |value| value * share);
}

/// Normalises each row of `d` values: (x - mean) / root(variance + epsilon) * weight + bias.
pub fn layer_norm(rows: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) -> Vec<f32> {
    let d = weight.len();
    let mut out = rows[..rows.len() - rows.len() % d.max(1)].to_vec();
    for row in out.chunks_exact_mut(d.max(1)) {
        let mean = sum(row) / d as f32;
        let means = Eight::all(mean);
        replace(row, |eight| eight.minus(means), |value| value - mean);
        let variance = dot(row, row) / d as f32;
        let scale = 1.0 / (variance + epsilon).sqrt();
        let scales = Eight::all(scale);
        replace(row, |eight| eight.times(scales), |value| value * scale);
        let (weights, weights_left) = weight.as_chunks::<LANES>();
        let (biases, biases_left) = bias.as_chunks::<LANES>();
        let (eights, left) = row.as_chunks_mut::<LANES>();
        for ((values, weight), bias) in eights.iter_mut().zip(weights).zip(biases) {
            let scaled = Eight::load(values).times(Eight::load(weight));
            scaled.plus(Eight::load(bias)).store(values);
        }
        for ((value, weight), bias) in left.iter_mut().zip(weights_left).zip(biases_left) {
            *value = *value * weight + bias;
        }
    }
    out
}

/// Replaces each value that is less than 0 by 0; what is no number stays.
pub fn relu(values: &mut [f32]) {
    // False for NaN, which stays.
    replace(values, Eight::relu, |value| if value < 0.0 { 0.0 } else { value });
}

/// Replaces each value x by x times the normal distribution function of x (Hendrycks and Gimpel,
/// 2016).
pub fn gelu(values: &mut [f32]) {
    replace(values, gelu_of_eight, gelu_of);
}

/// [`gelu_of`] each.
#[inline(always)]
fn gelu_of_eight(x: Eight) -> Eight {
    let all = Eight::all;
    let z = x.abs().times(all(std::f32::consts::FRAC_1_SQRT_2));
    let t = all(1.0).over(all(1.0).plus(all(ERF_P).times(z)));
    let [a, b, c, d, e] = ERF.map(all);
    let series = a.times(t).plus(b).times(t).plus(c).times(t).plus(d).times(t).plus(e).times(t);
    let exponential = exp_of_eight(all(-1.0).times(z).times(z));
    let tail = all(0.5).times(series).times(exponential);
    x.times(x.where_negative(tail, all(1.0).minus(tail)))
}

/// Coefficients of erf, Abramowitz and Stegun 7.1.26, the highest power first.
const ERF: [f32; 5] = [1.061_405_4, -1.453_152_1, 1.421_413_8, -0.284_496_72, 0.254_829_6];
const ERF_P: f32 = 0.327_591_1;

/// x * normal distribution function(x), with erf as Abramowitz and Stegun 7.1.26 have it (error
/// below 1.5e-7).
#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + ERF_P * z);
    let [a, b, c, d, e] = ERF;
    let series = ((((a * t + b) * t + c) * t + d) * t + e) * t;
    // The part of the normal distribution beyond |x|.
    let tail = 0.5 * series * exp(-z * z);
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exp_agrees_with_double_precision(x in -87.0f32..88.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - exact).abs() <= 4e-7 * exact, "{x}");
        }

        #[test]
        fn sums_and_products_agree_with_double_precision(
            values in prop::collection::vec(-3.0f32..3.0, 0..70),
        ) {
            let exact: f64 = values.iter().map(|value| f64::from(*value)).sum();
            prop_assert!((f64::from(sum(&values)) - exact).abs() < 1e-4);
            let exact: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
            prop_assert!((f64::from(dot(&values, &values)) - exact).abs() < 1e-4 * (1.0 + exact));
        }

        #[test]
        fn a_softmax_agrees_with_double_precision(
            values in prop::collection::vec(-50.0f32..50.0, 1..40),
        ) {
            let mut shares = values.clone();
            softmax(&mut shares);
            let whole: f64 = values.iter().map(|value| f64::from(*value).exp()).sum();
            for (value, share) in values.iter().zip(shares) {
                let exact = f64::from(*value).exp() / whole;
                prop_assert!((f64::from(share) - exact).abs() < 1e-6);
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_does_not_depend_on_where_it_stands(
            values in prop::collection::vec(-40.0f32..40.0, 1..30),
        ) {
            for of in [gelu, relu] {
                let mut all = values.clone();
                of(&mut all);
                for (value, found) in values.iter().zip(all) {
                    let mut one = [*value];
                    of(&mut one);
                    prop_assert_eq!(one[0].to_bits(), found.to_bits(), "{}", value);
                }
            }
            let eight = std::array::from_fn(|at| *values.get(at).unwrap_or(&f32::NAN));
            for (value, found) in eight.iter().zip(exp_of_eight(Eight::load(&eight)).values()) {
                prop_assert!(exp(*value).to_bits() == found.to_bits() || found.is_nan());
                prop_assert_eq!(value.is_nan(), found.is_nan());
            }
        }
    }

    #[test]
    fn a_normalised_row_has_mean_bias_and_the_scale_of_the_weight() {
        let out = layer_norm(&[1.0, 3.0], &[2.0, 2.0], &[0.5, 0.5], 0.0);
        assert_eq!(out, [-1.5, 2.5]);
    }

    #[test]
    fn activations_agree_with_known_values() {
        let mut values = [-2.0, 0.0, 3.0];
        relu(&mut values);
        assert_eq!(values, [0.0, 0.0, 3.0]);
        // x * (1 + erf(x / root 2)) / 2, by Python's math.erf.
        let mut values = [-3.0, -1.0, 0.5, 2.0];
        gelu(&mut values);
        for (value, exact) in
            values.iter().zip([-0.004_049_69, -0.158_655_26, 0.345_731_2, 1.954_499_7])
        {
            assert!((value - exact).abs() < 1e-6, "{value} and {exact}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        assert!(exp(f32::NAN).is_nan());
        for activation in [relu, gelu] {
            let mut values = [f32::NAN];
            activation(&mut values);
            assert!(values[0].is_nan());
        }
    }
}
