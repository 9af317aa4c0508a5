//! One query over rows of int8 or packed int4 codes, four rows of each stream at once.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi128_si32, _mm_set1_epi32, _mm_sub_epi32, _mm256_abs_epi8,
    _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_epi32, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256,
    _mm256_sign_epi8, _mm256_srli_epi16, _mm256_xor_si256,
};

use super::super::{STREAMS, ScanQuery, Sums, portable, tail};
use super::{GROUP, WIDTH, horizontal_sums, load, store};

/// Defines a scan of rows of `$code`: see [`super::super::Kernel::scan`]. It gives the number of
/// rows of each stream that it took, the last few it leaves.
///
/// Rows are moved by `$moved` to be unsigned, and `$add` adds the products of a register of a row
/// with those `$part`s of the query.
macro_rules! scan_rows {
    ($scan:ident, $features:literal, $code:ty, $moved:literal, $add:ident, $($part:ident),+) => {
        /// # Safety
        /// The processor has the features, each stream holds `count` rows of the query's length,
        /// and the query's codes are as small as this kernel's products need them.
        #[target_feature(enable = $features)]
        pub(in super::super) unsafe fn $scan(
            query: &ScanQuery,
            streams: [&[$code]; STREAMS],
            count: usize,
            sums: &mut Sums,
        ) -> usize {
            /// The dot products with the row `row` of each stream.
            ///
            /// # Safety
            /// The processor has the features, a row has at least 32 bytes, and that row of each
            /// stream can be read.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn four(
                query: &ScanQuery,
                streams: [*const $code; STREAMS],
                row: usize,
            ) -> __m128i {
                let width = streams_width(&[$(&query.$part),+]);
                let mut sum = [_mm256_setzero_si256(); STREAMS];
                for at in (0..width - width % WIDTH).step_by(WIDTH) {
                    // SAFETY: at + 32 <= width, the length of each part.
                    let parts = unsafe { [$(load(query.$part.as_ptr().add(at))),+] };
                    for (sum, rows) in sum.iter_mut().zip(streams) {
                        // SAFETY: at + 32 <= width, the length of a row.
                        *sum = $add(*sum, unsafe { load(rows.add(row * width + at)) }, parts);
                    }
                }
                if !width.is_multiple_of(WIDTH) {
                    // SAFETY: a tail holds 32 codes.
                    let parts = unsafe { [$(load(tail::<WIDTH>(&query.$part).as_ptr())),+] };
                    for (sum, rows) in sum.iter_mut().zip(streams) {
                        // SAFETY: width >= 32: the row's last 32 bytes.
                        let last = unsafe { load(rows.add((row + 1) * width - WIDTH)) };
                        *sum = $add(*sum, last, parts);
                    }
                }
                _mm_sub_epi32(horizontal_sums(sum), _mm_set1_epi32($moved * query.sum))
            }

            let short = streams_width(&[$(&query.$part),+]) < WIDTH;
            let grouped = if short { 0 } else { count - count % GROUP };
            let rows = streams.map(<[$code]>::as_ptr);
            for first in (0..grouped).step_by(GROUP) {
                // SAFETY: row first + i < count of each stream, whose rows have at least 32 bytes.
                let row = |i: usize| unsafe { four(query, rows, first + i) };
                store([row(0), row(1), row(2), row(3)], first, sums);
            }
            grouped
        }
    };
}

/// Bytes of a row: the parts of a query have one length.
#[inline(always)]
fn streams_width<const N: usize>(parts: &[&Vec<i8>; N]) -> usize {
    parts[0].len()
}

scan_rows!(scan_int8, "avx2", i8, 128, add_int8, codes);
scan_rows!(scan_int4, "avx2", u8, 8, add_int4, even, odd);
scan_rows!(scan_int8_vnni, "avx512vl,avx512vnni", i8, 128, add_int8_vnni, codes);
scan_rows!(scan_int4_vnni, "avx512vl,avx512vnni", u8, 8, add_int4_vnni, even, odd);

/// Adds products of 32 codes to the lanes of `sum`: a row's, moved to 0..255, with the query's,
/// which are at most 64, so that two products fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add_int8(sum: __m256i, row: __m256i, [query]: [__m256i; 1]) -> __m256i {
    let moved = _mm256_xor_si256(row, _mm256_set1_epi8(-128));
    let pairs = _mm256_maddubs_epi16(moved, query);
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}

/// The same for any query: four products, each below 2^15, are added in 32 bits at once, and at
/// most 1,024 of them stay below 2^25.
#[inline]
#[target_feature(enable = "avx512vl,avx512vnni")]
fn add_int8_vnni(sum: __m256i, row: __m256i, [query]: [__m256i; 1]) -> __m256i {
    _mm256_dpbusd_epi32(sum, _mm256_xor_si256(row, _mm256_set1_epi8(-128)), query)
}

/// The codes of 32 bytes, moved to 0..15: those of even dimensions and those of odd ones.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(row: __m256i) -> [__m256i; 2] {
    let moved = _mm256_xor_si256(row, _mm256_set1_epi8(0x88u8 as i8));
    let mask = _mm256_set1_epi8(15);
    [_mm256_and_si256(moved, mask), _mm256_and_si256(_mm256_srli_epi16::<4>(moved), mask)]
}

/// Adds products of 64 codes, two a byte, to the lanes of `sum`. The query's are at most 64, so
/// that four products fit 16 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn add_int4(sum: __m256i, row: __m256i, [even, odd]: [__m256i; 2]) -> __m256i {
    let [low, high] = halves(row);
    let fours = _mm256_add_epi16(_mm256_maddubs_epi16(low, even), _mm256_maddubs_epi16(high, odd));
    _mm256_add_epi32(sum, _mm256_madd_epi16(fours, _mm256_set1_epi16(1)))
}

/// The same for any query.
#[inline]
#[target_feature(enable = "avx512vl,avx512vnni")]
fn add_int4_vnni(sum: __m256i, row: __m256i, [even, odd]: [__m256i; 2]) -> __m256i {
    let [low, high] = halves(row);
    _mm256_dpbusd_epi32(_mm256_dpbusd_epi32(sum, low, even), high, odd)
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
