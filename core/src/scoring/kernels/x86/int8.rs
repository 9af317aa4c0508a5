//! One query over rows of int8 codes.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi128_si32, _mm_set1_epi32, _mm_sub_epi32, _mm256_abs_epi8,
    _mm256_add_epi32, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_setzero_si256, _mm256_sign_epi8, _mm256_xor_si256,
};

use super::super::{STREAMS, ScanQuery, Sums, portable, tail};
use super::{GROUP, WIDTH, horizontal_sums, load, store};

/// Adds products of 32 codes to the lanes of `sum`: a row's, moved to 0..255, with the query's,
/// which are at most 64, so that two products fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add(sum: __m256i, row: __m256i, query: __m256i) -> __m256i {
    let moved = _mm256_xor_si256(row, _mm256_set1_epi8(-128));
    let pairs = _mm256_maddubs_epi16(moved, query);
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

/// See [`super::super::Kernel::scan`].
///
/// # Safety
/// The processor has AVX2, and each stream holds `count` rows of the query's length.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn scan(
    query: &ScanQuery,
    streams: [&[i8]; STREAMS],
    count: usize,
    sums: &mut Sums,
) {
    let d = query.codes.len();
    let grouped = if d < WIDTH { 0 } else { count - count % GROUP };
    for first in (0..grouped).step_by(GROUP) {
        // SAFETY: row first + i < count of each stream, whose rows have d >= 32 codes.
        let row = |i: usize| unsafe { four(query, streams.map(<[i8]>::as_ptr), first + i) };
        store([row(0), row(1), row(2), row(3)], first, sums);
    }
    portable::scan_from(grouped, &query.codes, streams, count, sums);
}

/// The dot products with the row `row` of each stream.
///
/// # Safety
/// The processor has AVX2, the query has at least 32 codes, and that row of each stream can be
/// read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four(query: &ScanQuery, streams: [*const i8; STREAMS], row: usize) -> __m128i {
    let codes = &query.codes[..];
    let d = codes.len();
    let mut sum = [_mm256_setzero_si256(); STREAMS];
    for at in (0..d - d % WIDTH).step_by(WIDTH) {
        // SAFETY: at + 32 <= d, the query's length.
        let part = unsafe { load(codes.as_ptr().add(at)) };
        for (sum, rows) in sum.iter_mut().zip(streams) {
            // SAFETY: at + 32 <= d, the length of a row.
            *sum = add(*sum, unsafe { load(rows.add(row * d + at)) }, part);
        }
    }
    if !d.is_multiple_of(WIDTH) {
        let last = tail::<WIDTH>(codes);
        // SAFETY: `last` holds 32 codes.
        let last = unsafe { load(last.as_ptr()) };
        for (sum, rows) in sum.iter_mut().zip(streams) {
            // SAFETY: d >= 32: the row's last 32 codes.
            *sum = add(*sum, unsafe { load(rows.add((row + 1) * d - WIDTH)) }, last);
        }
    }
    _mm_sub_epi32(horizontal_sums(sum), _mm_set1_epi32(128 * query.sum))
}

/// See [`super::super::Kernel::dot_product`].
///
/// # Safety
/// The processor has AVX2, and `row` has the query's length.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn dot_product(query: &[i8], row: &[i8]) -> i32 {
    let whole = query.len() - query.len() % WIDTH;
    let mut sum = _mm256_setzero_si256();
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: at + 32 is not above the length of both.
        let (row, query) = unsafe { (load(row.as_ptr().add(at)), load(query.as_ptr().add(at))) };
        // |row code| is at most 128 and |query code| at most 127: two products fit 16 bits.
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(query, row));
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    let zero = _mm256_setzero_si256();
    let first = _mm_cvtsi128_si32(horizontal_sums([sum, zero, zero, zero]));
    first + portable::dot_product(&query[whole..], &row[whole..])
}
