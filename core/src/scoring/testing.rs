//! Matrices in every form, for the tests of this room.

use super::{Codes, ItemMatrix, Quantised, QuantisedInt4, Vectors, quantise, quantise_int4};

/// How a matrix is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    vectors: Kind,
    codes: Bits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    Int8,
    Int4,
    Planes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    F32,
    F16,
    Bf16,
    Coded,
}

impl Form {
    /// Every form.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let kinds = [Kind::F32, Kind::F16, Kind::Bf16, Kind::Coded];
        let bits = [Bits::Int8, Bits::Int4, Bits::Planes];
        kinds.into_iter().flat_map(move |vectors| bits.map(|codes| Self { vectors, codes }))
    }
}

/// A matrix with what it borrows.
#[derive(Debug)]
pub(super) struct Stored {
    form: Form,
    dimensions: usize,
    values: Vec<f32>,
    bits: Vec<u16>,
    pub(super) int8: Quantised,
    pub(super) int4: QuantisedInt4,
    planes: [Vec<u8>; 2],
}

impl Stored {
    /// `values` in `form`; what F16 cannot hold becomes its greatest number.
    pub(super) fn new(values: &[f32], dimensions: usize, form: Form) -> Self {
        let half = |value: &f32| half::f16::from_f32(value.clamp(-65_504.0, 65_504.0));
        let (bits, values): (Vec<u16>, Vec<f32>) = match form.vectors {
            Kind::F16 => values.iter().map(half).map(|h| (h.to_bits(), h.to_f32())).unzip(),
            Kind::Bf16 => {
                let half = values.iter().map(|value| half::bf16::from_f32(*value));
                half.map(|h| (h.to_bits(), h.to_f32())).unzip()
            }
            Kind::F32 | Kind::Coded => (Vec::new(), values.to_vec()),
        };
        let int8 = quantise(&values, dimensions).unwrap();
        let int4 = quantise_int4(&values, dimensions).unwrap();
        let planes = int8.planes(dimensions);
        Self { form, dimensions, values, bits, int8, int4, planes }
    }

    pub(super) fn matrix(&self) -> ItemMatrix<'_> {
        let vectors = match self.form.vectors {
            Kind::F32 => Vectors::F32(&self.values),
            Kind::F16 => Vectors::F16(&self.bits),
            Kind::Bf16 => Vectors::Bf16(&self.bits),
            Kind::Coded => Vectors::Coded,
        };
        let [high, low] = &self.planes;
        let (codes, scales) = match self.form.codes {
            Bits::Int8 => (Codes::Int8(&self.int8.codes), &self.int8.scales),
            Bits::Int4 => (Codes::Int4(&self.int4.codes), &self.int4.scales),
            Bits::Planes => (Codes::Planes { high, low }, &self.int8.scales),
        };
        ItemMatrix::stored(codes, scales, vectors, self.dimensions).unwrap()
    }

    /// The values of its rows, row-major, by their definition.
    pub(super) fn rows(&self) -> Vec<f32> {
        if self.form.vectors != Kind::Coded {
            return self.values.clone();
        }
        let d = self.dimensions;
        let code = |row: usize, at: usize| match self.form.codes {
            Bits::Int8 | Bits::Planes => self.int8.codes[row * d + at],
            Bits::Int4 => {
                let byte = self.int4.codes[row * d.div_ceil(2) + at / 2];
                let nibble = if at.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
                if nibble < 8 { nibble as i8 } else { nibble as i8 - 16 }
            }
        };
        let int4 = self.form.codes == Bits::Int4;
        let scales = if int4 { &self.int4.scales } else { &self.int8.scales };
        let rows = scales.iter().enumerate();
        rows.flat_map(|(row, scale)| (0..d).map(move |at| f32::from(code(row, at)) * scale))
            .collect()
    }
}
