//! The item vectors as they are stored, and how they become f32.

use std::borrow::Cow;

use super::codes::Codes;

/// Vectors of one matrix, row-major, borrowed from a memory map or from vectors.
///
/// A vector is what is stored: each value of every form is an f32 exactly, and the exact score is
/// that of these values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Vectors<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision (IEEE 754 binary16), by its bits.
    F16(&'a [u16]),
    /// The upper half of an f32, by its bits.
    Bf16(&'a [u16]),
    /// None beside the codes: a value is code * scale, rounded to f32 once.
    Coded,
}

impl<'a> Vectors<'a> {
    /// Number of values; none when they are made from the codes.
    pub(super) fn stored(self) -> Option<usize> {
        match self {
            Self::F32(values) => Some(values.len()),
            Self::F16(bits) | Self::Bf16(bits) => Some(bits.len()),
            Self::Coded => None,
        }
    }

    /// The row `index` of `dimensions` values, which lies within the matrix: as it lies, or
    /// converted.
    pub(super) fn row(
        self,
        index: usize,
        dimensions: usize,
        codes: Codes<'_>,
        scales: &[f32],
    ) -> Cow<'a, [f32]> {
        if let Self::F32(values) = self {
            return Cow::Borrowed(&values[index * dimensions..(index + 1) * dimensions]);
        }
        let mut row = vec![0.0; dimensions];
        self.read_row(index, codes, scales, &mut row);
        Cow::Owned(row)
    }

    /// Writes the row `index`, which lies within the matrix, to `row`, which has its length.
    pub(super) fn read_row(self, index: usize, codes: Codes<'_>, scales: &[f32], row: &mut [f32]) {
        let range = index * row.len()..(index + 1) * row.len();
        match self {
            Self::F32(values) => row.copy_from_slice(&values[range]),
            Self::F16(bits) => convert(&bits[range], row, f16_to_f32),
            Self::Bf16(bits) => convert(&bits[range], row, bf16_to_f32),
            Self::Coded => {
                let (scale, d) = (scales[index], row.len());
                for (at, value) in row.iter_mut().enumerate() {
                    *value = f32::from(codes.get(index, at, d)) * scale;
                }
            }
        }
    }
}

fn convert(bits: &[u16], row: &mut [f32], one: impl Fn(u16) -> f32) {
    for (value, bits) in row.iter_mut().zip(bits) {
        *value = one(*bits);
    }
}

/// The f32 of the same value as the half precision number of these bits.
///
/// Its magnitude, put where exponent and mantissa of an f32 stand, is smaller by 2^112, the
/// difference of the exponents' biases; the product is exact, also for subnormal numbers, which
/// are subnormal f32 before and normal ones after it.
#[must_use]
pub fn f16_to_f32(bits: u16) -> f32 {
    const SCALE: f32 = f32::from_bits((127 + 112) << 23);
    let (sign, magnitude) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    if bits & 0x7c00 == 0x7c00 {
        // Infinity and NaN: all bits of the exponent are set in both formats.
        return f32::from_bits(sign | 0x7f80_0000 | magnitude);
    }
    f32::from_bits((f32::from_bits(magnitude) * SCALE).to_bits() | sign)
}

/// The f32 of the same value as the bfloat16 number of these bits.
#[must_use]
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a half precision number from its definition.
    fn by_definition(bits: u16) -> f64 {
        let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
        let (exponent, mantissa) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        match exponent {
            0 => sign * mantissa * 2f64.powi(-24),
            31 if mantissa == 0.0 => sign * f64::INFINITY,
            31 => f64::NAN,
            _ => sign * (1024.0 + mantissa) * 2f64.powi(exponent - 25),
        }
    }

    #[test]
    fn every_half_precision_number_is_converted_exactly() {
        for bits in 0..=u16::MAX {
            let (found, expected) = (f16_to_f32(bits), by_definition(bits));
            assert_eq!(found.is_nan(), expected.is_nan(), "{bits:#06x}");
            assert_eq!(found.is_sign_negative(), bits & 0x8000 != 0, "{bits:#06x}");
            if !expected.is_nan() {
                assert_eq!(f64::from(found), expected, "{bits:#06x}");
            }
        }
    }

    #[test]
    fn a_bfloat16_number_is_the_upper_half_of_an_f32() {
        for (bits, value) in [(0x3f80, 1.0), (0xc000, -2.0), (0x0001, 2f32.powi(-133))] {
            assert_eq!(bf16_to_f32(bits), value);
        }
        assert!(bf16_to_f32(0x7fc0).is_nan());
        assert_eq!(bf16_to_f32(0xff80), f32::NEG_INFINITY);
    }
}
