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
        let mut offset = 0;
        for row in 0..self.rows() {
            if row % ROWS_PER_ANCHOR == 0 {
                self.check_anchor(file, row / ROWS_PER_ANCHOR, offset)?;
            }
            let length = self.lengths.uint(file, row).unwrap_or_default() as usize;
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
        self.check_anchor(file, self.rows().div_ceil(ROWS_PER_ANCHOR), offset)?;
        if offset != bytes.len() {
            let reason = format!("sum to {offset}, but {} bytes are there", bytes.len());
            let field = format!("tensor {}", self.lengths.name);
            return Err(Refusal::Field { field, reason });
        }
        if let Err(error) = str::from_utf8(bytes) {
            return Err(self.bytes.refuse(error.valid_up_to(), "is not UTF-8"));
        }
        match first_control(bytes) {
            Some(at) => Err(self.bytes.refuse(at, "is a control character")),
            None => Ok(()),
        }
    }

    fn check_anchor(&self, file: &[u8], index: usize, offset: usize) -> Result<(), Refusal> {
        let found = self.anchors.uint(file, index).unwrap_or_default();
        if found == offset as u64 {
            return Ok(());
        }
        Err(self.anchors.refuse(index, format!("is {found}, the lengths give {offset}")))
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
