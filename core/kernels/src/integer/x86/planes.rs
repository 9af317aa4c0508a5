//! Rows of codes in two planes of four bits.

use std::arch::x86_64::{
    __m256i, _mm_cvtsi128_si32, _mm256_abs_epi8, _mm256_add_epi32, _mm256_and_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_or_si256, _mm256_permute2x128_si256,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_slli_epi16,
    _mm256_srli_epi16, _mm256_storeu_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
};

use super::super::{ScanQuery, portable};
use super::{WIDTH, horizontal_sums, load};

/// The codes of 32 bytes of each plane: those of even dimensions and those of odd ones.
#[inline]
#[target_feature(enable = "avx2")]
fn joined(high: __m256i, low: __m256i) -> [__m256i; 2] {
    let (lower, upper) = (_mm256_set1_epi8(15), _mm256_set1_epi8(0xf0_u8 as i8));
    let even = _mm256_or_si256(
        _mm256_and_si256(_mm256_slli_epi16::<4>(high), upper),
        _mm256_and_si256(low, lower),
    );
    let odd = _mm256_or_si256(
        _mm256_and_si256(high, upper),
        _mm256_and_si256(_mm256_srli_epi16::<4>(low), lower),
    );
    [even, odd]
}

/// The sums of four products of codes each: |row code| is at most 128 and |query code| at most
/// 127, so two products fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn products(row: __m256i, query: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(query, row));
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// See [`super::super::Kernel::dot_planes`].
///
/// # Safety
/// The processor has AVX2, and both planes have half the query's length, rounded up.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn dot_planes(query: &ScanQuery, high: &[u8], low: &[u8]) -> i32 {
    let whole = high.len() - high.len() % WIDTH;
    let mut sum = _mm256_setzero_si256();
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: at + 32 is not above the length of all four.
        let [high, low, even, odd] = unsafe {
            [
                load(high.as_ptr().add(at)),
                load(low.as_ptr().add(at)),
                load(query.even.as_ptr().add(at)),
                load(query.odd.as_ptr().add(at)),
            ]
        };
        let [first, second] = joined(high, low);
        sum = _mm256_add_epi32(sum, products(first, even));
        sum = _mm256_add_epi32(sum, products(second, odd));
    }
    let zero = _mm256_setzero_si256();
    let first = _mm_cvtsi128_si32(horizontal_sums([sum, zero, zero, zero]));
    if whole == high.len() {
        return first;
    }
    first + portable::dot_planes_from(whole, query, high, low)
}

/// See [`super::super::Kernel::join_planes`].
///
/// # Safety
/// The processor has AVX2, both planes have one length, and `codes` has twice as many.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn join_planes(high: &[u8], low: &[u8], codes: &mut [i8]) {
    let whole = high.len() - high.len() % WIDTH;
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: at + 32 is not above the length of both.
        let rows = unsafe { [load(high.as_ptr().add(at)), load(low.as_ptr().add(at))] };
        let [even, odd] = joined(rows[0], rows[1]);
        // Both interleave within halves.
        let (a, b) = (_mm256_unpacklo_epi8(even, odd), _mm256_unpackhi_epi8(even, odd));
        let room = codes[2 * at..2 * (at + WIDTH)].as_mut_ptr();
        // SAFETY: there is room for 64 codes; no alignment is needed.
        unsafe {
            _mm256_storeu_si256(room.cast(), _mm256_permute2x128_si256::<0x20>(a, b));
            _mm256_storeu_si256(room.add(WIDTH).cast(), _mm256_permute2x128_si256::<0x31>(a, b));
        }
    }
    portable::join_planes_from(whole, high, low, codes);
}
