//! One query over packed rows of int4 codes.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_set1_epi32, _mm_sub_epi32, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_and_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_srli_epi16, _mm256_xor_si256,
};

use super::super::{STREAMS, ScanQuery, Sums, tail};
use super::{GROUP, WIDTH, horizontal_sums, load, store};

/// Adds products of 64 codes, two a byte, to the lanes of `sum`: a row's, moved to 0..15, with the
/// query's, which are at most 64, so that four products fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add(sum: __m256i, row: __m256i, even: __m256i, odd: __m256i) -> __m256i {
    let moved = _mm256_xor_si256(row, _mm256_set1_epi8(0x88u8 as i8));
    let mask = _mm256_set1_epi8(15);
    let low = _mm256_and_si256(moved, mask);
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(moved), mask);
    let fours = _mm256_add_epi16(_mm256_maddubs_epi16(low, even), _mm256_maddubs_epi16(high, odd));
    _mm256_add_epi32(sum, _mm256_madd_epi16(fours, _mm256_set1_epi16(1)))
}

/// See [`super::super::Kernel::scan`]; gives the number of rows of each stream that it took, the
/// last few it leaves.
///
/// # Safety
/// The processor has AVX2, and each stream holds `count` packed rows of the query's length.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn scan(
    query: &ScanQuery,
    streams: [&[u8]; STREAMS],
    count: usize,
    sums: &mut Sums,
) -> usize {
    let grouped = if query.even.len() < WIDTH { 0 } else { count - count % GROUP };
    for first in (0..grouped).step_by(GROUP) {
        // SAFETY: row first + i < count of each stream, whose rows have at least 32 bytes.
        let row = |i: usize| unsafe { four(query, streams.map(<[u8]>::as_ptr), first + i) };
        store([row(0), row(1), row(2), row(3)], first, sums);
    }
    grouped
}

/// The dot products with the row `row` of each stream.
///
/// # Safety
/// The processor has AVX2, a row has at least 32 bytes, and that row of each stream can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four(query: &ScanQuery, streams: [*const u8; STREAMS], row: usize) -> __m128i {
    let width = query.even.len();
    let mut sum = [_mm256_setzero_si256(); STREAMS];
    for at in (0..width - width % WIDTH).step_by(WIDTH) {
        // SAFETY: at + 32 <= width, the length of both.
        let (even, odd) =
            unsafe { (load(query.even.as_ptr().add(at)), load(query.odd.as_ptr().add(at))) };
        for (sum, rows) in sum.iter_mut().zip(streams) {
            // SAFETY: at + 32 <= width, the length of a row.
            *sum = add(*sum, unsafe { load(rows.add(row * width + at)) }, even, odd);
        }
    }
    if !width.is_multiple_of(WIDTH) {
        let (even, odd) = (tail::<WIDTH>(&query.even), tail::<WIDTH>(&query.odd));
        // SAFETY: both hold 32 codes.
        let (even, odd) = unsafe { (load(even.as_ptr()), load(odd.as_ptr())) };
        for (sum, rows) in sum.iter_mut().zip(streams) {
            // SAFETY: width >= 32: the row's last 32 bytes.
            *sum = add(*sum, unsafe { load(rows.add((row + 1) * width - WIDTH)) }, even, odd);
        }
    }
    _mm_sub_epi32(horizontal_sums(sum), _mm_set1_epi32(8 * query.sum))
}
