//! Rows of codes in two planes of four bits.

use std::arch::aarch64::{
    int8x16_t, uint8x16_t, vaddvq_s32, vdupq_n_s32, vget_low_s8, vld1q_s8, vld1q_u8, vmlal_high_s8,
    vmull_s8, vpadalq_s16, vreinterpretq_s8_u8, vsliq_n_u8, vsriq_n_u8, vst1q_s8, vzip1q_s8,
    vzip2q_s8,
};

use super::super::{ScanQuery, portable};
use super::WIDTH;

/// The codes of 16 bytes of each plane: those of even dimensions and those of odd ones.
#[inline]
#[target_feature(enable = "neon")]
fn joined(high: uint8x16_t, low: uint8x16_t) -> [int8x16_t; 2] {
    // Shifts that leave the other four bits of the first operand as they are.
    let even = vsliq_n_u8::<4>(low, high);
    let odd = vsriq_n_u8::<4>(high, low);
    [vreinterpretq_s8_u8(even), vreinterpretq_s8_u8(odd)]
}

/// See [`super::super::Kernel::dot_planes`].
///
/// # Safety
/// The processor has NEON, and both planes have all of `rows`, each of half the query's length,
/// rounded up.
#[target_feature(enable = "neon")]
pub(in super::super) unsafe fn dot_planes(
    query: &ScanQuery,
    [high, low]: [&[u8]; 2],
    rows: &[u32],
    dots: &mut [i32],
) {
    let width = query.even.len();
    for (row, dot) in rows.iter().zip(dots) {
        let row = *row as usize * width..(*row as usize + 1) * width;
        // SAFETY: as the caller promises: both slices have the length of the query's parts.
        *dot = unsafe { dot_product(query, &high[row.clone()], &low[row]) };
    }
}

/// The dot product with one row.
///
/// # Safety
/// The processor has NEON, and both halves have half the query's length, rounded up.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn dot_product(query: &ScanQuery, high: &[u8], low: &[u8]) -> i32 {
    let whole = high.len() - high.len() % WIDTH;
    let mut sum = vdupq_n_s32(0);
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: at + 16 is not above the length of all four.
        let (high, low, even, odd) = unsafe {
            (
                vld1q_u8(high.as_ptr().add(at)),
                vld1q_u8(low.as_ptr().add(at)),
                vld1q_s8(query.even.as_ptr().add(at)),
                vld1q_s8(query.odd.as_ptr().add(at)),
            )
        };
        for (row, query) in joined(high, low).into_iter().zip([even, odd]) {
            // |row code| is at most 128 and |query code| at most 127: two products fit 16 bits.
            let pairs = vmlal_high_s8(vmull_s8(vget_low_s8(row), vget_low_s8(query)), row, query);
            sum = vpadalq_s16(sum, pairs);
        }
    }
    vaddvq_s32(sum) + portable::dot_planes_from(whole, query, high, low)
}

/// See [`super::super::Kernel::join_planes`].
///
/// # Safety
/// The processor has NEON, both planes have one length, and `codes` has twice as many.
#[target_feature(enable = "neon")]
pub(in super::super) unsafe fn join_planes(high: &[u8], low: &[u8], codes: &mut [i8]) {
    let whole = high.len() - high.len() % WIDTH;
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: at + 16 is not above the length of both.
        let (one, other) =
            unsafe { (vld1q_u8(high.as_ptr().add(at)), vld1q_u8(low.as_ptr().add(at))) };
        let [even, odd] = joined(one, other);
        let room = codes[2 * at..2 * (at + WIDTH)].as_mut_ptr();
        // SAFETY: there is room for 32 codes.
        unsafe {
            vst1q_s8(room, vzip1q_s8(even, odd));
            vst1q_s8(room.add(WIDTH), vzip2q_s8(even, odd));
        }
    }
    portable::join_planes_from(whole, high, low, codes);
}
