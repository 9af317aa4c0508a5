//! aarch64: NEON, which every such processor of a phone has.
//!
//! Four rows are taken at once, so that their four sums come out of one register.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s32, vget_low_s8, vld1q_s8, vmlal_high_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vst1q_s32,
};

use super::{portable, tail};

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

/// See [`super::Kernel::dot_products`].
///
/// # Safety
/// The processor has NEON, and `codes` holds `sums.len()` rows of the query's length.
#[target_feature(enable = "neon")]
pub(super) unsafe fn dot_products(query: &[i8], codes: &[i8], sums: &mut [i32]) {
    let (d, rows) = (query.len(), sums.len());
    let grouped = if d < WIDTH { 0 } else { rows - rows % GROUP };
    let last = if d < WIDTH { [0; WIDTH] } else { tail::<WIDTH>(query) };
    let has_tail = d % WIDTH != 0;
    // SAFETY: `last` holds 16 codes.
    let last = unsafe { vld1q_s8(last.as_ptr()) };
    for row in (0..grouped).step_by(GROUP) {
        let mut sum = [vdupq_n_s32(0); GROUP];
        for at in (0..d - d % WIDTH).step_by(WIDTH) {
            // SAFETY: at + 16 <= d, the query's length.
            let part = unsafe { vld1q_s8(query.as_ptr().add(at)) };
            for (i, sum) in sum.iter_mut().enumerate() {
                // SAFETY: row + i < rows, and at + 16 <= d, the length of a row.
                let codes = unsafe { vld1q_s8(codes.as_ptr().add((row + i) * d + at)) };
                *sum = add(*sum, codes, part);
            }
        }
        if has_tail {
            for (i, sum) in sum.iter_mut().enumerate() {
                let last_codes = (row + i + 1) * d - WIDTH;
                // SAFETY: row + i < rows, and d >= 16: the row's last 16 codes.
                let codes = unsafe { vld1q_s8(codes.as_ptr().add(last_codes)) };
                *sum = add(*sum, codes, last);
            }
        }
        let four = vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]));
        // SAFETY: row + 4 <= rows, the length of `sums`.
        unsafe { vst1q_s32(sums.as_mut_ptr().add(row), four) };
    }
    portable::dot_products_from(grouped, query, codes, sums);
}
