//! Many queries over one block with AVX-512: as `panel`, with sixteen rows in a register, four
//! queries at once over every register that is loaded, and one instruction for four products.

use std::arch::x86_64::{
    __m512i, _CMP_GE_OQ, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps,
    _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_loadu_epi8, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_store_si512, _mm512_storeu_si512,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};

use super::super::panel::{self, QUERIES, WideLane};
use super::super::{BLOCK, Reach, STREAMS, ScanQuery, Sums, portable};

/// Codes of a word.
const WORD: usize = 4;
/// Rows of a stream whose words lie side by side; words of a register.
const GROUP: usize = WideLane::ROWS;
/// Bytes of a register.
const WIDTH: usize = 64;

/// Lays out `count` rows of `d` codes of each stream.
///
/// # Safety
/// The processor has AVX-512 with BW, each stream holds `count` rows, and `lanes` has room for
/// them.
#[target_feature(enable = "avx512f,avx512bw")]
pub(in super::super) unsafe fn lay_out(
    streams: [&[i8]; STREAMS],
    d: usize,
    count: usize,
    lanes: &mut [WideLane],
) {
    let words = panel::words(d);
    for group in 0..count.div_ceil(GROUP) {
        let rows = group * GROUP * d..count.min((group + 1) * GROUP) * d;
        let lanes = &mut lanes[group * words * STREAMS..(group + 1) * words * STREAMS];
        // The streams in turn, so that all four are read ahead.
        for (k, stream) in streams.into_iter().enumerate() {
            lay_out_group(&stream[rows.clone()], d, lanes, k);
        }
    }
}

/// Lays out up to sixteen rows as every fourth of `lanes` from `k` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn lay_out_group(rows: &[i8], d: usize, lanes: &mut [WideLane], k: usize) {
    let count = rows.len() / d;
    for at in (0..d).step_by(WIDTH) {
        let codes = WIDTH.min(d - at);
        let wanted = u64::MAX >> (WIDTH - codes);
        let row = |i: usize| {
            if i >= count {
                return _mm512_setzero_si512();
            }
            // SAFETY: row i is there, and only its codes from `at` on, `codes` of them, are read.
            unsafe { _mm512_maskz_loadu_epi8(wanted, rows.as_ptr().add(i * d + at)) }
        };
        let columns = transpose(std::array::from_fn(row));
        let lanes = lanes[at / WORD * STREAMS..].iter_mut().skip(k).step_by(STREAMS);
        for (lane, column) in lanes.zip(columns).take(codes.div_ceil(WORD)) {
            let moved = _mm512_xor_si512(column, _mm512_set1_epi8(-128));
            // SAFETY: a lane is 64 bytes at a multiple of 64.
            unsafe { _mm512_store_si512((&raw mut *lane).cast(), moved) };
        }
    }
}

/// Sixteen registers of sixteen words: word i of register j becomes word j of register i.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn transpose(rows: [__m512i; GROUP]) -> [__m512i; GROUP] {
    // Within each quarter: pairs of rows, then fours. Register i of a four holds word 4q + i of its
    // rows in quarter q.
    let four = |first: usize| {
        let [a, b, c, d] = std::array::from_fn(|i| rows[first + i]);
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        [
            _mm512_unpacklo_epi64(ab_low, cd_low),
            _mm512_unpackhi_epi64(ab_low, cd_low),
            _mm512_unpacklo_epi64(ab_high, cd_high),
            _mm512_unpackhi_epi64(ab_high, cd_high),
        ]
    };
    let fours = [four(0), four(4), four(8), four(12)];
    let mut columns = rows;
    for i in 0..4 {
        let [a, b, c, d] = fours.map(|four| four[i]);
        // Quarters 0 and 1, then 2 and 3, of two fours each.
        let (ab, cd) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d));
        columns[i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[4 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        let (ab, cd) = (_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d));
        columns[8 + i] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        columns[12 + i] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
    }
    columns
}

/// Writes the dot products of up to four queries with the first `count` rows of each stream, and
/// up to fifteen sums that mean nothing behind them.
///
/// # Safety
/// The processor has AVX-512 with VNNI, and `lanes` holds `count` rows of the queries' length.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in super::super) unsafe fn scan(
    queries: &[&ScanQuery],
    lanes: &[WideLane],
    count: usize,
    sums: &mut [Sums],
) {
    match *queries {
        [a] => scan_these([a], lanes, count, sums),
        [a, b] => scan_these([a, b], lanes, count, sums),
        [a, b, c] => scan_these([a, b, c], lanes, count, sums),
        _ => {
            for (queries, sums) in queries.chunks(QUERIES).zip(sums.chunks_mut(QUERIES)) {
                match *queries {
                    [a, b, c, d] => scan_these([a, b, c, d], lanes, count, sums),
                    // SAFETY: as the caller promises; there are fewer than four now.
                    _ => unsafe { scan(queries, lanes, count, sums) },
                }
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn scan_these<const N: usize>(
    queries: [&ScanQuery; N],
    lanes: &[WideLane],
    count: usize,
    sums: &mut [Sums],
) {
    let words = queries.map(|query| &query.words[..]);
    // What moving the rows adds is taken off first.
    let begin = queries.map(|query| [_mm512_set1_epi32(-128 * query.sum); STREAMS]);
    let length = words[0].len();
    let words = words.map(|words| &words[..length]);
    let groups = lanes.chunks_exact(length * STREAMS).take(count.div_ceil(GROUP));
    for (group, lanes) in groups.enumerate() {
        let mut sum = begin;
        let (lanes, _) = lanes.as_chunks::<STREAMS>();
        for (i, lanes) in lanes[..length].iter().enumerate() {
            // SAFETY: a lane is 64 bytes at a multiple of 64.
            let lane = |k: usize| unsafe { _mm512_load_si512((&raw const lanes[k]).cast()) };
            let rows: [__m512i; STREAMS] = std::array::from_fn(lane);
            for (sum, words) in sum.iter_mut().zip(words) {
                let word = _mm512_set1_epi32(words[i]);
                for (sum, rows) in sum.iter_mut().zip(rows) {
                    // Four products of at most 255 and 127, added in 32 bits: up to 1,024 of them
                    // stay below 2^25.
                    *sum = _mm512_dpbusd_epi32(*sum, rows, word);
                }
            }
        }
        for (sum, sums) in sum.into_iter().zip(sums.iter_mut()) {
            for (sum, sums) in sum.into_iter().zip(sums) {
                let sixteen = &mut sums[group * GROUP..(group + 1) * GROUP];
                // SAFETY: `sixteen` holds sixteen sums; no alignment is needed.
                unsafe { _mm512_storeu_si512(sixteen.as_mut_ptr().cast(), sum) };
            }
        }
    }
}

/// See [`super::super::Kernel::reaching`].
///
/// # Safety
/// The processor has AVX-512.
#[target_feature(enable = "avx512f")]
pub(in super::super) fn reaching(reach: Reach, sums: &[i32; BLOCK], scales: &[f32]) -> u64 {
    let (step, slack) = (_mm512_set1_ps(reach.step), _mm512_set1_ps(reach.slack));
    let floor = _mm512_set1_ps(reach.floor);
    let (sum_groups, _) = sums.as_chunks::<GROUP>();
    let (scale_groups, _) = scales.as_chunks::<GROUP>();
    let mut rows = 0;
    for (i, (sums, scales)) in sum_groups.iter().zip(scale_groups).enumerate() {
        // SAFETY: both hold sixteen values; no alignment is needed.
        let (sums, scales) =
            unsafe { (_mm512_loadu_si512(sums.as_ptr().cast()), _mm512_loadu_ps(scales.as_ptr())) };
        // No fused operation: every kernel rounds after each.
        let middle = _mm512_mul_ps(step, _mm512_cvtepi32_ps(sums));
        let upper = _mm512_mul_ps(scales, _mm512_add_ps(middle, slack));
        rows |= u64::from(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(upper, floor)) << (i * GROUP);
    }
    rows | portable::reaching_from(scale_groups.len() * GROUP, reach, sums, scales)
}
