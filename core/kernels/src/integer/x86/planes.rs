//! Rows of codes in two planes of four bits.

use std::arch::x86_64::{
    __m256i, _mm_storeu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_and_si256,
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

/// Rows taken at once.
const GROUP: usize = 4;

/// See [`super::super::Kernel::dot_planes`].
///
/// # Safety
/// The processor has AVX2, and both planes have all of `rows`, each of half the query's length,
/// rounded up.
#[target_feature(enable = "avx2")]
pub(in super::super) unsafe fn dot_planes(
    query: &ScanQuery,
    [high, low]: [&[u8]; 2],
    rows: &[u32],
    dots: &mut [i32],
) {
    let width = query.even.len();
    let whole = width - width % WIDTH;
    for (rows, dots) in rows.chunks(GROUP).zip(dots.chunks_mut(GROUP)) {
        // A last group of fewer repeats its first row.
        let begins: [usize; GROUP] =
            std::array::from_fn(|i| *rows.get(i).unwrap_or(&rows[0]) as usize * width);
        let mut sums = [_mm256_setzero_si256(); GROUP];
        for at in (0..whole).step_by(WIDTH) {
            // SAFETY: at + 32 is not above the length of both.
            let (even, odd) =
                unsafe { (load(query.even.as_ptr().add(at)), load(query.odd.as_ptr().add(at))) };
            for (sum, begin) in sums.iter_mut().zip(begins) {
                // SAFETY: at + 32 is not above the length of a row, and this row is there.
                let planes = unsafe {
                    [load(high.as_ptr().add(begin + at)), load(low.as_ptr().add(begin + at))]
                };
                let [first, second] = joined(planes[0], planes[1]);
                let both = _mm256_add_epi32(products(first, even), products(second, odd));
                *sum = _mm256_add_epi32(*sum, both);
            }
        }
        let mut four = [0; GROUP];
        // SAFETY: there is room for four sums; no alignment is needed.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), horizontal_sums(sums)) };
        for ((dot, sum), begin) in dots.iter_mut().zip(four).zip(begins) {
            let row = begin..begin + width;
            *dot = sum;
            if whole < width {
                *dot += portable::dot_planes_from(whole, query, &high[row.clone()], &low[row]);
            }
        }
    }
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
