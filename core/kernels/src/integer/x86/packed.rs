//! One query over packed rows of 64 or 128 codes with AVX-512: two rows in a register, or one.
//!
//! Sums of eight products stay so small that two registers of them fit one of half the width, and
//! so do sums of two such sums: three packings add up what stands side by side in four registers.

use std::arch::x86_64::{
    __m512i, _mm_storeu_si128, _mm256_set1_epi32, _mm256_storeu_si256, _mm256_sub_epi32,
    _mm512_add_epi32, _mm512_broadcast_i64x4, _mm512_castsi512_si128, _mm512_castsi512_si256,
    _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_packs_epi32,
    _mm512_permutexvar_epi32, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_setr_epi32, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_srli_epi16,
    _mm512_sub_epi32, _mm512_ternarylogic_epi32,
};

use super::super::{STREAMS, ScanQuery, Sums};
use super::load;

/// Bytes of a register.
const WIDTH: usize = 64;
/// Registers taken at once of each stream.
const REGISTERS: usize = 4;

/// As `scan_int4_vnni`, for rows of 64 and of 128 codes alone.
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
    match query.even.len() {
        // SAFETY: as the caller promises, and two rows of 32 bytes fill a register.
        32 => unsafe { scan_by::<2>(query, streams, count, sums) },
        // SAFETY: as the caller promises, and one of 64 does.
        64 => unsafe { scan_by::<1>(query, streams, count, sums) },
        _ => 0,
    }
}

/// # Safety
/// As [`scan`], and `ROWS` rows fill a register.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn scan_by<const ROWS: usize>(
    query: &ScanQuery,
    streams: [&[u8]; STREAMS],
    count: usize,
    sums: &mut Sums,
) -> usize {
    // SAFETY: both parts hold as many codes as a row has bytes.
    let [even, odd] = [&query.even, &query.odd].map(|part| unsafe {
        match ROWS {
            1 => _mm512_loadu_si512(part.as_ptr().cast()),
            _ => _mm512_broadcast_i64x4(load(part.as_ptr())),
        }
    });
    let group = REGISTERS * ROWS;
    // Of a last group only half may be there: its sums go behind those that count.
    let grouped = count - count % REGISTERS;
    for first in (0..grouped).step_by(group) {
        for (rows, sums) in streams.into_iter().zip(sums.iter_mut()) {
            let register = |i: usize| {
                let row = first + ROWS * i;
                let at = if row < grouped { row } else { first } / ROWS * WIDTH;
                // SAFETY: all rows of the register at `at` are in front of `grouped`, a multiple of
                // four, and so among the `count`.
                products(unsafe { _mm512_loadu_si512(rows.as_ptr().add(at).cast()) }, even, odd)
            };
            let quarters = quarters([register(0), register(1), register(2), register(3)]);
            let sums = &mut sums[first..first + group];
            // SAFETY: `sums` has room for four rows of each of `ROWS`.
            unsafe { store::<ROWS>(quarters, query.sum, sums.as_mut_ptr()) };
        }
    }
    grouped
}

/// The products of codes, moved to 0..15, by eights: of at most 8 * 15 * 127.
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

/// The sums of the quarters of four registers: lane i of quarter q is that of quarter q of
/// register i.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn quarters([a, b, c, d]: [__m512i; REGISTERS]) -> __m512i {
    // Sums of two sums of eight products are at most 2 * 15,240, and those of four fit 32 bits.
    let two = |a, b| _mm512_madd_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16(1));
    two(two(a, b), two(c, d))
}

/// Writes the sums of `4 * ROWS` rows, without what moving them added to each.
///
/// # Safety
/// The processor has AVX-512, and there is room for them at `sums`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store<const ROWS: usize>(quarters: __m512i, query_sum: i32, sums: *mut i32) {
    let halves = _mm512_add_epi32(quarters, _mm512_shuffle_i32x4::<0xb1>(quarters, quarters));
    if ROWS == 1 {
        let whole = _mm512_add_epi32(halves, _mm512_shuffle_i32x4::<0x4e>(halves, halves));
        let whole = _mm512_sub_epi32(whole, _mm512_set1_epi32(8 * query_sum));
        // SAFETY: there is room for four; no alignment is needed.
        unsafe { _mm_storeu_si128(sums.cast(), _mm512_castsi512_si128(whole)) };
    } else {
        // The first rows' sums stand in quarter 0, the second ones' in quarter 2.
        let order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 0, 0, 0, 0, 0, 0, 0, 0);
        let rows = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, halves));
        let rows = _mm256_sub_epi32(rows, _mm256_set1_epi32(8 * query_sum));
        // SAFETY: there is room for eight; no alignment is needed.
        unsafe { _mm256_storeu_si256(sums.cast(), rows) };
    }
}
