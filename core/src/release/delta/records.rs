//! Instructions for one file: bytes to add and stretches of the older file to copy, in turn.
//!
//! Every record but the last makes at least [`RECORD_BYTES_MIN`] bytes, so that the number of
//! records, and with it the work, is bounded by the length of the file.

use std::io::{BufRead, BufReader, Read};

use super::Deflated;
use crate::base::{CancelToken, Error, Refusal, Result};

/// Bytes that a record makes, unless it is the last of its file.
pub const RECORD_BYTES_MIN: u64 = 16;

/// Bytes that are moved at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Inflated bytes that are read ahead.
const AHEAD_BYTES: usize = 16 * 1024;
/// Bytes of a varint of 64 bits.
const VARINT_BYTES_MAX: usize = 10;

/// The older file.
pub trait Source {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Reads all of `into`, from `offset` on; the caller stays within [`Self::length`].
    ///
    /// # Errors
    /// [`Error::File`].
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<()>;
}

impl Source for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> Result<()> {
        // The caller has compared offset and length with `length`.
        let begin = offset as usize;
        into.copy_from_slice(&self[begin..begin + into.len()]);
        Ok(())
    }
}

/// Where the newer file goes.
pub trait Sink {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::StorageFull`].
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

/// Follows the instructions in `records`: exactly `length` bytes for `sink`, out of `source`.
///
/// Memory is bounded whatever the records say, nothing is allocated by a number in them, and
/// nothing beyond `length` is written.
///
/// # Errors
/// [`Error::ReleaseRefused`] for `file` with [`Refusal::DeltaRecords`] or [`Refusal::DeltaCopy`];
/// [`Error::Cancelled`]; what the records, the source and the sink meet.
pub fn rebuild<R: BufRead>(
    file: &str,
    records: &mut Deflated<R>,
    source: &mut dyn Source,
    length: u64,
    sink: &mut dyn Sink,
    cancel: &CancelToken,
) -> Result<()> {
    let mut work = Rebuilding {
        file,
        records: BufReader::with_capacity(AHEAD_BYTES, records),
        source,
        sink,
        cancel,
        piece: vec![0; PIECE_BYTES.min(usize::try_from(length).unwrap_or(PIECE_BYTES))],
        length,
        made: 0,
        expected: 0,
    };
    while work.made < length {
        work.record()?;
    }
    work.end()
}

struct Rebuilding<'a, R: BufRead> {
    file: &'a str,
    records: BufReader<&'a mut Deflated<R>>,
    source: &'a mut dyn Source,
    sink: &'a mut dyn Sink,
    cancel: &'a CancelToken,
    piece: Vec<u8>,
    /// Bytes of the file.
    length: u64,
    /// Bytes made so far.
    made: u64,
    /// Offset in the source from which the next copy is counted.
    expected: u64,
}

impl<R: BufRead> Rebuilding<'_, R> {
    fn record(&mut self) -> Result<()> {
        let begin = self.made;
        let added = self.varint()?;
        self.check(added)?;
        self.add(added)?;
        if self.made == self.length {
            return Ok(());
        }
        let copied = self.varint()?;
        self.check(copied)?;
        if added + copied < RECORD_BYTES_MIN && begin + added + copied < self.length {
            return Err(self.malformed("a record makes less than 16 bytes"));
        }
        if copied == 0 {
            // The next copy is where it would have been without this end of a record.
            self.expected = self.expected.saturating_add(added);
            return Ok(());
        }
        let distance = unfold(self.varint()?);
        let from = self.expected.saturating_add(added).checked_add_signed(distance);
        let from = from.ok_or_else(|| self.malformed("a copy begins before its file"))?;
        self.copy(from, copied)?;
        self.expected = from + copied;
        Ok(())
    }

    /// Checks that the file has room for `more` bytes.
    fn check(&self, more: u64) -> Result<()> {
        if more > self.length - self.made {
            return Err(self.malformed("it makes more than the file's length"));
        }
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }

    fn add(&mut self, mut left: u64) -> Result<()> {
        while left > 0 {
            let count = (self.piece.len() as u64).min(left) as usize;
            let read = self.records.read_exact(&mut self.piece[..count]);
            read.map_err(|error| self.failed(error))?;
            self.put(count)?;
            left -= count as u64;
        }
        Ok(())
    }

    fn copy(&mut self, mut from: u64, mut left: u64) -> Result<()> {
        let have = self.source.length();
        if from.checked_add(left).is_none_or(|end| end > have) {
            let refusal = Refusal::DeltaCopy { offset: from, length: left, have };
            return Err(Error::refused(self.file, refusal));
        }
        while left > 0 {
            let count = (self.piece.len() as u64).min(left) as usize;
            self.source.read_at(from, &mut self.piece[..count])?;
            self.put(count)?;
            from += count as u64;
            left -= count as u64;
        }
        Ok(())
    }

    fn put(&mut self, count: usize) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        self.sink.write(&self.piece[..count])?;
        self.made += count as u64;
        Ok(())
    }

    /// Checks that the records end with the file.
    fn end(&mut self) -> Result<()> {
        let more = self.records.fill_buf().map(|bytes| !bytes.is_empty());
        if more.map_err(|error| self.failed(error))? {
            return Err(self.malformed("there is more behind the end of the file"));
        }
        if !self.records.get_ref().is_spent() {
            return Err(self.malformed("the deflate stream is not as long as announced"));
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64> {
        let mut reader = Varint::default();
        loop {
            let mut byte = [0];
            let read = self.records.read_exact(&mut byte);
            read.map_err(|error| self.failed(error))?;
            match reader.push(byte[0]) {
                Some(Some(value)) => return Ok(value),
                Some(None) => {}
                None => return Err(self.malformed("a number is longer than 64 bits")),
            }
        }
    }

    fn failed(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.malformed("they end before the file does"),
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                self.malformed("the deflate stream is damaged")
            }
            _ => Error::file(self.records.get_ref().path(), "reading")(error),
        }
    }

    fn malformed(&self, reason: &'static str) -> Error {
        Error::refused(self.file, Refusal::DeltaRecords { offset: self.made, reason })
    }
}

/// Writes `value` as a varint: seven bits a byte, the lowest first, the highest bit set on all
/// bytes but the last.
pub fn write_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Takes a varint off the begin of `bytes`; none when it does not end or is out of range.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut reader = Varint::default();
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if let Some(value) = reader.push(*byte)? {
            return Some(value);
        }
    }
}

/// A varint that is being read.
#[derive(Default)]
struct Varint {
    value: u64,
    bytes: usize,
}

impl Varint {
    /// Takes a byte: the value when it was the last one, none at all when there are too many.
    fn push(&mut self, byte: u8) -> Option<Option<u64>> {
        if self.bytes == VARINT_BYTES_MAX - 1 && byte > 1 {
            return None;
        }
        self.value |= u64::from(byte & 0x7f) << (7 * self.bytes);
        self.bytes += 1;
        Some((byte < 0x80).then_some(self.value))
    }
}

/// The signed number behind 0, 1, 2, 3, 4, ...: 0, -1, 1, -2, 2, ...
fn unfold(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
