//! The item side of a model as the scan reads it.

use std::borrow::Cow;

use noctule_kernels::exact::exact_scores;
use noctule_kernels::integer::Kernel;

use super::codes::Codes;
use super::exact_score;
use super::quantise::check_dimensions;
use super::vectors::Vectors;
use crate::base::limits::ITEMS_MAX;
use crate::base::{Error, Result};

/// Share of a step by which a value may lie away from code * scale (see `bound`): half a step for
/// rounding to nearest, and 2^-14 for quantisers that divide in f32.
const STEP_SHARE: f64 = 0.5 + 1.0 / 16_384.0;

/// Groups of four rows that are asked for before they are scored: rows lie anywhere, and memory
/// answers late.
pub(super) const FOURS_AHEAD: usize = 4;

/// Item vectors with their coarse codes, borrowed from a memory map or from vectors.
///
/// ```
/// use noctule_core::scoring::{ItemMatrix, quantise};
/// let embeddings = [1.0, 0.0, 0.6, 0.8];
/// let quantised = quantise(&embeddings, 2)?;
/// let matrix = ItemMatrix::new(&quantised.codes, &quantised.scales, &embeddings, 2)?;
/// matrix.verify()?;
/// assert_eq!((matrix.len(), matrix.row(1).as_deref()), (2, Some(&[0.6f32, 0.8][..])));
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ItemMatrix<'a> {
    pub(super) codes: Codes<'a>,
    pub(super) scales: &'a [f32],
    pub(super) vectors: Vectors<'a>,
    pub(super) dimensions: usize,
}

impl<'a> ItemMatrix<'a> {
    /// A matrix of `scales.len()` items: int8 `codes` and single precision `embeddings` are
    /// row-major n x `dimensions`, `scales` has n values. As [`Self::stored`].
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a length does not fit the others or a limit.
    pub fn new(
        codes: &'a [i8],
        scales: &'a [f32],
        embeddings: &'a [f32],
        dimensions: usize,
    ) -> Result<Self> {
        Self::stored(Codes::Int8(codes), scales, Vectors::F32(embeddings), dimensions)
    }

    /// A matrix of `scales.len()` items in any form. Looks at the lengths only and so costs
    /// nothing.
    ///
    /// ```
    /// use noctule_core::scoring::{Codes, ItemMatrix, Vectors};
    /// // Two codes a byte, and the vectors are what the codes say.
    /// let matrix = ItemMatrix::stored(Codes::Int4(&[0xe7]), &[0.5], Vectors::Coded, 2)?;
    /// assert_eq!(matrix.row(0).as_deref(), Some(&[3.5f32, -1.0][..]));
    /// # Ok::<(), noctule_core::base::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a length does not fit the others or a limit.
    pub fn stored(
        codes: Codes<'a>,
        scales: &'a [f32],
        vectors: Vectors<'a>,
        dimensions: usize,
    ) -> Result<Self> {
        check_dimensions(dimensions)?;
        let items = scales.len();
        if items > ITEMS_MAX {
            let reason = format!("{items} items, but at most {ITEMS_MAX} are allowed");
            return Err(Error::invalid("scales", reason));
        }
        if !codes.fit(items, dimensions) {
            let width = codes.row_bytes(dimensions);
            let reason = format!("{} bytes, but {items} x {width} are needed", codes.stored());
            return Err(Error::invalid("codes", reason));
        }
        if let Some(length) = vectors.stored().filter(|length| *length != items * dimensions) {
            let reason = format!("{length} values, but {items} x {dimensions} are needed");
            return Err(Error::invalid("embeddings", reason));
        }
        Ok(Self { codes, scales, vectors, dimensions })
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// Number of dimensions.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Bytes of all codes: what one search reads.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.codes.stored()
    }

    /// The vector of the item `index`, if there is such an item: borrowed where single precision
    /// is stored, converted otherwise.
    #[must_use]
    pub fn row(&self, index: u32) -> Option<Cow<'a, [f32]>> {
        let index = index as usize;
        let row = || self.vectors.row(index, self.dimensions, self.codes, self.scales);
        (index < self.len()).then(row)
    }

    /// The [`super::exact_score`] of each of these items for `query`, a NaN for one that is not
    /// there; four at a time, as a single sum waits for itself.
    #[must_use]
    pub fn exact_scores(&self, query: &[f32], indices: &[u32]) -> Vec<f32> {
        let mut scores = Vec::with_capacity(indices.len());
        let mut room = Vec::new();
        for (at, four) in indices.chunks(4).enumerate() {
            let soon = indices.iter().skip((at + FOURS_AHEAD) * 4).take(4);
            soon.for_each(|index| self.fetch_ahead(*index as usize));
            if four.iter().any(|index| *index as usize >= self.len()) {
                let one = |index: &u32| self.row(*index).map(|row| exact_score(query, &row));
                scores.extend(four.iter().map(one).map(|score| score.unwrap_or(f32::NAN)));
                continue;
            }
            // A last group of fewer than four repeats its first row.
            let rows = std::array::from_fn(|at| *four.get(at).unwrap_or(&four[0]) as usize);
            let found = exact_scores(query, self.four_rows(rows, &mut room));
            scores.extend(&found[..four.len()]);
        }
        scores
    }

    /// Asks for a row to be brought into the caches; of one that is not there nothing.
    pub(super) fn fetch_ahead(&self, index: usize) {
        let d = self.dimensions;
        let range = index.saturating_mul(d)..index.saturating_add(1).saturating_mul(d);
        match self.vectors {
            Vectors::F32(all) => Kernel::fetch_ahead(all.get(range).unwrap_or_default()),
            Vectors::F16(all) | Vectors::Bf16(all) => {
                Kernel::fetch_ahead(all.get(range).unwrap_or_default());
            }
            Vectors::Coded => {}
        }
    }

    /// Four rows that lie within the matrix: as they lie, or converted into `room`.
    pub(super) fn four_rows<'r>(
        &self,
        indices: [usize; 4],
        room: &'r mut Vec<f32>,
    ) -> [&'r [f32]; 4]
    where
        'a: 'r,
    {
        let d = self.dimensions;
        if let Vectors::F32(all) = self.vectors {
            return indices.map(|index| &all[index * d..(index + 1) * d]);
        }
        room.resize(4 * d, 0.0);
        for (row, index) in room.chunks_exact_mut(d).zip(indices) {
            self.vectors.read_row(index, self.codes, self.scales, row);
        }
        std::array::from_fn(|i| &room[i * d..(i + 1) * d])
    }

    /// Writes the vector of the item `index` to `row`; false, with `row` as it was, when there is
    /// no such item or `row` has another length.
    pub fn read_row(&self, index: u32, row: &mut [f32]) -> bool {
        let index = index as usize;
        let fits = index < self.len() && row.len() == self.dimensions;
        if fits {
            self.vectors.read_row(index, self.codes, self.scales, row);
        }
        fits
    }

    /// Checks what [`super::top_k`] relies on: that every value of a vector is finite and lies
    /// within half a step (and 2^-14 of a step for rounding) of code * scale.
    ///
    /// Reads everything once, so it belongs where a release is installed, not in front of a
    /// query. A matrix that does not pass is safe to scan, but rows can be missing in the result.
    ///
    /// # Errors
    /// [`Error::Damaged`] for the first value that does not fit.
    pub fn verify(&self) -> Result<()> {
        let (mut row, mut room) = (vec![0.0; self.dimensions], Vec::new());
        let kernel = Kernel::fastest();
        for (index, scale) in self.scales.iter().enumerate() {
            let what = || format!("the scale of item {index}");
            if !(scale.is_finite() && *scale >= 0.0) {
                return Err(Error::damaged(what(), format!("it is {scale}")));
            }
            let step = f64::from(*scale);
            // A value that is not finite is never near enough.
            let near = |(code, value): (&i8, &f32)| {
                (f64::from(*value) - f64::from(*code) * step).abs() <= STEP_SHARE * step
            };
            let row = match self.vectors {
                Vectors::F32(all) => &all[index * self.dimensions..(index + 1) * self.dimensions],
                _ => {
                    self.vectors.read_row(index, self.codes, self.scales, &mut row);
                    &row
                }
            };
            let codes = self.codes.rows(kernel, index..index + 1, self.dimensions, &mut room);
            if surely_near(codes, row, *scale) {
                continue;
            }
            if let Some(at) = codes.iter().zip(row).position(|pair| !near(pair)) {
                let (code, value) = (codes[at], row[at]);
                let reason = format!("{code} * {scale} is more than half a step from {value}");
                return Err(Error::damaged(format!("code {at} of item {index}"), reason));
            }
        }
        Ok(())
    }
}

/// The share of a step that is certainly near in f32: the product of a code and a scale is off by
/// at most 127 steps by 2^-24, the difference by 2^-24 of itself; together less than 2^-16 of a
/// step.
const SURE_SHARE: f32 = (STEP_SHARE - 1.0 / 65_536.0) as f32;

/// Whether every value of a row is near its code, as far as f32 can tell: a look without a branch
/// for each value, which compiles to vector instructions. What it leaves open is decided exactly.
fn surely_near(codes: &[i8], row: &[f32], scale: f32) -> bool {
    // Below, products lose bits to underflow.
    if scale < 1e-30 {
        return false;
    }
    let limit = SURE_SHARE * scale;
    let near = |(code, value): (&i8, &f32)| (*value - f32::from(*code) * scale).abs() <= limit;
    // Without a branch for each value, which compiles to vector instructions.
    codes.iter().zip(row).fold(true, |all, pair| all & near(pair))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scoring::quantise;
    use crate::scoring::testing::{Form, Stored};

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(ItemMatrix::new(&[0; 4], &[0.0; 2], &[0.0; 4], 2).is_ok());
        for (codes, scales, values, dimensions) in
            [(3, 2, 4, 2), (4, 2, 5, 2), (4, 1, 4, 2), (0, 0, 0, 0), (1025, 1, 1025, 1025)]
        {
            let (codes, scales) = (vec![0; codes], vec![0.0; scales]);
            assert!(ItemMatrix::new(&codes, &scales, &vec![0.0; values], dimensions).is_err());
        }
    }

    #[test]
    fn rows_are_found_by_index_and_nothing_lies_behind_the_last() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let matrix = ItemMatrix::new(&[0; 4], &[0.0; 2], &values, 2).unwrap();
        assert_eq!(matrix.row(1).as_deref(), Some(&values[2..]));
        assert_eq!(matrix.row(2), None);
        assert_eq!(matrix.row(u32::MAX), None);
        let mut row = [0.0; 2];
        assert!(matrix.read_row(0, &mut row) && row == values[..2]);
        assert!(!matrix.read_row(2, &mut row) && !matrix.read_row(0, &mut [0.0; 3]));
    }

    #[test]
    fn verification_finds_what_does_not_fit() {
        let values = [0.3f32, -1.0, 0.0, 0.0];
        let quantised = quantise(&values, 2).unwrap();
        let verify = |codes: &[i8], scales: &[f32], values: &[f32]| {
            ItemMatrix::new(codes, scales, values, 2).unwrap().verify()
        };
        verify(&quantised.codes, &quantised.scales, &values).unwrap();
        let mut codes = quantised.codes.clone();
        codes[0] += 1;
        let error = verify(&codes, &quantised.scales, &values).unwrap_err();
        assert!(error.to_string().starts_with("code 0 of item 0 is damaged"), "{error}");
        for bad in [f32::NAN, -1.0, f32::INFINITY] {
            assert!(verify(&quantised.codes, &[quantised.scales[0], bad], &values).is_err());
        }
        let not_finite = [0.3, -1.0, 0.0, f32::NAN];
        assert!(verify(&quantised.codes, &quantised.scales, &not_finite).is_err());
        assert!(verify(&quantised.codes, &quantised.scales, &[0.3, -1.0, 0.1, 0.0]).is_err());
    }

    #[test]
    fn rows_of_every_form_are_what_is_stored_and_verify() {
        let values = [0.3f32, -1.0, 2.5, 0.0, 0.0, 0.0, 7e-6, -6e-8, 1.0, 123.0, 6e4, 9.0];
        for form in Form::all() {
            for d in [1, 3, 4] {
                let stored = Stored::new(&values, d, form);
                let (matrix, rows) = (stored.matrix(), stored.rows());
                matrix.verify().unwrap();
                let found = (0..).map_while(|index| matrix.row(index)).flat_map(Cow::into_owned);
                assert_eq!(found.collect::<Vec<_>>(), rows, "{form:?}");
            }
        }
    }

    #[test]
    fn packed_codes_and_half_values_of_another_length_are_refused() {
        let stored = |codes, vectors, d| ItemMatrix::stored(codes, &[0.0; 2], vectors, d);
        assert!(stored(Codes::Int4(&[0; 4]), Vectors::F16(&[0; 6]), 3).is_ok());
        assert!(stored(Codes::Int4(&[0; 4]), Vectors::Coded, 4).is_ok());
        assert!(stored(Codes::Int4(&[0; 3]), Vectors::Coded, 3).is_err());
        assert!(stored(Codes::Int8(&[0; 4]), Vectors::Coded, 3).is_err());
        assert!(stored(Codes::Int8(&[0; 6]), Vectors::Bf16(&[0; 5]), 3).is_err());
    }

    #[test]
    fn verification_finds_packed_codes_that_are_far_from_half_values() {
        let (one, scale) = (half::f16::ONE.to_bits(), [1.0 / 7.0]);
        let verify = |code: u8, bits: u16| {
            let codes = [code];
            let bits = [bits];
            let matrix = ItemMatrix::stored(Codes::Int4(&codes), &scale, Vectors::F16(&bits), 1);
            matrix.unwrap().verify()
        };
        verify(0x07, one).unwrap();
        assert!(verify(0x06, one).is_err() && verify(0x07, 0x7c00).is_err());
        assert!(verify(0x07, 0x7e00).is_err());
    }

    /// Scales of every magnitude, those included that are as good as nothing.
    fn scales() -> impl Strategy<Value = f32> {
        prop_oneof![
            4 => (-40_i32..16, 1.0_f32..10.0).prop_map(|(e, m)| m * 10_f32.powi(e)),
            1 => (0_u32..1 << 24).prop_map(f32::from_bits),
            1 => Just(f32::MAX),
        ]
    }

    /// A code, and how many steps its value lies away: mostly about as many as are allowed.
    fn pairs() -> impl Strategy<Value = (i8, f64)> {
        let away = prop_oneof![
            2 => -1.0..=1.0,
            3 => (-1e-6..1e-6).prop_map(|off: f64| STEP_SHARE + off),
            1 => (-1e-4..1e-4).prop_map(|off: f64| -STEP_SHARE + off),
            1 => Just(0.5),
        ];
        (any::<i8>(), away)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_quick_look_never_says_otherwise_than_exact_arithmetic(
            scale in scales(),
            row in prop::collection::vec(pairs(), 1..9),
        ) {
            let codes: Vec<i8> = row.iter().map(|(code, _)| *code).collect();
            let value = |(code, away): &(i8, f64)| {
                ((f64::from(*code) + away) * f64::from(scale)) as f32
            };
            let values: Vec<f32> = row.iter().map(value).collect();
            let step = f64::from(scale);
            let off = |(code, value): (&i8, &f32)| f64::from(*value) - f64::from(*code) * step;
            let near = codes.iter().zip(&values).all(|pair| off(pair).abs() <= STEP_SHARE * step);
            let matrix = ItemMatrix::new(&codes, std::slice::from_ref(&scale), &values, row.len());
            prop_assert_eq!(matrix.unwrap().verify().is_ok(), near);
            if surely_near(&codes, &values, scale) {
                prop_assert!(near);
            }
        }
    }
}
