//! Columns of text, and tables of lists.

use std::ops::{Range, RangeInclusive};

use super::part::{Part, Parts, UNSIGNED};
use crate::base::{Dtype, Refusal};

/// Rows between two anchors: one is found by adding up so many lengths at most.
pub(super) const ROWS_PER_ANCHOR: usize = 64;
/// Bytes that are searched at a time for control characters.
const PIECE_BYTES: usize = 4_096;

/// Texts of any length: all bytes one after another, the length of each, and where every 64th
/// begins.
#[derive(Debug, Clone)]
pub(super) struct Text {
    bytes: Part,
    lengths: Part,
    anchors: Part,
}

impl Text {
    /// The column `name` of any number of rows.
    pub(super) fn take(parts: &mut Parts<'_>, name: &str) -> Result<Self, Refusal> {
        let lengths = parts.take(format!("{name}.lengths"), UNSIGNED)?;
        let anchors = lengths.rows.div_ceil(ROWS_PER_ANCHOR) + 1;
        let anchors = parts.take_rows(format!("{name}.anchors"), &[Dtype::U64], anchors)?;
        let bytes = parts.take(format!("{name}.bytes"), &[Dtype::U8])?;
        Ok(Self { bytes, lengths, anchors })
    }

    /// The same of `rows` rows.
    pub(super) fn take_rows(
        parts: &mut Parts<'_>,
        name: &str,
        rows: usize,
    ) -> Result<Self, Refusal> {
        let text = Self::take(parts, name)?;
        if text.rows() == rows {
            return Ok(text);
        }
        let (expected, found) = (vec![rows as u64], vec![text.rows() as u64]);
        Err(Refusal::WrongShape { tensor: text.lengths.name, expected, found })
    }

    pub(super) fn rows(&self) -> usize {
        self.lengths.rows
    }

    /// The text of `row`; none when there is none, or the file no longer holds text there.
    pub(super) fn get<'a>(&self, file: &'a [u8], row: usize) -> Option<&'a str> {
        str::from_utf8(self.raw(file, row)?).ok()
    }

    /// The bytes of `row`.
    pub(super) fn raw<'a>(&self, file: &'a [u8], row: usize) -> Option<&'a [u8]> {
        let block = row / ROWS_PER_ANCHOR;
        let anchor = self.anchors.uint(file, block)?;
        let before = self.lengths.sum(file, block * ROWS_PER_ANCHOR..row)?;
        let begin = usize::try_from(anchor.checked_add(before)?).ok()?;
        let length = usize::try_from(self.lengths.uint(file, row)?).ok()?;
        self.bytes.bytes(file).get(begin..begin.checked_add(length)?)
    }

    /// Checks that lengths, anchors and bytes agree, that every length is one of `allowed`, and
    /// that every row is UTF-8 without control characters.
    pub(super) fn check(
        &self,
        file: &[u8],
        allowed: &RangeInclusive<usize>,
    ) -> Result<(), Refusal> {
        let bytes = self.bytes.bytes(file);
        let (mut offset, mut lengths) = (0, [0; ROWS_PER_ANCHOR]);
        for first in (0..self.rows()).step_by(ROWS_PER_ANCHOR) {
            self.check_anchor(file, first / ROWS_PER_ANCHOR, offset)?;
            let count = self.lengths.read(file, first, &mut lengths);
            offset = self.check_block(bytes, first, &lengths[..count], offset, allowed)?;
        }
        self.check_anchor(file, self.rows().div_ceil(ROWS_PER_ANCHOR), offset)?;
        if offset != bytes.len() {
            let reason = format!("sum to {offset}, but {} bytes are there", bytes.len());
            let field = format!("tensor {}", self.lengths.name);
            return Err(Refusal::Field { field, reason });
        }
        if let Err(error) = str::from_utf8(bytes) {
            let field = self.bytes.place(error.valid_up_to());
            return Err(Refusal::NotUtf8 { field, reason: error.to_string() });
        }
        match first_control(bytes) {
            Some(at) => {
                let (field, reason) = (self.bytes.place(at), format!("byte {:#04x}", bytes[at]));
                Err(Refusal::ControlCharacter { field, reason })
            }
            None => Ok(()),
        }
    }

    /// Checks the `lengths` of the rows from `first` on, which begin at `offset`; gives where they
    /// end.
    fn check_block(
        &self,
        bytes: &[u8],
        first: usize,
        lengths: &[u32],
        mut offset: usize,
        allowed: &RangeInclusive<usize>,
    ) -> Result<usize, Refusal> {
        // Mostly there is nothing to find, which is seen without a look at each row.
        let sum = lengths.iter().map(|length| u64::from(*length)).sum::<u64>() as usize;
        let extremes = [lengths.iter().min(), lengths.iter().max()];
        let all_allowed = extremes.iter().flatten().all(|l| allowed.contains(&(**l as usize)));
        let end = offset.saturating_add(sum);
        let ascii = bytes.get(offset..end).is_some_and(<[u8]>::is_ascii);
        if all_allowed && ascii {
            return Ok(end);
        }
        for (row, length) in (first..).zip(lengths) {
            let length = *length as usize;
            if !allowed.contains(&length) {
                let reason = format!("is {length}, {} to {}", allowed.start(), allowed.end());
                return Err(self.lengths.refuse(row, reason + " bytes are allowed"));
            }
            // Inside a character no row begins; with the check of all bytes every row is UTF-8.
            if bytes.get(offset).is_some_and(|byte| byte & 0xc0 == 0x80) {
                return Err(self.lengths.refuse(row, "begins inside a character"));
            }
            offset = offset.saturating_add(length);
        }
        Ok(offset)
    }

    /// Where each row begins, of texts that were checked to be of at most 1,000 bytes.
    pub(super) fn locate<'a>(&'a self, file: &'a [u8]) -> Located<'a> {
        let mut within = Vec::with_capacity(self.rows());
        let mut lengths = [0; ROWS_PER_ANCHOR];
        for first in (0..self.rows()).step_by(ROWS_PER_ANCHOR) {
            let count = self.lengths.read(file, first, &mut lengths);
            within.extend(lengths[..count].iter().scan(0_u16, |begin, length| {
                let this = *begin;
                // 63 lengths before the last row of a block are below 2^16.
                *begin = begin.wrapping_add(*length as u16);
                Some(this)
            }));
        }
        let (bytes, anchors) = (self.bytes.bytes(file), self.anchors.bytes(file).as_chunks().0);
        Located { bytes, anchors, lengths: &self.lengths, file, within }
    }

    fn check_anchor(&self, file: &[u8], index: usize, offset: usize) -> Result<(), Refusal> {
        let found = self.anchors.uint(file, index).unwrap_or_default();
        if found == offset as u64 {
            return Ok(());
        }
        Err(self.anchors.refuse(index, format!("is {found}, the lengths give {offset}")))
    }
}

/// A checked column, and where each of its rows begins, to be read in any order.
#[derive(Debug)]
pub(super) struct Located<'a> {
    pub(super) bytes: &'a [u8],
    anchors: &'a [[u8; 8]],
    lengths: &'a Part,
    file: &'a [u8],
    /// Where each row begins behind the anchor before it: 2 bytes a row.
    within: Vec<u16>,
}

impl Located<'_> {
    /// Begin and length of `row`, when there is one.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<(usize, usize)> {
        let within = usize::from(*self.within.get(row)?);
        let anchor = u64::from_le_bytes(*self.anchors.get(row / ROWS_PER_ANCHOR)?) as usize;
        Some((anchor.checked_add(within)?, self.lengths.uint(self.file, row)? as usize))
    }
}

/// Offset of the first control character (U+0000 to U+001F, U+007F to U+009F) in valid UTF-8.
fn first_control(bytes: &[u8]) -> Option<usize> {
    let is_control = |first: u8, second: u8| {
        (first < 0x20) | (first == 0x7f) | ((first == 0xc2) & (second & 0xe0 == 0x80))
    };
    let mut begin = 0;
    while begin < bytes.len() {
        let end = bytes.len().min(begin + PIECE_BYTES);
        let next = &bytes[begin + 1..bytes.len().min(end + 1)];
        // The last byte of all has no second; no character of two bytes begins there.
        let pairs = || bytes[begin..end].iter().zip(next.iter().chain(&[0]));
        // Without a branch, so that the compiler makes vectors of it.
        let zipped = bytes[begin..end].iter().zip(next);
        let found = zipped.fold(false, |found, (a, b)| found | is_control(*a, *b));
        if found || is_control(bytes[end - 1], 0) {
            return pairs().position(|(a, b)| is_control(*a, *b)).map(|at| begin + at);
        }
        begin = end;
    }
    None
}

/// Where each list of a table of lists ends in the values of all lists.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    ends: Part,
    values: usize,
}

impl Lists {
    /// The lists whose ends stand in the tensor `name`, over `values` values.
    pub(super) fn take(
        parts: &mut Parts<'_>,
        name: String,
        values: usize,
    ) -> Result<Self, Refusal> {
        Ok(Self { ends: parts.take(name, &[Dtype::U32])?, values })
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.rows
    }

    /// The places of the values of list `index`.
    pub(super) fn range(&self, file: &[u8], index: usize) -> Option<Range<usize>> {
        let end = |index| self.ends.uint(file, index).and_then(|end| usize::try_from(end).ok());
        let begin = index.checked_sub(1).map_or(Some(0), end)?;
        let end = end(index).filter(|end| *end <= self.values)?;
        (begin <= end).then_some(begin..end)
    }

    /// Checks that the ends never fall, that the last is the number of values, and that no list
    /// holds more than `longest`.
    pub(super) fn check(&self, file: &[u8], longest: usize) -> Result<(), Refusal> {
        let mut begin = 0;
        for row in 0..self.rows() {
            let end = self.ends.uint(file, row).unwrap_or_default();
            if end < begin || end - begin > longest as u64 {
                let reason = format!(
                    "is {end}, {begin} to {} is needed",
                    begin.saturating_add(longest as u64)
                );
                return Err(self.ends.refuse(row, reason));
            }
            begin = end;
        }
        if begin == self.values as u64 {
            return Ok(());
        }
        let reason = format!("end at {begin}, but {} values are there", self.values);
        Err(Refusal::Field { field: format!("tensor {}", self.ends.name), reason })
    }
}
