//! Four queries at once over rows as they lie: products of pairs of rows and pairs of queries.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s32, vld1q_s8, vreinterpretq_s8_s64, vreinterpretq_s64_s8,
    vst1q_s32, vuzp1q_s32, vuzp2q_s32, vzip1q_s64, vzip2q_s64,
};

use super::super::panel::QUERIES;
use super::super::{STREAMS, ScanQuery, Sums, tail};
use super::{GROUP, WIDTH, smmla};

/// Pairs among four.
const PAIRS: usize = 2;

/// See [`super::super::Kernel::scan_panel`]; gives the number of rows of each stream that it took,
/// the last few it leaves.
///
/// # Safety
/// The processor has I8MM, each stream holds `count` rows of the queries' one length, and there
/// are four sums.
#[target_feature(enable = "neon,i8mm")]
pub(in super::super) unsafe fn scan(
    queries: [&ScanQuery; QUERIES],
    streams: [&[i8]; STREAMS],
    count: usize,
    sums: &mut [Sums],
) -> usize {
    let codes = queries.map(|query| &query.codes[..]);
    let d = codes[0].len();
    let grouped = if d < WIDTH { 0 } else { count - count % GROUP };
    let tails = if d < WIDTH { [[0; WIDTH]; QUERIES] } else { codes.map(tail::<WIDTH>) };
    for first in (0..grouped).step_by(GROUP) {
        for (k, rows) in streams.into_iter().enumerate() {
            let mut sum = [[vdupq_n_s32(0); PAIRS]; PAIRS];
            for at in (0..d - d % WIDTH).step_by(WIDTH) {
                // SAFETY: at + 16 <= d, the length of a query and of a row, and row first + i is
                // among the `count` of the stream.
                unsafe {
                    let query = |i: usize| vld1q_s8(codes[i].as_ptr().add(at));
                    let row = |i: usize| vld1q_s8(rows.as_ptr().add((first + i) * d + at));
                    add(&mut sum, std::array::from_fn(row), std::array::from_fn(query));
                }
            }
            if !d.is_multiple_of(WIDTH) {
                // SAFETY: d >= 16: the last 16 codes of a row; a tail has as many.
                unsafe {
                    let query = |i: usize| vld1q_s8(tails[i].as_ptr());
                    let row = |i: usize| vld1q_s8(rows.as_ptr().add((first + i + 1) * d - WIDTH));
                    add(&mut sum, std::array::from_fn(row), std::array::from_fn(query));
                }
            }
            store(sum, first, k, sums);
        }
    }
    grouped
}

/// Adds the products of 16 codes of four rows and four queries; `sum[i][j]` is of the i-th pair of
/// rows and the j-th of queries.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn add(
    sum: &mut [[int32x4_t; PAIRS]; PAIRS],
    rows: [int8x16_t; GROUP],
    queries: [int8x16_t; QUERIES],
) {
    let queries = [pair(queries[0], queries[1]), pair(queries[2], queries[3])];
    let rows = [pair(rows[0], rows[1]), pair(rows[2], rows[3])];
    for (sum, rows) in sum.iter_mut().zip(rows) {
        for (sum, queries) in sum.iter_mut().zip(queries) {
            *sum = smmla(smmla(*sum, rows[0], queries[0]), rows[1], queries[1]);
        }
    }
}

/// The first eight codes of `a` and of `b`, and the last eight of both.
#[inline]
#[target_feature(enable = "neon")]
fn pair(a: int8x16_t, b: int8x16_t) -> [int8x16_t; 2] {
    let (a, b) = (vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b));
    [vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))]
}

/// Writes the sums of the rows `first` to `first` + 4 of stream `k`.
#[inline]
#[target_feature(enable = "neon")]
fn store(sum: [[int32x4_t; PAIRS]; PAIRS], first: usize, k: usize, sums: &mut [Sums]) {
    let [upper, lower] = sum;
    for (j, (upper, lower)) in upper.into_iter().zip(lower).enumerate() {
        // Even lanes are of the pair's first query, odd ones of its second.
        let four = [vuzp1q_s32(upper, lower), vuzp2q_s32(upper, lower)];
        for (i, four) in four.into_iter().enumerate() {
            let room = &mut sums[PAIRS * j + i][k][first..first + GROUP];
            // SAFETY: `room` holds four sums.
            unsafe { vst1q_s32(room.as_mut_ptr(), four) };
        }
    }
}
