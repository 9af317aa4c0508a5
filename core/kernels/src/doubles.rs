//! Double-precision values, two at once, in the vectors that every processor of a kind has.
//!
//! Spelled out, since a library that is compiled for size leaves loops as they are. Lane by lane
//! the operations are those of scalars, so that the bits are the same on every machine.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float64x2_t, vaddq_f64, vcvt_f64_f32, vdupq_n_f64, vld1_f32, vld1q_f64, vmulq_f64, vst1q_f64,
    vsubq_f64, vzip1q_f64, vzip2q_f64,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128d, _mm_add_pd, _mm_castsi128_ps, _mm_cvtps_pd, _mm_loadl_epi64, _mm_loadu_pd, _mm_mul_pd,
    _mm_set1_pd, _mm_storeu_pd, _mm_sub_pd, _mm_unpackhi_pd, _mm_unpacklo_pd,
};

/// Lanes.
pub(crate) const LANES: usize = 2;

/// Two values.
#[derive(Clone, Copy)]
pub(crate) struct Two(
    #[cfg(target_arch = "aarch64")] float64x2_t,
    #[cfg(target_arch = "x86_64")] __m128d,
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))] [f64; LANES],
);

#[cfg(target_arch = "x86_64")]
impl Two {
    #[inline(always)]
    pub(crate) fn all(value: f64) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_set1_pd(value)) }
    }

    #[inline(always)]
    pub(crate) fn widened(values: &[f32; LANES]) -> Self {
        // SAFETY: eight bytes can be read there; no alignment is needed.
        unsafe { Self(_mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64(values.as_ptr().cast())))) }
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        // SAFETY: two values can be read there; no alignment is needed.
        unsafe { Self(_mm_loadu_pd(values.as_ptr())) }
    }

    #[inline(always)]
    pub(crate) fn store(self, values: &mut [f64; LANES]) {
        // SAFETY: two values can be written there; no alignment is needed.
        unsafe { _mm_storeu_pd(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_add_pd(self.0, other.0)) }
    }

    /// The first values of both, and the second ones.
    #[inline(always)]
    pub(crate) fn interleaved(self, other: Self) -> [Self; 2] {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { [Self(_mm_unpacklo_pd(self.0, other.0)), Self(_mm_unpackhi_pd(self.0, other.0))] }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_sub_pd(self.0, other.0)) }
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        unsafe { Self(_mm_mul_pd(self.0, other.0)) }
    }
}

#[cfg(target_arch = "aarch64")]
impl Two {
    #[inline(always)]
    pub(crate) fn all(value: f64) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vdupq_n_f64(value)) }
    }

    #[inline(always)]
    pub(crate) fn widened(values: &[f32; LANES]) -> Self {
        // SAFETY: two values can be read there.
        unsafe { Self(vcvt_f64_f32(vld1_f32(values.as_ptr()))) }
    }

    #[inline(always)]
    fn load(values: &[f64; LANES]) -> Self {
        // SAFETY: two values can be read there.
        unsafe { Self(vld1q_f64(values.as_ptr())) }
    }

    #[inline(always)]
    pub(crate) fn store(self, values: &mut [f64; LANES]) {
        // SAFETY: two values can be written there.
        unsafe { vst1q_f64(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vaddq_f64(self.0, other.0)) }
    }

    /// The first values of both, and the second ones.
    #[inline(always)]
    pub(crate) fn interleaved(self, other: Self) -> [Self; 2] {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { [Self(vzip1q_f64(self.0, other.0)), Self(vzip2q_f64(self.0, other.0))] }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vsubq_f64(self.0, other.0)) }
    }

    #[inline(always)]
    pub(crate) fn times(self, other: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self(vmulq_f64(self.0, other.0)) }
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Two {
    pub(crate) fn all(value: f64) -> Self {
        Self([value; LANES])
    }

    pub(crate) fn widened(values: &[f32; LANES]) -> Self {
        Self(values.map(f64::from))
    }

    fn load(values: &[f64; LANES]) -> Self {
        Self(*values)
    }

    pub(crate) fn store(self, values: &mut [f64; LANES]) {
        *values = self.0;
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }

    /// The first values of both, and the second ones.
    pub(crate) fn interleaved(self, other: Self) -> [Self; 2] {
        [Self([self.0[0], other.0[0]]), Self([self.0[1], other.0[1]])]
    }

    fn minus(self, other: Self) -> Self {
        Self([self.0[0] - other.0[0], self.0[1] - other.0[1]])
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self([self.0[0] * other.0[0], self.0[1] * other.0[1]])
    }
}

/// What is done with a value and a sum of products: it is added, or taken off.
pub(crate) const ADD: bool = true;
pub(crate) const SUBTRACT: bool = false;

/// Replaces `to` by `factor` * `row`, value by value; both have one length.
#[inline(never)]
pub(crate) fn scale_row(to: &mut [f64], factor: f64, row: &[f32]) {
    let all = Two::all(factor);
    let ((pairs, rest), (rows, last)) = (to.as_chunks_mut::<LANES>(), row.as_chunks::<LANES>());
    for (to, row) in pairs.iter_mut().zip(rows) {
        all.times(Two::widened(row)).store(to);
    }
    for (to, row) in rest.iter_mut().zip(last) {
        *to = factor * f64::from(*row);
    }
}

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
            let narrow: Vec<f32> = row(0).iter().map(|value| *value as f32).collect();
            let mut scaled = vec![0.0; n];
            scale_row(&mut scaled, f, &narrow);
            for (scaled, value) in scaled.iter().zip(&narrow) {
                prop_assert_eq!(scaled.to_bits(), (f * f64::from(*value)).to_bits());
            }
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
