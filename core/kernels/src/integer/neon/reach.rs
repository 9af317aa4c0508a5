//! The comparison with the floor.

use std::arch::aarch64::{
    vaddq_f32, vaddvq_u32, vandq_u32, vcgeq_f32, vcvtq_f32_s32, vdupq_n_f32, vld1q_f32, vld1q_s32,
    vld1q_u32, vmulq_f32,
};

use super::super::{BLOCK, Reach, portable};

/// Rows compared at once.
const WIDTH: usize = 4;

/// See [`super::super::Kernel::reaching`].
///
/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(in super::super) fn reaching(reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
    let (step, slack) = (vdupq_n_f32(reach.step), vdupq_n_f32(reach.slack));
    let floor = vdupq_n_f32(reach.floor);
    // SAFETY: four values.
    let bits = unsafe { vld1q_u32([1, 2, 4, 8].as_ptr()) };
    let (sum_groups, _) = sums.as_chunks::<WIDTH>();
    let (scale_groups, _) = scales.as_chunks::<WIDTH>();
    let mut rows = 0;
    for (i, (sums, scales)) in sum_groups.iter().zip(scale_groups).enumerate() {
        // SAFETY: both hold four values.
        let (sums, scales) = unsafe { (vld1q_s32(sums.as_ptr()), vld1q_f32(scales.as_ptr())) };
        // No fused operation: every kernel rounds after each.
        let middle = vmulq_f32(step, vcvtq_f32_s32(sums));
        let upper = vmulq_f32(scales, vaddq_f32(middle, slack));
        let reaches = vaddvq_u32(vandq_u32(vcgeq_f32(upper, floor), bits));
        rows |= u64::from(reaches) << (i * WIDTH);
    }
    rows | portable::reaching_from(scale_groups.len() * WIDTH, reach, sums, scales)
}
