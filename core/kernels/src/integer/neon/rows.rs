//! One query over rows of int8 or packed int4 codes: four rows of a stream at once, so that their
//! four sums come out of one register.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_s32, vget_low_s8, vld1q_s8, vmlal_high_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vshlq_n_s8, vshrq_n_s8, vst1q_s32,
};

use super::super::{STREAMS, ScanQuery, Sums, tail};
use super::{GROUP, WIDTH, sdot};

/// Defines a scan of rows of `$code`: see [`super::super::Kernel::scan`]. It gives the number of
/// rows of each stream that it took, the last few it leaves.
///
/// `$add` adds the products of a register of a row with those `$part`s of the query.
macro_rules! scan_rows {
    ($scan:ident, $features:literal, $code:ty, $add:ident, $first:ident $(, $other:ident)?) => {
        /// # Safety
        /// The processor has the features, and each stream holds `count` rows of the query's
        /// length.
        #[target_feature(enable = $features)]
        pub(in super::super) unsafe fn $scan(
            query: &ScanQuery,
            streams: [&[$code]; STREAMS],
            count: usize,
            sums: &mut Sums,
        ) -> usize {
            /// The dot products with four rows, the first of which is `row`.
            ///
            /// # Safety
            /// The processor has the features, a row has at least 16 bytes, and those rows can be
            /// read.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn four(query: &ScanQuery, rows: *const $code, row: usize) -> int32x4_t {
                let width = query.$first.len();
                let mut sum = [vdupq_n_s32(0); GROUP];
                for at in (0..width - width % WIDTH).step_by(WIDTH) {
                    // SAFETY: at + 16 <= width, the length of each part.
                    let parts = unsafe {
                        [
                            vld1q_s8(query.$first.as_ptr().add(at)),
                            $(vld1q_s8(query.$other.as_ptr().add(at)))?
                        ]
                    };
                    for (i, sum) in sum.iter_mut().enumerate() {
                        // SAFETY: at + 16 <= width, the length of a row.
                        let codes = unsafe { vld1q_s8(rows.add((row + i) * width + at).cast()) };
                        *sum = $add(*sum, codes, parts);
                    }
                }
                if !width.is_multiple_of(WIDTH) {
                    // SAFETY: a tail holds 16 codes.
                    let parts = unsafe {
                        [
                            vld1q_s8(tail::<WIDTH>(&query.$first).as_ptr()),
                            $(vld1q_s8(tail::<WIDTH>(&query.$other).as_ptr()))?
                        ]
                    };
                    for (i, sum) in sum.iter_mut().enumerate() {
                        let end = (row + i + 1) * width;
                        // SAFETY: width >= 16: the row's last 16 bytes.
                        let codes = unsafe { vld1q_s8(rows.add(end - WIDTH).cast()) };
                        *sum = $add(*sum, codes, parts);
                    }
                }
                vpaddq_s32(vpaddq_s32(sum[0], sum[1]), vpaddq_s32(sum[2], sum[3]))
            }

            let grouped = if query.$first.len() < WIDTH { 0 } else { count - count % GROUP };
            for first in (0..grouped).step_by(GROUP) {
                for (rows, sums) in streams.into_iter().zip(sums.iter_mut()) {
                    let room = &mut sums[first..first + GROUP];
                    // SAFETY: rows first to first + 4 are among the `count` of the stream, and a
                    // row has at least 16 bytes; `room` holds four sums.
                    unsafe { vst1q_s32(room.as_mut_ptr(), four(query, rows.as_ptr(), first)) };
                }
            }
            grouped
        }
    };
}

scan_rows!(scan_int8, "neon", i8, add_int8, codes);
scan_rows!(scan_int4, "neon", u8, add_int4, even, odd);
scan_rows!(scan_int8_dotprod, "neon,dotprod", i8, add_int8_dotprod, codes);
scan_rows!(scan_int4_dotprod, "neon,dotprod", u8, add_int4_dotprod, even, odd);

/// Adds products of 16 codes to the lanes of `sum`.
///
/// |row code| is at most 128 and |query code| at most 127, so two products fit 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn add_int8(sum: int32x4_t, row: int8x16_t, [query]: [int8x16_t; 1]) -> int32x4_t {
    let pairs = vmlal_high_s8(vmull_s8(vget_low_s8(row), vget_low_s8(query)), row, query);
    vpadalq_s16(sum, pairs)
}

/// The same with one instruction.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_int8_dotprod(sum: int32x4_t, row: int8x16_t, [query]: [int8x16_t; 1]) -> int32x4_t {
    sdot(sum, row, query)
}

/// The codes of 16 bytes: those of even dimensions and those of odd ones. Shifting a signed byte to
/// the right repeats its sign.
#[inline]
#[target_feature(enable = "neon")]
fn halves(row: int8x16_t) -> [int8x16_t; 2] {
    [vshrq_n_s8::<4>(vshlq_n_s8::<4>(row)), vshrq_n_s8::<4>(row)]
}

/// Adds products of 32 codes, two a byte, to the lanes of `sum`.
#[inline]
#[target_feature(enable = "neon")]
fn add_int4(sum: int32x4_t, row: int8x16_t, [even, odd]: [int8x16_t; 2]) -> int32x4_t {
    let [low, high] = halves(row);
    add_int8(add_int8(sum, low, [even]), high, [odd])
}

/// The same with one instruction for each half.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn add_int4_dotprod(sum: int32x4_t, row: int8x16_t, [even, odd]: [int8x16_t; 2]) -> int32x4_t {
    let [low, high] = halves(row);
    sdot(sdot(sum, low, even), high, odd)
}
