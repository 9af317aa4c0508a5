//! Which values the tensors of a release may hold, judged piece by piece.

use crate::base::limits::WEIGHT_MAX;

/// What holds for the values of a tensor beyond being finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Nothing.
    Finite,
    /// F32, at least 0.
    NotNegative,
    /// F32, 0 to the greatest weight: a scale, whose product with any code is finite.
    Scale,
    /// I8, -127 to 127: codes that are as many below zero as above.
    Symmetric,
    /// U8: rows of this many int4 codes, -7 to 7, two a byte, the first in the low four bits; the
    /// high four bits of the last byte of a row of odd length are 0.
    Int4 {
        /// Codes of a row, at least 1.
        row: u64,
    },
    /// U8: rows of this many half bytes of any value, laid out in the same way.
    Halves {
        /// Half bytes of a row, at least 1.
        row: u64,
    },
}

impl Range {
    /// The first value of `piece` outside the range, as its index in the piece, with the reason.
    ///
    /// `piece` holds whole values, of which the first is number `first` of the tensor.
    pub(super) fn first_outside(self, first: u64, piece: &[u8]) -> Option<(usize, &'static str)> {
        match self {
            Self::Finite => None,
            Self::NotNegative => {
                let at = first_f32(piece, |value| value < 0.0)?;
                Some((at, "is negative, at least 0 is needed"))
            }
            Self::Scale => {
                let at = first_f32(piece, |value| !(0.0..=WEIGHT_MAX).contains(&value))?;
                Some((at, "is not 0 to 1e15"))
            }
            Self::Symmetric => {
                let at = piece.iter().position(|code| *code == i8::MIN as u8)?;
                Some((at, "is -128, -127 to 127 is needed"))
            }
            Self::Int4 { row } => {
                let found = [first_eight(piece), first_behind_row(row, first, piece)];
                found.into_iter().flatten().min_by_key(|(at, _)| *at)
            }
            Self::Halves { row } => first_behind_row(row, first, piece),
        }
    }
}

fn first_f32(piece: &[u8], is_outside: impl Fn(f32) -> bool) -> Option<usize> {
    piece.as_chunks::<4>().0.iter().position(|four| is_outside(f32::from_le_bytes(*four)))
}

/// The first byte with a code of -8.
fn first_eight(piece: &[u8]) -> Option<(usize, &'static str)> {
    let at = piece.iter().position(|byte| byte & 0x0f == 0x08 || byte & 0xf0 == 0x80)?;
    Some((at, "holds the code -8, -7 to 7 is needed"))
}

/// The first byte with a code where a row of odd length ends.
fn first_behind_row(row: u64, first: u64, piece: &[u8]) -> Option<(usize, &'static str)> {
    if row.is_multiple_of(2) {
        return None;
    }
    let bytes = row.div_ceil(2);
    // Index, in the piece, of the last byte of the first row that ends in it. A row has at most
    // 512 bytes.
    let end = (bytes - 1 - first % bytes) as usize;
    let mut ends = (end..piece.len()).step_by(bytes as usize);
    let at = ends.find(|at| piece[*at] & 0xf0 != 0)?;
    Some((at, "holds a code behind the end of its row, the high four bits must be 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(range: Range, first: u64, piece: &[u8]) -> Option<usize> {
        range.first_outside(first, piece).map(|(at, _)| at)
    }

    fn f32s(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn shares_are_not_negative_and_scales_leave_room_for_their_codes() {
        let most = WEIGHT_MAX;
        assert!((most * 127.0).is_finite());
        assert_eq!(at(Range::Scale, 0, &f32s(&[0.0, -0.0, 1.0, most])), None);
        for bad in [-1e-30, most.next_up(), f32::NAN, f32::INFINITY] {
            assert_eq!(at(Range::Scale, 0, &f32s(&[1.0, bad])), Some(1), "{bad}");
        }
        assert_eq!(at(Range::NotNegative, 0, &f32s(&[0.0, 3e38, -1.0])), Some(2));
    }

    #[test]
    fn the_least_code_of_each_width_is_refused() {
        assert_eq!(at(Range::Symmetric, 0, &[0x7f, 0x81, 0x80]), Some(2));
        let row = Range::Int4 { row: 4 };
        assert_eq!(at(row, 0, &[0x79, 0x97, 0x00, 0xff]), None);
        assert_eq!(at(row, 0, &[0x79, 0x08]), Some(1));
        assert_eq!(at(row, 0, &[0x79, 0x18, 0x81]), Some(1));
        assert_eq!(at(row, 2, &[0x81]), Some(0));
    }

    #[test]
    fn a_code_behind_a_row_of_odd_length_is_refused_wherever_the_piece_begins() {
        let row = Range::Int4 { row: 3 };
        let bytes = [0x11, 0x01, 0x22, 0x02, 0x33, 0x03];
        for first in 0..bytes.len() {
            assert_eq!(at(row, first as u64, &bytes[first..]), None);
            for (bad, _) in bytes.iter().enumerate().skip(first).filter(|(at, _)| at % 2 == 1) {
                let mut bytes = bytes;
                bytes[bad] |= 0x10;
                assert_eq!(at(row, first as u64, &bytes[first..]), Some(bad - first));
            }
        }
        assert_eq!(at(Range::Int4 { row: 1 }, 5, &[0x07, 0x09, 0x10]), Some(2));
        assert_eq!(at(Range::Halves { row: 1 }, 5, &[0x08, 0x09, 0x10]), Some(2));
        assert_eq!(at(Range::Halves { row: 2 }, 5, &[0x08, 0x80, 0x88]), None);
        assert_eq!(at(row, 0, &[]), None);
    }
}
