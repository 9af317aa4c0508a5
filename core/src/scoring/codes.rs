//! The coarse codes as they are stored.

use std::ops::Range;

use noctule_kernels::integer::{Kernel, ScanQuery};

use crate::base::MappedFile;

/// Codes of one matrix, row-major, borrowed from a memory map or from vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes<'a> {
    /// -127 to 127, one a byte.
    Int8(&'a [i8]),
    /// -7 to 7, two a byte: the low four bits hold the code of even index, the high four bits the
    /// one behind it, both in two's complement. A row begins with a byte of its own; the high four
    /// bits of the last byte of a row of odd length are 0.
    Int4(&'a [u8]),
    /// -127 to 127, in two planes of half a byte: `high` holds of each code c the four bits of
    /// floor(c / 16), as [`Self::Int4`] holds codes, and `low` those of c - 16 floor(c / 16). A
    /// search reads the high plane, and the low one of rows that may be among the best.
    Planes {
        /// The high four bits.
        high: &'a [u8],
        /// The low four bits.
        low: &'a [u8],
    },
}

/// Distance of the four low bits of a code from their middle, at most.
pub(super) const LOW_HALF: f64 = 7.5;
/// What a code of the high plane stands for.
pub(super) const HIGH_STEP: f64 = 16.0;

impl<'a> Codes<'a> {
    /// Number of elements stored: bytes, in every form.
    pub(super) fn stored(self) -> usize {
        match self {
            Self::Int8(codes) => codes.len(),
            Self::Int4(bytes) => bytes.len(),
            Self::Planes { high, low } => high.len() + low.len(),
        }
    }

    /// Whether `items` rows of `dimensions` codes are stored.
    pub(super) fn fit(self, items: usize, dimensions: usize) -> bool {
        let even = match self {
            Self::Planes { high, low } => high.len() == low.len(),
            Self::Int8(_) | Self::Int4(_) => true,
        };
        even && self.stored() == items * self.row_bytes(dimensions)
    }

    /// What one query multiplies with every row.
    pub(super) fn coarse(self) -> Self {
        match self {
            Self::Planes { high, .. } => Self::Int4(high),
            Self::Int8(_) | Self::Int4(_) => self,
        }
    }

    /// Bytes of one row of `dimensions` codes.
    #[must_use]
    pub fn row_bytes(self, dimensions: usize) -> usize {
        match self {
            Self::Int8(_) => dimensions,
            Self::Int4(_) => dimensions.div_ceil(2),
            Self::Planes { .. } => 2 * dimensions.div_ceil(2),
        }
    }

    /// Greatest absolute code that the form can hold; what the bound rests on, also for a matrix
    /// that was never verified.
    pub(super) fn bound(self) -> f64 {
        match self {
            Self::Int8(_) | Self::Planes { .. } => 128.0,
            Self::Int4(_) => 8.0,
        }
    }

    /// The code `at` of the row `row`, which lies within the matrix.
    pub(super) fn get(self, row: usize, at: usize, dimensions: usize) -> i8 {
        let half = |bytes: &[u8]| {
            let byte = bytes[row * dimensions.div_ceil(2) + at / 2];
            if at.is_multiple_of(2) { low(byte) } else { high(byte) }
        };
        match self {
            Self::Int8(codes) => codes[row * dimensions + at],
            Self::Int4(bytes) => half(bytes),
            Self::Planes { high, low } => half(high) << 4 | half(low) & 15,
        }
    }

    /// The codes of `rows`, one a byte: as they lie, or unpacked into `room` with the help of
    /// `kernel`.
    ///
    /// `rows` lies within the matrix, which holds rows of `dimensions` codes.
    pub(super) fn rows<'r>(
        self,
        kernel: Kernel,
        rows: Range<usize>,
        dimensions: usize,
        room: &'r mut Vec<i8>,
    ) -> &'r [i8]
    where
        'a: 'r,
    {
        let (count, halves) = (rows.len(), halves(rows.clone(), dimensions));
        match self {
            Self::Int8(codes) => return &codes[whole(rows, dimensions)],
            Self::Int4(bytes) => {
                room.resize(count * dimensions, 0);
                unpack(&bytes[halves], dimensions, room);
            }
            Self::Planes { high, low } => {
                room.resize(2 * halves.len(), 0);
                kernel.join_planes(&high[halves.clone()], &low[halves], room);
                let joined = 2 * dimensions.div_ceil(2);
                // A row of odd length leaves its last half byte empty.
                for row in if joined == dimensions { 0..0 } else { 1..count } {
                    let begin = row * joined;
                    room.copy_within(begin..begin + dimensions, row * dimensions);
                }
                room.truncate(count * dimensions);
            }
        }
        room
    }

    /// Writes the dot products of `query` with `rows`, which lie within the matrix, to the front of
    /// `dots`, which has room for them.
    pub(super) fn dot_products(
        self,
        kernel: Kernel,
        query: &ScanQuery,
        rows: &[u32],
        dots: &mut [i32],
    ) {
        let d = query.codes().len();
        if let Self::Planes { high, low } = self {
            return kernel.dot_planes(query, [high, low], rows, dots);
        }
        let mut room = Vec::new();
        for (row, dot) in rows.iter().zip(dots) {
            let row = *row as usize..*row as usize + 1;
            *dot = kernel.dot_product(query.codes(), self.rows(kernel, row, d, &mut room));
        }
    }

    /// Asks for what [`Self::dot_products`] reads and a scan for one query does not.
    pub(super) fn fetch_rest_ahead(self, row: usize, dimensions: usize) {
        if let Self::Planes { low, .. } = self {
            Kernel::fetch_ahead(&low[halves(row..row + 1, dimensions)]);
        }
    }

    /// Asks for all of `rows`, which lie within the matrix.
    pub(super) fn fetch_ahead(self, rows: Range<usize>, dimensions: usize) {
        match self {
            Self::Int8(codes) => Kernel::fetch_ahead(&codes[whole(rows, dimensions)]),
            Self::Int4(bytes) => Kernel::fetch_ahead(&bytes[halves(rows, dimensions)]),
            Self::Planes { high, low } => {
                let halves = halves(rows, dimensions);
                Kernel::fetch_ahead(&high[halves.clone()]);
                Kernel::fetch_ahead(&low[halves]);
            }
        }
    }

    /// Gives the pages of `file` back on which `rows` stand.
    pub(super) fn give_back(self, file: &MappedFile, rows: Range<usize>, dimensions: usize) {
        match self {
            Self::Int8(codes) => file.give_back(&codes[whole(rows, dimensions)]),
            Self::Int4(bytes) => file.give_back(&bytes[halves(rows, dimensions)]),
            Self::Planes { high, low } => {
                let halves = halves(rows, dimensions);
                file.give_back(&high[halves.clone()]);
                file.give_back(&low[halves]);
            }
        }
    }
}

/// Where `rows` stand, one byte a code.
fn whole(rows: Range<usize>, dimensions: usize) -> Range<usize> {
    rows.start * dimensions..rows.end * dimensions
}

/// Where `rows` stand, half a byte a code.
fn halves(rows: Range<usize>, dimensions: usize) -> Range<usize> {
    whole(rows, dimensions.div_ceil(2))
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

/// The planes of rows of `dimensions` int8 codes, the high four bits first.
pub(super) fn split(codes: &[i8], dimensions: usize) -> [Vec<u8>; 2] {
    let rows = || codes.chunks_exact(dimensions).flat_map(|row| row.chunks(2));
    let byte = |two: &[i8], bits: fn(i8) -> u8| {
        bits(two[0]) | two.get(1).map_or(0, |code| bits(*code)) << 4
    };
    let high = rows().map(|two| byte(two, |code| code as u8 >> 4));
    let low = rows().map(|two| byte(two, |code| code as u8 & 15));
    [high.collect(), low.collect()]
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
        let (kernel, mut room) = (Kernel::fastest(), Vec::new());
        assert_eq!(Codes::Int4(&bytes).rows(kernel, 0..2, 3, &mut room), codes);
        assert_eq!(Codes::Int4(&bytes).rows(kernel, 1..2, 3, &mut room), &codes[3..]);
        assert_eq!(Codes::Int4(&[0x8f]).rows(kernel, 0..1, 2, &mut room), [-1, -8]);
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

        #[test]
        fn planes_hold_every_code(
            d in 1usize..70,
            codes in prop::collection::vec(any::<i8>(), 69 * 3),
        ) {
            let codes = &codes[..3 * d];
            let [high, low] = split(codes, d);
            let planes = Codes::Planes { high: &high, low: &low };
            prop_assert!(planes.fit(3, d) && !planes.fit(2, d));
            for kernel in Kernel::available() {
                let mut room = Vec::new();
                prop_assert_eq!(planes.rows(kernel, 0..3, d, &mut room), codes);
                prop_assert_eq!(planes.rows(kernel, 2..3, d, &mut room), &codes[2 * d..]);
            }
            for (at, code) in codes.iter().enumerate() {
                prop_assert_eq!(planes.get(at / d, at % d, d), *code);
            }
        }
    }
}
