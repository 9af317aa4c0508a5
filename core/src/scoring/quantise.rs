//! Symmetric quantisation: a row of f32 values becomes int8 or int4 codes and one scale.

use super::codes;
use crate::base::limits::DIMENSIONS_MAX;
use crate::base::{Error, Result};

/// Greatest absolute int8 code; -128 is not used, so that the range is symmetric.
pub(super) const CODE_MAX: f64 = 127.0;
/// Greatest absolute int4 code; -8 is not used.
const INT4_MAX: f64 = 7.0;

/// Rows of int8 codes with one scale each: value ~ code * scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quantised {
    /// Codes, row-major [n, d], each -127 to 127.
    pub codes: Vec<i8>,
    /// n scales: the row's greatest absolute value / 127, rounded up; 0 for a row of zeros.
    pub scales: Vec<f32>,
}

/// Quantises the rows of `values` (row-major [n, `dimensions`]).
///
/// Every value lies within half a step (scale / 2) of code * scale: the scale is rounded up, so
/// that no code has to be clamped, and each code is the nearest. The same on every machine.
///
/// ```
/// let quantised = noctule_core::scoring::quantise(&[1.0, -0.5, 0.0, 0.0], 2)?;
/// assert_eq!(quantised.codes, [127, -63, 0, 0]);
/// assert_eq!(quantised.scales[1], 0.0);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidInput`] when `dimensions` is not 1 to 1,024, `values` is no whole number of
/// rows, or a value is not finite (the field names its index).
pub fn quantise(values: &[f32], dimensions: usize) -> Result<Quantised> {
    let (codes, scales) = quantise_rows(values, dimensions, CODE_MAX)?;
    Ok(Quantised { codes, scales })
}

impl Quantised {
    /// The codes of rows of `dimensions` as [`super::Codes::Planes`] has them: the high plane, then
    /// the low one.
    ///
    /// ```
    /// let quantised = noctule_core::scoring::quantise(&[1.0, -0.5], 2)?;
    /// assert_eq!(quantised.codes, [0x7f, -0x3f]);
    /// assert_eq!(quantised.planes(2), [vec![0xc7], vec![0x1f]]);
    /// # Ok::<(), noctule_core::base::Error>(())
    /// ```
    #[must_use]
    pub fn planes(&self, dimensions: usize) -> [Vec<u8>; 2] {
        codes::split(&self.codes, dimensions)
    }
}

/// Rows of int4 codes with one scale each: value ~ code * scale.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuantisedInt4 {
    /// Codes, each -7 to 7, two a byte as in [`super::Codes::Int4`]: row-major
    /// [n, d / 2 rounded up].
    pub codes: Vec<u8>,
    /// n scales: the row's greatest absolute value / 7, rounded up; 0 for a row of zeros.
    pub scales: Vec<f32>,
}

/// Quantises the rows of `values` (row-major [n, `dimensions`]) to int4, as [`quantise`] does to
/// int8.
///
/// ```
/// let quantised = noctule_core::scoring::quantise_int4(&[1.0, -0.5, 0.0, 3.5, 0.2, 0.2], 3)?;
/// assert_eq!(quantised.codes, [0xd7, 0x00, 0x07, 0x00]);
/// assert_eq!(quantised.scales[1], 0.5);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
///
/// # Errors
/// As [`quantise`].
pub fn quantise_int4(values: &[f32], dimensions: usize) -> Result<QuantisedInt4> {
    let (codes, scales) = quantise_rows(values, dimensions, INT4_MAX)?;
    Ok(QuantisedInt4 { codes: codes::pack(&codes, dimensions), scales })
}

fn quantise_rows(values: &[f32], dimensions: usize, most: f64) -> Result<(Vec<i8>, Vec<f32>)> {
    check_dimensions(dimensions)?;
    if !values.len().is_multiple_of(dimensions) {
        let reason = format!("{} values are no whole rows of {dimensions}", values.len());
        return Err(Error::invalid("values", reason));
    }
    check_finite("values", values)?;
    let mut codes = vec![0; values.len()];
    let rows = values.chunks_exact(dimensions).zip(codes.chunks_exact_mut(dimensions));
    let scales = rows.map(|(row, codes)| quantise_row(row, 1.0, most, codes)).collect();
    Ok((codes, scales))
}

/// Quantises the finite `row` * `unit` into `codes` of at most `most` and gives the scale.
///
/// `unit` is a power of two, so the products are exact in f64. The quotient is rounded once before
/// it is rounded to a code: the distance is at most (1/2 + 2^-46) steps.
pub(super) fn quantise_row(row: &[f32], unit: f64, most: f64, codes: &mut [i8]) -> f32 {
    let largest = f64::from(row.iter().fold(0.0f32, |top, value| top.max(value.abs()))) * unit;
    if largest == 0.0 {
        codes.fill(0);
        return 0.0;
    }
    let nearest = (largest / most) as f32;
    // 24 bits times at most 7 bits: this product is exact, and so is the comparison.
    let covers = f64::from(nearest) * most >= largest;
    let scale = if covers { nearest } else { nearest.next_up() };
    for (value, code) in row.iter().zip(codes) {
        *code = (f64::from(*value) * unit / f64::from(scale)).round() as i8;
    }
    scale
}

/// Refuses dimensions outside 1 to 1,024.
pub(super) fn check_dimensions(dimensions: usize) -> Result<()> {
    if dimensions == 0 || dimensions > DIMENSIONS_MAX {
        let reason = format!("{dimensions}, but 1 to {DIMENSIONS_MAX} are allowed");
        return Err(Error::invalid("dimensions", reason));
    }
    Ok(())
}

/// Refuses the first value that is NaN or infinite, by its index.
pub(super) fn check_finite(field: &str, values: &[f32]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let reason = format!("{}, but it must be finite", values[index]);
            Err(Error::invalid(format!("{field}[{index}]"), reason))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asserts that every value lies within half a step of what its code stands for, in int8 and
    /// in int4.
    fn assert_within_half_a_step(values: &[f32], dimensions: usize) {
        let Quantised { codes, scales } = quantise(values, dimensions).unwrap();
        assert_near(values, dimensions, &codes, &scales, 127);
        let quantised = quantise_int4(values, dimensions).unwrap();
        let mut codes = codes;
        codes::unpack(&quantised.codes, dimensions, &mut codes);
        assert_near(values, dimensions, &codes, &quantised.scales, 7);
    }

    fn assert_near(values: &[f32], dimensions: usize, codes: &[i8], scales: &[f32], most: u8) {
        let rows = values.chunks_exact(dimensions).zip(codes.chunks_exact(dimensions));
        for ((row, codes), scale) in rows.zip(scales) {
            for (value, code) in row.iter().zip(codes) {
                let step = f64::from(*scale);
                let distance = (f64::from(*value) - f64::from(*code) * step).abs();
                assert!(distance <= step * (0.5 + 2f64.powi(-46)), "{value} {code} {scale}");
                assert!(code.unsigned_abs() <= most);
            }
        }
    }

    proptest! {
        #[test]
        fn every_value_lies_within_half_a_step(
            dimensions in 1usize..9,
            values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL, 72),
        ) {
            assert_within_half_a_step(&values[..dimensions * 8], dimensions);
        }
    }

    #[test]
    fn the_ends_of_the_range_of_f32_are_quantised_too() {
        let least = f32::from_bits(1);
        assert_within_half_a_step(&[f32::MAX, f32::MIN, 1.0, least], 4);
        assert_within_half_a_step(&[least, -least, 0.0, f32::from_bits(200)], 2);
        assert_eq!(quantise(&[least], 1).unwrap().codes, [1]);
    }

    #[test]
    fn a_row_of_zeros_has_scale_zero() {
        let quantised = quantise(&[0.0, -0.0, 3.0, -3.0], 2).unwrap();
        assert_eq!(quantised.codes, [0, 0, 127, -127]);
        assert_eq!(quantised.scales[0], 0.0);
        assert_eq!(quantise(&[], 5).unwrap(), Quantised::default());
    }

    #[test]
    fn a_value_that_is_not_finite_is_refused_by_its_index() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = quantise(&[0.0, 1.0, bad, f32::NAN], 2).unwrap_err();
            assert!(matches!(&error, Error::InvalidInput { field, .. } if field == "values[2]"));
        }
    }

    #[test]
    fn shapes_that_make_no_sense_are_refused() {
        assert!(quantise(&[0.0; 3], 2).is_err());
        assert!(quantise(&[], 0).is_err());
        assert!(quantise(&[0.0; 1025], 1025).is_err());
    }
}
