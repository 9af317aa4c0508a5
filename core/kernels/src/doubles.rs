//! Rows of double-precision values, two or four values at once, in the vectors that every
//! processor of a kind has.
//!
//! Spelled out, since a library that is compiled for size leaves loops as they are. Lane by lane
//! the operations are those of scalars, so that the bits are the same on every machine.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float64x2_t, vaddq_f64, vdupq_n_f64, vld1q_f64, vmulq_f64, vst1q_f64, vsubq_f64,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128d, _mm_add_pd, _mm_loadu_pd, _mm_mul_pd, _mm_set1_pd, _mm_storeu_pd, _mm_sub_pd,
};

/// Lanes.
const LANES: usize = 2;

/// Two values.
#[derive(Clone, Copy)]
struct Two(
    #[cfg(target_arch = "aarch64")] float64x2_t,
    #[cfg(target_arch = "x86_64")] __m128d,
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))] [f64; LANES],
);

#[cfg(target_arch = "x86_64")]
impl Two {
    #[inline(always)]
    fn all(value: f64) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_set1_pd(value)) }
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        // SAFETY: two values can be read there; no alignment is needed.
        unsafe { Self(_mm_loadu_pd(values.as_ptr())) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f64; LANES]) {
        // SAFETY: two values can be written there; no alignment is needed.
        unsafe { _mm_storeu_pd(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_add_pd(self.0, other.0)) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_sub_pd(self.0, other.0)) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_mul_pd(self.0, other.0)) }
    }
}

#[cfg(target_arch = "aarch64")]
impl Two {
    #[inline(always)]
    fn all(value: f64) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vdupq_n_f64(value)) }
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        // SAFETY: two values can be read there.
        unsafe { Self(vld1q_f64(values.as_ptr())) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f64; LANES]) {
        // SAFETY: two values can be written there.
        unsafe { vst1q_f64(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vaddq_f64(self.0, other.0)) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vsubq_f64(self.0, other.0)) }
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vmulq_f64(self.0, other.0)) }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Two {
    fn all(value: f64) -> Self {
        Self([value; LANES])
    }

    fn load(values: &[f64; LANES]) -> Self {
        Self(*values)
    }

    fn store(self, values: &mut [f64; LANES]) {
        *values = self.0;
    }

    fn plus(self, other: Self) -> Self {
        Self([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }

    fn minus(self, other: Self) -> Self {
        Self([self.0[0] - other.0[0], self.0[1] - other.0[1]])
    }

    fn times(self, other: Self) -> Self {
        Self([self.0[0] * other.0[0], self.0[1] * other.0[1]])
    }
}

/// What is done with a value and a sum of products: it is added, or taken off.
pub(crate) const ADD: bool = true;
pub(crate) const SUBTRACT: bool = false;

/// `to` plus or minus `factor` * `row`, value by value; both have one length.
#[inline(never)]
pub(crate) fn add_row<const SIGN: bool>(to: &mut [f64], factor: f64, row: &[f64]) {
    let all = Two::all(factor);
    let ((pairs, rest), (rows, last)) = (to.as_chunks_mut::<LANES>(), row.as_chunks::<LANES>());
    for (to, row) in pairs.iter_mut().zip(rows) {
        let product = all.times(Two::load(row));
        let value = Two::load(to);
        let value = if SIGN { value.plus(product) } else { value.minus(product) };
        value.store(to);
    }
    for (to, row) in rest.iter_mut().zip(last) {
        *to = if SIGN { *to + factor * row } else { *to - factor * row };
    }
}

/// `to` plus or minus (f0 r0 + f1 r1) + (f2 r2 + f3 r3) of `factors` f and `rows` r, value by
/// value; all rows are at least as long as `to`.
#[inline(never)]
pub(crate) fn add_four_rows<const SIGN: bool>(
    to: &mut [f64],
    factors: [f64; 4],
    rows: [&[f64]; 4],
) {
    let all = factors.map(Two::all);
    let (pairs, rest) = to.as_chunks_mut::<LANES>();
    let [a, b, c, d] = rows.map(|row| row.as_chunks::<LANES>().0);
    let whole = pairs.len() * LANES;
    for ((((to, a), b), c), d) in pairs.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let product = |at: usize, row| all[at].times(Two::load(row));
        let sum = product(0, a).plus(product(1, b)).plus(product(2, c).plus(product(3, d)));
        let value = Two::load(to);
        let value = if SIGN { value.plus(sum) } else { value.minus(sum) };
        value.store(to);
    }
    for (at, to) in rest.iter_mut().enumerate() {
        let product = |of: usize| factors[of] * rows[of][whole + at];
        let sum = (product(0) + product(1)) + (product(2) + product(3));
        *to = if SIGN { *to + sum } else { *to - sum };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_added_as_scalars_are_to_the_bit(
            n in 0usize..12,
            values in prop::collection::vec(-1e3f64..1e3, 12 * 5),
            factors in prop::array::uniform4(-3.0f64..3.0),
        ) {
            let row = |at: usize| &values[at * 12..at * 12 + n];
            let [f, g, h, k] = factors;
            for one in [1.0, -1.0] {
                let (mut once, mut four) = (row(4).to_vec(), row(4).to_vec());
                let rows = [0, 1, 2, 3].map(row);
                if one > 0.0 {
                    add_row::<ADD>(&mut once, f, row(0));
                    add_four_rows::<ADD>(&mut four, factors, rows);
                } else {
                    add_row::<SUBTRACT>(&mut once, f, row(0));
                    add_four_rows::<SUBTRACT>(&mut four, factors, rows);
                }
                for at in 0..n {
                    let [a, b, c, d] = [0, 1, 2, 3].map(|i| row(i)[at]);
                    prop_assert_eq!(once[at].to_bits(), (row(4)[at] + one * (f * a)).to_bits());
                    let sum = (f * a + g * b) + (h * c + k * d);
                    prop_assert_eq!(four[at].to_bits(), (row(4)[at] + one * sum).to_bits());
                }
            }
        }
    }
}
