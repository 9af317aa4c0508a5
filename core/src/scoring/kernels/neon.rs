//! aarch64: NEON, which every such processor of a phone has.
//!
//! Four rows are taken at once, so that their four sums come out of one register.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s32, vget_low_s8, vld1q_s8, vmlal_high_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vst1q_s32,
};

use super::{STREAMS, Sums, portable, tail};

/// Codes of a register.
const WIDTH: usize = 16;
/// Rows taken at once.
const GROUP: usize = 4;

/// Adds products of 16 codes to the lanes of `sum`.
///
/// |row code| is at most 128 and |query code| at most 127, so two products fit 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn add(sum: int32x4_t, row: int8x16_t, query: int8x16_t) -> int32x4_t {
    let pairs = vmlal_high_s8(vmull_s8(vget_low_s8(row), vget_low_s8(query)), row, query);
    vpadalq_s16(sum, pairs)
}

/// See [`super::Kernel::scan`].
///
/// # Safety
/// The processor has NEON, and each stream holds `count` rows of the query's length.
#[target_feature(enable = "neon")]
pub(super) unsafe fn scan(query: &[i8], streams: [&[i8]; STREAMS], count: usize, sums: &mut Sums) {
    let grouped = if query.len() < WIDTH { 0 } else { count - count % GROUP };
    for first in (0..grouped).step_by(GROUP) {
        for (rows, sums) in streams.into_iter().zip(sums.iter_mut()) {
            let four = &mut sums[first..first + GROUP];
            // SAFETY: rows first to first + 4 are among the `count` of the stream, and a row has
            // at least 16 codes; `four` holds four sums.
            unsafe { vst1q_s32(four.as_mut_ptr(), products(query, rows.as_ptr(), first)) };
        }
    }
    portable::scan_from(grouped, query, streams, count, sums);
}

/// The dot products with four rows, the first of which is `row`.
///
/// # Safety
/// The processor has NEON, a row has at least 16 codes, and those rows can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn products(query: &[i8], rows: *const i8, row: usize) -> int32x4_t {
    let d = query.len();
    let mut sum = [vdupq_n_s32(0); GROUP];
    for at in (0..d - d % WIDTH).step_by(WIDTH) {
        // SAFETY: at + 16 <= d, the query's length.
        let part = unsafe { vld1q_s8(query.as_ptr().add(at)) };
        for (i, sum) in sum.iter_mut().enumerate() {
            // SAFETY: at + 16 <= d, the length of a row.
            let codes = unsafe { vld1q_s8(rows.add((row + i) * d + at)) };
            *sum = add(*sum, codes, part);
        }
    }
    if !d.is_multiple_of(WIDTH) {
        let last = tail::<WIDTH>(query);
        // SAFETY: `last` holds 16 codes.
        let last = unsafe { vld1q_s8(last.as_ptr()) };
        for (i, sum) in sum.iter_mut().enumerate() {
            // SAFETY: d >= 16: the row's last 16 codes.
            let codes = unsafe { vld1q_s8(rows.add((row + i + 1) * d - WIDTH)) };
            *sum = add(*sum, codes, last);
        }
    }
    vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]))
}
