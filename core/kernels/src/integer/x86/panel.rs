//! Many queries over one block: the rows are laid out once, so that a register holds four codes of
//! each of eight rows and every sum has a lane of its own, with no sum across lanes at the end.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16, _mm256_add_epi32, _mm256_load_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_permute2x128_si256, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_store_si256, _mm256_storeu_si256,
    _mm256_sub_epi32, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::super::panel::{self, Lane};
use super::super::{STREAMS, ScanQuery, Sums};
use super::{WIDTH, load};

/// Rows of a lane.
const GROUP: usize = Lane::ROWS;
/// Codes of a word.
const WORD: usize = 4;
/// Words of a register.
const WORDS: usize = WIDTH / WORD;

/// Lays out `count` rows of `d` codes of each stream.
///
/// # Safety
/// The processor has AVX2, each stream holds `count` rows, and `lanes` has room for them.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn lay_out(
    streams: [&[i8]; STREAMS],
    d: usize,
    count: usize,
    lanes: &mut [Lane],
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

/// Lays out up to eight rows as every fourth of `lanes` from `k` on.
#[inline]
#[target_feature(enable = "avx2")]
fn lay_out_group(rows: &[i8], d: usize, lanes: &mut [Lane], k: usize) {
    let whole = if rows.len() == GROUP * d { d - d % WIDTH } else { 0 };
    for at in (0..whole).step_by(WIDTH) {
        // SAFETY: there are eight rows here, and at + 32 <= d, the length of a row.
        let rows = std::array::from_fn(|i| unsafe { load(rows.as_ptr().add(i * d + at)) });
        for (i, column) in transpose(rows).into_iter().enumerate() {
            let moved = _mm256_xor_si256(column, _mm256_set1_epi8(-128));
            let lane = &mut lanes[(at / WORD + i) * STREAMS + k];
            // SAFETY: a lane is 32 bytes at a multiple of 32.
            unsafe { _mm256_store_si256((&raw mut *lane).cast(), moved) };
        }
    }
    for (i, row) in rows.chunks_exact(d).enumerate() {
        for (word, codes) in row[whole..].chunks(WORD).enumerate() {
            let lane = &mut lanes[(whole / WORD + word) * STREAMS + k];
            for (byte, code) in lane.0[i * WORD..].iter_mut().zip(codes) {
                *byte = *code as u8 ^ 0x80;
            }
        }
    }
}

/// Eight registers of eight words: word i of register j becomes word j of register i.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; WORDS]) -> [__m256i; WORDS] {
    let [a, b, c, d, e, f, g, h] = rows;
    // Within each half: pairs of rows, then fours.
    let fours = |a, b, c, d| {
        let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab_low, cd_low),
            _mm256_unpackhi_epi64(ab_low, cd_low),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    };
    let (upper, lower) = (fours(a, b, c, d), fours(e, f, g, h));
    std::array::from_fn(|i| {
        let (one, other) = (upper[i % 4], lower[i % 4]);
        if i < 4 {
            _mm256_permute2x128_si256::<0x20>(one, other)
        } else {
            _mm256_permute2x128_si256::<0x31>(one, other)
        }
    })
}

/// Writes the dot products of `query` with the first `count` rows of each stream, and up to seven
/// sums that mean nothing behind them.
///
/// # Safety
/// The processor has AVX2, and `lanes` holds `count` rows of the query's length.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn scan(
    query: &ScanQuery,
    lanes: &[Lane],
    count: usize,
    sums: &mut Sums,
) {
    let ones = _mm256_set1_epi16(1);
    let moved_by = _mm256_set1_epi32(128 * query.sum);
    let groups = lanes.chunks_exact(query.words.len() * STREAMS).take(count.div_ceil(GROUP));
    for (group, lanes) in groups.enumerate() {
        let mut sum = [_mm256_setzero_si256(); STREAMS];
        let (pairs, _) = query.words.as_chunks::<2>();
        for (lanes, pair) in lanes.chunks_exact(2 * STREAMS).zip(pairs) {
            let (first, second) = (_mm256_set1_epi32(pair[0]), _mm256_set1_epi32(pair[1]));
            for (k, sum) in sum.iter_mut().enumerate() {
                // SAFETY: a lane is 32 bytes at a multiple of 32.
                let lane = |i: usize| unsafe { _mm256_load_si256((&raw const lanes[i]).cast()) };
                // Four products of at most 255 and 32 fit 16 bits.
                let fours = _mm256_add_epi16(
                    _mm256_maddubs_epi16(lane(k), first),
                    _mm256_maddubs_epi16(lane(STREAMS + k), second),
                );
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(fours, ones));
            }
        }
        for (sum, sums) in sum.into_iter().zip(sums.iter_mut()) {
            let eight = &mut sums[group * GROUP..(group + 1) * GROUP];
            // SAFETY: `eight` holds eight sums; no alignment is needed.
            unsafe {
                _mm256_storeu_si256(eight.as_mut_ptr().cast(), _mm256_sub_epi32(sum, moved_by));
            }
        }
    }
}
