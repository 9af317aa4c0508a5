//! x86-64: AVX2, and AVX-512 VNNI at 256 bits.
//!
//! Four rows of a stream are taken at once, so that their four sums come out of one register.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_set1_epi32, _mm_storeu_si128, _mm256_abs_epi8,
    _mm256_add_epi32, _mm256_castsi256_si128, _mm256_dpbusd_epi32, _mm256_extracti128_si256,
    _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_xor_si256,
};

use super::{STREAMS, Sums, portable, tail};

/// Bytes of a register.
const WIDTH: usize = 32;
/// Rows of a stream taken at once.
const GROUP: usize = 4;

pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

pub(super) fn has_avx512_vnni() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni")
}

/// The dot products with AVX2.
///
/// # Safety
/// The processor has AVX2, and every stream holds `rows` rows of the query's length, which fit
/// `sums`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot_products_avx2(
    query: &[i8],
    codes: [&[i8]; STREAMS],
    rows: usize,
    sums: &mut Sums,
) {
    // SAFETY: as this function's caller promises.
    unsafe {
        in_groups(query, codes, rows, sums, |query, tail, row| {
            // SAFETY: `in_groups` gives rows that are whole and a query of their length.
            let [a, b, c, d] = accumulate(query, tail, row, |sum, codes, query| {
                // |code| is at most 128 and the query's at most 127: two products fit 16 bits.
                let pairs =
                    _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(query, codes));
                _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
            });
            horizontal_sums(a, b, c, d)
        });
    }
}
