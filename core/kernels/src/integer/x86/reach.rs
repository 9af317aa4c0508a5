//! The comparison with the floor.

use std::arch::x86_64::{
    _CMP_GE_OQ, _mm256_add_ps, _mm256_cmp_ps, _mm256_cvtepi32_ps, _mm256_loadu_ps,
    _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_ps,
};

use super::super::{BLOCK, Reach, portable};
use super::load;

/// Rows compared at once.
const WIDTH: usize = 8;

/// See [`super::super::Kernel::reaching`].
///
/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub(in super::super) fn reaching(reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
    let (step, slack) = (_mm256_set1_ps(reach.step), _mm256_set1_ps(reach.slack));
    let floor = _mm256_set1_ps(reach.floor);
    let (sum_groups, _) = sums.as_chunks::<WIDTH>();
    let (scale_groups, _) = scales.as_chunks::<WIDTH>();
    let mut rows = 0;
    for (i, (sums, scales)) in sum_groups.iter().zip(scale_groups).enumerate() {
        // SAFETY: both hold eight values; no alignment is needed.
        let (sums, scales) = unsafe { (load(sums), _mm256_loadu_ps(scales.as_ptr())) };
        // No fused operation: every kernel rounds after each.
        let middle = _mm256_mul_ps(step, _mm256_cvtepi32_ps(sums));
        let upper = _mm256_mul_ps(scales, _mm256_add_ps(middle, slack));
        let reaches = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(upper, floor));
        rows |= u64::from(reaches as u32) << (i * WIDTH);
    }
    rows | portable::reaching_from(scale_groups.len() * WIDTH, reach, sums, scales)
}
