//! The coarse codes as they are stored.

use std::ops::Range;

/// Codes of one matrix, row-major, borrowed from a memory map or from vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes<'a> {
    /// -127 to 127, one a byte.
    Int8(&'a [i8]),
    /// -7 to 7, two a byte: the low four bits hold the code of even index, the high four bits the
    /// one behind it, both in two's complement. A row begins with a byte of its own; the high four
    /// bits of the last byte of a row of odd length are 0.
    Int4(&'a [u8]),
}

impl<'a> Codes<'a> {
    /// Number of elements stored: bytes, in both forms.
    pub(super) fn stored(self) -> usize {
        match self {
            Self::Int8(codes) => codes.len(),
            Self::Int4(bytes) => bytes.len(),
        }
    }

    /// Bytes of one row of `dimensions` codes.
    #[must_use]
    pub fn row_bytes(self, dimensions: usize) -> usize {
        match self {
            Self::Int8(_) => dimensions,
            Self::Int4(_) => dimensions.div_ceil(2),
        }
    }

    /// Greatest absolute code that the form can hold; what the bound rests on, also for a matrix
    /// that was never verified.
    pub(super) fn bound(self) -> f64 {
        match self {
            Self::Int8(_) => 128.0,
            Self::Int4(_) => 8.0,
        }
    }

    /// The code `at` of the row `row`, which lies within the matrix.
    pub(super) fn get(self, row: usize, at: usize, dimensions: usize) -> i8 {
        let begin = row * self.row_bytes(dimensions);
        match self {
            Self::Int8(codes) => codes[begin + at],
            Self::Int4(bytes) => {
                let byte = bytes[begin + at / 2];
                if at.is_multiple_of(2) { low(byte) } else { high(byte) }
            }
        }
    }

    /// The codes of `rows`, one a byte: as they lie, or unpacked into `room`.
    ///
    /// `rows` lies within the matrix, which holds rows of `dimensions` codes.
    pub(super) fn rows<'r>(
        self,
        rows: Range<usize>,
        dimensions: usize,
        room: &'r mut Vec<i8>,
    ) -> &'r [i8]
    where
        'a: 'r,
    {
        let width = self.row_bytes(dimensions);
        match self {
            Self::Int8(codes) => &codes[rows.start * width..rows.end * width],
            Self::Int4(bytes) => {
                room.resize(rows.len() * dimensions, 0);
                unpack(&bytes[rows.start * width..rows.end * width], dimensions, room);
                room
            }
        }
    }
}

/// The code in the low four bits. Shifting a signed byte to the right repeats its sign.
fn low(byte: u8) -> i8 {
    (byte << 4) as i8 >> 4
}

/// The code in the high four bits.
fn high(byte: u8) -> i8 {
    byte as i8 >> 4
}

/// Unpacks rows of `dimensions` int4 codes into as many i8.
pub(super) fn unpack(bytes: &[u8], dimensions: usize, codes: &mut [i8]) {
    let rows = bytes.chunks_exact(dimensions.div_ceil(2).max(1));
    for (bytes, codes) in rows.zip(codes.chunks_exact_mut(dimensions.max(1))) {
        let (pairs, last) = codes.as_chunks_mut::<2>();
        for ([even, odd], byte) in pairs.iter_mut().zip(bytes) {
            (*even, *odd) = (low(*byte), high(*byte));
        }
        if let ([code], Some(byte)) = (last, bytes.last()) {
            *code = low(*byte);
        }
    }
}

/// Packs rows of `dimensions` codes, each -8 to 7, two a byte.
pub(super) fn pack(codes: &[i8], dimensions: usize) -> Vec<u8> {
    let rows = codes.chunks_exact(dimensions);
    let byte = |pair: &[i8]| (pair[0] & 15) as u8 | (pair.get(1).unwrap_or(&0) << 4) as u8;
    rows.flat_map(|row| row.chunks(2).map(byte)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_low_four_bits_come_first_and_a_row_begins_with_a_byte() {
        let codes = [1, -7, 3, 7, -1, 0];
        let bytes = [0x91, 0x03, 0xf7, 0x00];
        assert_eq!(pack(&codes, 3), bytes);
        let mut room = Vec::new();
        assert_eq!(Codes::Int4(&bytes).rows(0..2, 3, &mut room), codes);
        assert_eq!(Codes::Int4(&bytes).rows(1..2, 3, &mut room), &codes[3..]);
        assert_eq!(Codes::Int4(&[0x8f]).rows(0..1, 2, &mut room), [-1, -8]);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_again(
            d in 1usize..70,
            codes in prop::collection::vec(-8i8..8, 69 * 3),
        ) {
            let codes = &codes[..3 * d];
            let mut back = vec![99; 3 * d];
            unpack(&pack(codes, d), d, &mut back);
            prop_assert_eq!(&back, codes);
        }
    }
}
