//! One query over packed rows of 64 codes with AVX-512: two rows in a register.
//!
//! Sums of eight products stay so small that two registers of them fit one of half the width, and
//! so do sums of two such sums: three packings add up what stands side by side in four registers.

use std::arch::x86_64::{
    __m512i, _mm256_set1_epi32, _mm256_storeu_si256, _mm256_sub_epi32, _mm512_add_epi32,
    _mm512_broadcast_i64x4, _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_madd_epi16, _mm512_packs_epi32, _mm512_permutexvar_epi32, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_setr_epi32, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_srli_epi16, _mm512_ternarylogic_epi32,
};

use super::super::{STREAMS, ScanQuery, Sums};
use super::{WIDTH, load};

/// Rows of each stream taken at once.
const GROUP: usize = 8;
/// Rows of a register.
const ROWS: usize = 2;

/// As `scan_int4_vnni`, for rows of 64 codes alone.
///
/// # Safety
/// The processor has AVX-512 with BW and VNNI, and each stream holds `count` rows of the query's
/// length.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(in super::super) unsafe fn scan(
    query: &ScanQuery,
    streams: [&[u8]; STREAMS],
    count: usize,
    sums: &mut Sums,
) -> usize {
    if query.even.len() != WIDTH {
        return 0;
    }
    // SAFETY: both parts hold 32 codes.
    let [even, odd] = [&query.even, &query.odd]
        .map(|part| _mm512_broadcast_i64x4(unsafe { load(part.as_ptr()) }));
    // What moving the rows adds is taken off.
    let moved = _mm256_set1_epi32(8 * query.sum);
    let grouped = count - count % GROUP;
    for first in (0..grouped).step_by(GROUP) {
        for (rows, sums) in streams.into_iter().zip(sums.iter_mut()) {
            let two = |i: usize| {
                // SAFETY: rows first + 2i and behind it are among the `count` of 32 bytes each.
                let rows = unsafe {
                    _mm512_loadu_si512(rows.as_ptr().add((first + ROWS * i) * WIDTH).cast())
                };
                products(rows, even, odd)
            };
            let eight = _mm512_castsi512_si256(added([two(0), two(1), two(2), two(3)]));
            let room = &mut sums[first..first + GROUP];
            // SAFETY: `room` holds eight sums; no alignment is needed.
            unsafe {
                _mm256_storeu_si256(room.as_mut_ptr().cast(), _mm256_sub_epi32(eight, moved))
            };
        }
    }
    grouped
}

/// The products of two rows of codes, moved to 0..15, by eights: of at most 8 * 15 * 127.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn products(rows: __m512i, even: __m512i, odd: __m512i) -> __m512i {
    /// (a & b) ^ c
    const MOVED: i32 = 0x6a;
    let (mask, distance) = (_mm512_set1_epi8(15), _mm512_set1_epi8(8));
    let low = _mm512_ternarylogic_epi32::<MOVED>(rows, mask, distance);
    let high = _mm512_ternarylogic_epi32::<MOVED>(_mm512_srli_epi16::<4>(rows), mask, distance);
    _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), low, even), high, odd)
}

/// The sums of eight rows, two in each of `pairs`, in their order in the lower half.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn added([a, b, c, d]: [__m512i; 4]) -> __m512i {
    // Sums of two sums of eight products are at most 2 * 15,240, and those of four fit 32 bits.
    let two = |a, b| _mm512_madd_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16(1));
    let quarters = two(two(a, b), two(c, d));
    // Quarters 0 and 1 hold the halves of the first rows, 2 and 3 those of the second ones.
    let sums = _mm512_add_epi32(quarters, _mm512_shuffle_i32x4::<0xb1>(quarters, quarters));
    let order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 0, 0, 0, 0, 0, 0, 0, 0);
    _mm512_permutexvar_epi32(order, sums)
}
