//! Eight single-precision values side by side, in the vectors that every processor of a kind has.
//!
//! Spelled out, since a library that is compiled for size leaves loops as they are. Lane by lane
//! the operations are those of scalars, so that the bits are the same on every machine.

#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vbicq_u32, vcltzq_f32, vdupq_n_f32, vld1q_f32, vmulq_f32,
    vreinterpretq_f32_u32, vreinterpretq_u32_f32, vst1q_f32,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128, _mm_add_ps, _mm_andnot_ps, _mm_cmplt_ps, _mm_loadu_ps, _mm_mul_ps, _mm_setzero_ps,
    _mm_storeu_ps,
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

    /// `self` + `a` * `b`, each operation rounded.
    #[inline]
    pub(crate) fn plus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: every processor of this kind has SSE.
        Self([0, 1].map(|at| unsafe { _mm_add_ps(self.0[at], _mm_mul_ps(a.0[at], b.0[at])) }))
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

    /// `self` + `a` * `b`, each operation rounded.
    #[inline]
    pub(crate) fn plus_product(self, a: Self, b: Self) -> Self {
        // SAFETY: every processor of this kind has these instructions.
        Self([0, 1].map(|at| unsafe { vaddq_f32(self.0[at], vmulq_f32(a.0[at], b.0[at])) }))
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

    /// `self` + `a` * `b`, each operation rounded.
    #[inline]
    pub(crate) fn plus_product(mut self, a: Self, b: Self) -> Self {
        for ((sum, a), b) in self.0.iter_mut().zip(a.0).zip(b.0) {
            *sum += a * b;
        }
        self
    }

    /// 0 in the place of what is less than 0.
    #[inline]
    pub(crate) fn relu(self) -> Self {
        Self(self.0.map(|value| if value < 0.0 { 0.0 } else { value }))
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
            let mut found = [0.0; LANES];
            let of = Eight::load(&sum).plus_product(Eight::load(&a), Eight::load(&b));
            of.store(&mut found);
            let mut cut = [0.0; LANES];
            Eight::load(&a).relu().store(&mut cut);
            for at in 0..LANES {
                let expected = sum[at] + a[at] * b[at];
                prop_assert!(
                    found[at].to_bits() == expected.to_bits()
                        || (found[at].is_nan() && expected.is_nan())
                );
                let expected = if a[at] < 0.0 { 0.0 } else { a[at] };
                prop_assert_eq!(cut[at].to_bits(), expected.to_bits());
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
