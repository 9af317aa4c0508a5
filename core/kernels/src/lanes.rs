//! Eight single-precision values side by side, in the vectors that every processor of a kind has.
//!
//! Spelled out, since a library that is compiled for size leaves loops as they are. Lane by lane
//! the operations are those of scalars, so that the bits are the same on every machine.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_f32, vaddq_u32, vbicq_u32, vbslq_f32, vcgtq_f32, vcltq_f32,
    vcltzq_f32, vdivq_f32, vdupq_n_f32, vdupq_n_u32, vld1q_f32, vmulq_f32, vreinterpretq_f32_u32,
    vreinterpretq_u32_f32, vshlq_n_u32, vst1q_f32, vsubq_f32,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128, _mm_add_epi32, _mm_add_ps, _mm_and_ps, _mm_andnot_ps, _mm_castps_si128,
    _mm_castsi128_ps, _mm_cmplt_ps, _mm_div_ps, _mm_loadu_ps, _mm_max_ps, _mm_min_ps, _mm_mul_ps,
    _mm_or_ps, _mm_set1_epi32, _mm_set1_ps, _mm_setzero_ps, _mm_slli_epi32, _mm_storeu_ps,
    _mm_sub_ps,
};

/// Lanes.
pub(crate) const LANES: usize = 8;

#[cfg(target_arch = "aarch64")]
type Vector = [float32x4_t; 2];
#[cfg(target_arch = "x86_64")]
type Vector = [__m128; 2];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Vector = [f32; LANES];

/// Eight values.
#[derive(Clone, Copy)]
pub(crate) struct Eight(Vector);

/// Defines operations on two operands by those on each half.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! of_halves {
    ($($(#[$doc:meta])* $name:ident = $half:expr;)+) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(self, other: Self) -> Self {
            let ([a, b], [c, d]) = (self.0, other.0);
            // SAFETY: every processor of this kind has these instructions.
            unsafe { Self([$half(a, c), $half(b, d)]) }
        }
    )+};
}

#[cfg(target_arch = "x86_64")]
impl Eight {
    #[inline]
    pub(crate) fn zeros() -> Self {
        // SAFETY: every processor of this kind has SSE.
        unsafe { Self([_mm_setzero_ps(); 2]) }
    }

    #[inline]
    pub(crate) fn load(values: &[f32; LANES]) -> Self {
        let from = values.as_ptr();
        // SAFETY: both halves lie within the eight values.
        unsafe { Self([_mm_loadu_ps(from), _mm_loadu_ps(from.add(4))]) }
    }

    #[inline]
    pub(crate) fn store(self, values: &mut [f32; LANES]) {
        let to = values.as_mut_ptr();
        // SAFETY: both halves lie within the eight values.
        unsafe {
            _mm_storeu_ps(to, self.0[0]);
            _mm_storeu_ps(to.add(4), self.0[1]);
        }
    }

    of_halves! {
        plus = _mm_add_ps;
        minus = _mm_sub_ps;
        times = _mm_mul_ps;
        over = _mm_div_ps;
        /// `other` where it is greater, and `self` where it is not: where one is no number, too.
        larger = |own, other| _mm_max_ps(other, own);
        /// `other` where it is less, and `self` where it is not.
        smaller = |own, other| _mm_min_ps(other, own);
    }

    #[inline(always)]
    pub(crate) fn all(value: f32) -> Self {
        // SAFETY: every processor of this kind has SSE.
        unsafe { Self([_mm_set1_ps(value); 2]) }
    }

    /// Without their signs.
    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        // SAFETY: every processor of this kind has SSE.
        Self(self.0.map(|half| unsafe { _mm_andnot_ps(_mm_set1_ps(-0.0), half) }))
    }

    /// `a` where this is less than 0, and `b` where it is not.
    #[inline(always)]
    pub(crate) fn where_negative(self, a: Self, b: Self) -> Self {
        let pick = |at: usize| {
            // SAFETY: every processor of this kind has SSE.
            unsafe {
                let mask = _mm_cmplt_ps(self.0[at], _mm_setzero_ps());
                _mm_or_ps(_mm_and_ps(mask, a.0[at]), _mm_andnot_ps(mask, b.0[at]))
            }
        };
        Self([pick(0), pick(1)])
    }

    /// The values whose bits are these, plus `offset`, shifted to where an exponent stands.
    #[inline(always)]
    pub(crate) fn as_exponents(self, offset: u32) -> Self {
        // SAFETY: every processor of this kind has SSE2.
        Self(self.0.map(|half| unsafe {
            let bits = _mm_add_epi32(_mm_castps_si128(half), _mm_set1_epi32(offset as i32));
            _mm_castsi128_ps(_mm_slli_epi32::<23>(bits))
        }))
    }

    /// 0 in the place of what is less than 0.
    #[inline]
    pub(crate) fn relu(self) -> Self {
        // SAFETY: every processor of this kind has SSE.
        Self(
            self.0.map(|half| unsafe { _mm_andnot_ps(_mm_cmplt_ps(half, _mm_setzero_ps()), half) }),
        )
    }
}

#[cfg(target_arch = "aarch64")]
impl Eight {
    #[inline]
    pub(crate) fn zeros() -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self([vdupq_n_f32(0.0); 2]) }
    }

    #[inline]
    pub(crate) fn load(values: &[f32; LANES]) -> Self {
        let from = values.as_ptr();
        // SAFETY: both halves lie within the eight values.
        unsafe { Self([vld1q_f32(from), vld1q_f32(from.add(4))]) }
    }

    #[inline]
    pub(crate) fn store(self, values: &mut [f32; LANES]) {
        let to = values.as_mut_ptr();
        // SAFETY: both halves lie within the eight values.
        unsafe {
            vst1q_f32(to, self.0[0]);
            vst1q_f32(to.add(4), self.0[1]);
        }
    }

    of_halves! {
        plus = vaddq_f32;
        minus = vsubq_f32;
        times = vmulq_f32;
        over = vdivq_f32;
        /// `other` where it is greater, and `self` where it is not: where one is no number, too.
        larger = |own, other| vbslq_f32(vcgtq_f32(other, own), other, own);
        /// `other` where it is less, and `self` where it is not.
        smaller = |own, other| vbslq_f32(vcltq_f32(other, own), other, own);
    }

    #[inline(always)]
    pub(crate) fn all(value: f32) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        unsafe { Self([vdupq_n_f32(value); 2]) }
    }

    /// Without their signs.
    #[inline(always)]
    pub(crate) fn abs(self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        Self(self.0.map(|half| unsafe { vabsq_f32(half) }))
    }

    /// `a` where this is less than 0, and `b` where it is not.
    #[inline(always)]
    pub(crate) fn where_negative(self, a: Self, b: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        let pick = |at: usize| unsafe { vbslq_f32(vcltzq_f32(self.0[at]), a.0[at], b.0[at]) };
        Self([pick(0), pick(1)])
    }

    /// The values whose bits are these, plus `offset`, shifted to where an exponent stands.
    #[inline(always)]
    pub(crate) fn as_exponents(self, offset: u32) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        Self(self.0.map(|half| unsafe {
            let bits = vaddq_u32(vreinterpretq_u32_f32(half), vdupq_n_u32(offset));
            vreinterpretq_f32_u32(vshlq_n_u32::<23>(bits))
        }))
    }

    /// 0 in the place of what is less than 0.
    #[inline]
    pub(crate) fn relu(self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        Self(self.0.map(|half| unsafe {
            vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(half), vcltzq_f32(half)))
        }))
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Eight {
    #[inline]
    pub(crate) fn zeros() -> Self {
        Self([0.0; LANES])
    }

    #[inline]
    pub(crate) fn load(values: &[f32; LANES]) -> Self {
        Self(*values)
    }

    #[inline]
    pub(crate) fn store(self, values: &mut [f32; LANES]) {
        *values = self.0;
    }

    fn with(self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|at| of(self.0[at], other.0[at])))
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    pub(crate) fn times(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    pub(crate) fn over(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    /// `other` where it is greater, and `self` where it is not: where one is no number, too.
    pub(crate) fn larger(self, other: Self) -> Self {
        self.with(other, |a, b| if b > a { b } else { a })
    }

    /// `other` where it is less, and `self` where it is not.
    pub(crate) fn smaller(self, other: Self) -> Self {
        self.with(other, |a, b| if b < a { b } else { a })
    }

    pub(crate) fn all(value: f32) -> Self {
        Self([value; LANES])
    }

    /// Without their signs.
    pub(crate) fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    /// `a` where this is less than 0, and `b` where it is not.
    pub(crate) fn where_negative(self, a: Self, b: Self) -> Self {
        let pick = |at: usize| if self.0[at] < 0.0 { a.0[at] } else { b.0[at] };
        Self(std::array::from_fn(pick))
    }

    /// The values whose bits are these, plus `offset`, shifted to where an exponent stands.
    pub(crate) fn as_exponents(self, offset: u32) -> Self {
        Self(self.0.map(|value| f32::from_bits(value.to_bits().wrapping_add(offset) << 23)))
    }

    /// 0 in the place of what is less than 0.
    #[inline]
    pub(crate) fn relu(self) -> Self {
        Self(self.0.map(|value| if value < 0.0 { 0.0 } else { value }))
    }
}

impl Eight {
    /// `self` + `a` * `b`, each operation rounded.
    #[inline(always)]
    pub(crate) fn plus_product(self, a: Self, b: Self) -> Self {
        self.plus(a.times(b))
    }

    /// The values themselves.
    #[inline(always)]
    pub(crate) fn values(self) -> [f32; LANES] {
        let mut values = [0.0; LANES];
        self.store(&mut values);
        values
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lanes_are_scalars_to_the_bit(
            sum in any::<[f32; LANES]>(),
            a in any::<[f32; LANES]>(),
            b in any::<[f32; LANES]>(),
        ) {
            let (x, y, z) = (Eight::load(&sum), Eight::load(&a), Eight::load(&b));
            let found = [
                x.plus_product(y, z),
                y.relu(),
                x.minus(y),
                x.over(y),
                x.larger(y),
                x.smaller(y),
                x.abs(),
                x.where_negative(y, z),
                x.as_exponents(7),
                Eight::all(b[0]),
            ];
            let found = found.map(Eight::values);
            for at in 0..LANES {
                let (x, y, z) = (sum[at], a[at], b[at]);
                let expected = [
                    x + y * z,
                    if y < 0.0 { 0.0 } else { y },
                    x - y,
                    x / y,
                    if y > x { y } else { x },
                    if y < x { y } else { x },
                    x.abs(),
                    if x < 0.0 { y } else { z },
                    f32::from_bits(x.to_bits().wrapping_add(7) << 23),
                    b[0],
                ];
                for (of, expected) in found.iter().zip(expected) {
                    prop_assert!(
                        of[at].to_bits() == expected.to_bits()
                            || (of[at].is_nan() && expected.is_nan())
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_and_a_zero_with_a_sign_stay() {
        let mut cut = [0.0; LANES];
        Eight::load(&[f32::NAN, -0.0, -1.0, 1.0, 0.0, f32::INFINITY, f32::NEG_INFINITY, -1e-40])
            .relu()
            .store(&mut cut);
        assert!(cut[0].is_nan() && cut[1].is_sign_negative());
        assert_eq!(cut[1..], [0.0, 0.0, 1.0, 0.0, f32::INFINITY, 0.0, 0.0]);
    }
}
