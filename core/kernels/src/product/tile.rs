//! The part of a product that stays in registers: up to six rows by two vectors of columns.
//!
//! Every element is a chain of fused multiplications and additions, from the first of the inner
//! dimension to the last. A fused operation rounds once, the same on every processor and in every
//! lane, so however wide the vectors are, the bits are the same.

/// Rows of a tile.
pub(super) const ROWS: usize = 6;

/// A tile's operands: `depth` pairs of a value of `a` for each row and `2 * lanes` values of `b`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands {
    pub(super) depth: usize,
    /// First value of `a`, and values to the next row and to the next of the inner dimension.
    pub(super) a: *const f32,
    pub(super) a_strides: [usize; 2],
    /// First value of `b`, and values to the next of the inner dimension.
    pub(super) b: *const f32,
    pub(super) b_stride: usize,
}

/// What this machine multiplies with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// One value at a time, where the processor has nothing better.
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Fma,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Unit {
    /// Those of this machine, the fastest first.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let all = [
            #[cfg(target_arch = "x86_64")]
            (Self::Avx512, is_x86_feature_detected!("avx512f")),
            #[cfg(target_arch = "x86_64")]
            (Self::Fma, is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")),
            #[cfg(target_arch = "aarch64")]
            (Self::Neon, std::arch::is_aarch64_feature_detected!("neon")),
            (Self::Scalar, true),
        ];
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(unit, _)| unit)
    }

    pub(super) fn fastest() -> Self {
        Self::available().next().unwrap_or(Self::Scalar)
    }

    /// Columns of a tile.
    pub(super) fn columns(self) -> usize {
        match self {
            Self::Scalar => 2 * scalar::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Fma => 2 * fma::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 2 * avx512::LANES,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => 2 * neon::LANES,
        }
    }

    /// Adds the products to `rows` rows of a tile, 1 to [`ROWS`], at `to`, `stride` values apart.
    ///
    /// # Safety
    /// The processor has this unit. Every value that [`Operands`] names can be read, for `rows`
    /// rows and [`Self::columns`] columns; so many at each row of `to` can be written, and nothing
    /// else refers to them.
    pub(super) unsafe fn add(self, rows: usize, to: *mut f32, stride: usize, by: Operands) {
        // SAFETY: as the caller promises.
        unsafe {
            match self {
                Self::Scalar => scalar::add(rows, to, stride, by),
                #[cfg(target_arch = "x86_64")]
                Self::Fma => fma::add(rows, to, stride, by),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => avx512::add(rows, to, stride, by),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => neon::add(rows, to, stride, by),
            }
        }
    }
}

/// Defines a unit of vectors `$vector` of `$lanes` values, of what it loads, repeats, multiplies
/// and adds, and stores.
macro_rules! unit {
    (
        $unit:ident, [$($features:literal)?], $lanes:literal, $vector:ty,
        $load:expr, $repeat:expr, $fused:expr, $store:expr
    ) => {
        mod $unit {
            #[allow(unused_imports, reason = "one unit needs no instructions")]
            use super::arch::*;
            use super::{Operands, ROWS};

            pub(super) const LANES: usize = $lanes;

            /// See [`super::Unit::add`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn add(rows: usize, to: *mut f32, stride: usize, by: Operands) {
                // SAFETY: as the caller promises.
                unsafe {
                    match rows {
                        1 => add_rows::<1>(to, stride, by),
                        2 => add_rows::<2>(to, stride, by),
                        3 => add_rows::<3>(to, stride, by),
                        4 => add_rows::<4>(to, stride, by),
                        5 => add_rows::<5>(to, stride, by),
                        _ => add_rows::<ROWS>(to, stride, by),
                    }
                }
            }

            #[inline]
            $(#[target_feature(enable = $features)])?
            unsafe fn add_rows<const N: usize>(to: *mut f32, stride: usize, by: Operands) {
                // SAFETY: every value read here is one that `Operands` names or one of the tile,
                // of N rows and two vectors of columns.
                unsafe {
                    let at = |i: usize, half: usize| to.add(i * stride + half * LANES);
                    let mut sums: [[$vector; 2]; N] =
                        std::array::from_fn(|i| [$load(at(i, 0)), $load(at(i, 1))]);
                    let (mut a, mut b) = (by.a, by.b);
                    for _ in 0..by.depth {
                        let columns = [$load(b), $load(b.add(LANES))];
                        for (i, sums) in sums.iter_mut().enumerate() {
                            let value = $repeat(*a.add(i * by.a_strides[0]));
                            sums[0] = $fused(value, columns[0], sums[0]);
                            sums[1] = $fused(value, columns[1], sums[1]);
                        }
                        // The pointers may end up outside, where they are not read.
                        (a, b) = (a.wrapping_add(by.a_strides[1]), b.wrapping_add(by.b_stride));
                    }
                    for (i, sums) in sums.into_iter().enumerate() {
                        $store(at(i, 0), sums[0]);
                        $store(at(i, 1), sums[1]);
                    }
                }
            }
        }
    };
}

unit!(scalar, [], 8, [f32; 8], load_each, repeat_each, fused_each, store_each);

#[cfg(target_arch = "x86_64")]
unit!(
    fma,
    ["avx2,fma"],
    8,
    __m256,
    _mm256_loadu_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_storeu_ps
);

#[cfg(target_arch = "x86_64")]
unit!(
    avx512,
    ["avx512f"],
    16,
    __m512,
    _mm512_loadu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_storeu_ps
);

#[cfg(target_arch = "aarch64")]
unit!(
    neon,
    ["neon"],
    4,
    float32x4_t,
    vld1q_f32,
    vdupq_n_f32,
    (|a, b, sum| vfmaq_f32(sum, a, b)),
    vst1q_f32
);

/// The instructions that units are made of.
mod arch {
    #[cfg(target_arch = "aarch64")]
    pub(super) use std::arch::aarch64::{
        float32x4_t, vdupq_n_f32, vfmaq_f32, vld1q_f32, vst1q_f32,
    };
    #[cfg(target_arch = "x86_64")]
    pub(super) use std::arch::x86_64::{
        __m256, __m512, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_storeu_ps,
    };

    /// # Safety
    /// Eight values can be read.
    pub(super) unsafe fn load_each(from: *const f32) -> [f32; 8] {
        // SAFETY: as the caller promises; an array of f32 needs no other alignment than f32.
        unsafe { from.cast::<[f32; 8]>().read() }
    }

    pub(super) fn repeat_each(value: f32) -> [f32; 8] {
        [value; 8]
    }

    pub(super) fn fused_each(a: [f32; 8], b: [f32; 8], sum: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i].mul_add(b[i], sum[i]))
    }

    /// # Safety
    /// Eight values can be written.
    pub(super) unsafe fn store_each(to: *mut f32, values: [f32; 8]) {
        // SAFETY: as the caller promises.
        unsafe { to.cast::<[f32; 8]>().write(values) }
    }
}
