//! A query as the scan needs it.

/// Greatest absolute code of a query that is scanned row by row.
///
/// A row's code, moved to 0..255, times such a query's, and the same again, fit 16 bits: that is
/// what makes the fastest instruction usable. The finer codes that this gives away come back where
/// it counts, in the few rows that reach the floor.
pub(in crate::scoring) const ROW_QUERY_MAX: i8 = 64;
/// Greatest absolute code of a query that is scanned with others over a panel: four products are
/// added in 16 bits.
pub(in crate::scoring) const PANEL_QUERY_MAX: i8 = 32;

/// Codes of a query in the orders in which kernels read them.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "other kernels read rows as they lie and need the codes only")
)]
pub(in crate::scoring) struct ScanQuery {
    /// One a dimension.
    pub(super) codes: Vec<i8>,
    /// Those of even dimensions, and those of odd ones with 0 behind a last even one: what the low
    /// and the high four bits of packed rows are multiplied with.
    pub(super) even: Vec<i8>,
    pub(super) odd: Vec<i8>,
    /// Four codes each, an even number of words; 0 behind the last code.
    pub(super) words: Vec<i32>,
    /// Sum of the codes.
    pub(super) sum: i32,
}

impl ScanQuery {
    /// A query of `codes`, none of them greater than [`ROW_QUERY_MAX`], or [`PANEL_QUERY_MAX`] for
    /// a panel, by its absolute value.
    pub(in crate::scoring) fn new(codes: Vec<i8>) -> Self {
        debug_assert!(codes.iter().all(|code| code.unsigned_abs() <= ROW_QUERY_MAX as u8));
        let pairs = || codes.chunks(2);
        let even = pairs().map(|pair| pair[0]).collect();
        let odd = pairs().map(|pair| pair.get(1).copied().unwrap_or(0)).collect();
        let word = |four: &[i8]| {
            let code = |i: usize| four.get(i).map_or(0, |code| *code as u8);
            i32::from_le_bytes(std::array::from_fn(code))
        };
        let mut words: Vec<i32> = codes.chunks(4).map(word).collect();
        words.resize(words.len().next_multiple_of(2), 0);
        let sum = codes.iter().map(|code| i32::from(*code)).sum();
        Self { codes, even, odd, words, sum }
    }

    /// One code a dimension.
    #[cfg(test)]
    pub(in crate::scoring) fn codes(&self) -> &[i8] {
        &self.codes
    }
}
