//! A query as the scan needs it.

/// Greatest absolute code of any query.
pub(super) const MAX: i8 = 127;
/// The same for instructions that add two products in 16 bits: a row's code, moved to 0..255, times
/// such a query's, and the same again, fit. The finer codes that this gives away come back where
/// it counts, in the few rows that reach the floor.
#[cfg(any(test, target_arch = "x86_64"))]
pub(super) const ROW_MAX_16_BITS: i8 = 64;
/// The same where four products are added in 16 bits.
#[cfg(any(test, target_arch = "x86_64"))]
pub(super) const PANEL_MAX_16_BITS: i8 = 32;

/// Codes of a query in the orders in which kernels read them.
#[derive(Debug, Clone)]
pub struct ScanQuery {
    /// One a dimension.
    pub(super) codes: Vec<i8>,
    /// Those of even dimensions, and those of odd ones with 0 behind a last even one: what the low
    /// and the high four bits of packed rows are multiplied with.
    pub(super) even: Vec<i8>,
    pub(super) odd: Vec<i8>,
    /// Four codes each, an even number of words; 0 behind the last code.
    #[cfg(target_arch = "x86_64")]
    pub(super) words: Vec<i32>,
    /// Sum of the codes.
    #[cfg(target_arch = "x86_64")]
    pub(super) sum: i32,
}

impl ScanQuery {
    /// A query of `codes`, none of them greater than the kernel's [`super::Kernel::query_max`] by
    /// its absolute value.
    pub fn new(codes: Vec<i8>) -> Self {
        debug_assert!(codes.iter().all(|code| code.unsigned_abs() <= MAX as u8));
        let pairs = || codes.chunks(2);
        let even = pairs().map(|pair| pair[0]).collect();
        let odd = pairs().map(|pair| pair.get(1).copied().unwrap_or(0)).collect();
        Self {
            #[cfg(target_arch = "x86_64")]
            words: words(&codes),
            #[cfg(target_arch = "x86_64")]
            sum: codes.iter().map(|code| i32::from(*code)).sum(),
            codes,
            even,
            odd,
        }
    }

    /// One code a dimension.
    #[must_use]
    pub fn codes(&self) -> &[i8] {
        &self.codes
    }
}

#[cfg(target_arch = "x86_64")]
fn words(codes: &[i8]) -> Vec<i32> {
    let word = |four: &[i8]| {
        let code = |i: usize| four.get(i).map_or(0, |code| *code as u8);
        i32::from_le_bytes(std::array::from_fn(code))
    };
    let mut words: Vec<i32> = codes.chunks(4).map(word).collect();
    words.resize(super::panel::words(codes.len()), 0);
    words
}
