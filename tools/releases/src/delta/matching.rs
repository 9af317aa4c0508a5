//! From an older and a newer file to records.

use std::io::Write;
use std::path::Path;

use noctule_core::release::delta::write_varint;

use super::blocks::{BLOCK_BYTES, Blocks, Rolling};
use super::pages::Pages;
use super::window::Window;
use crate::{Error, Result};

/// Bytes in common that are worth a copy: a record takes five bytes or so, and the format asks for
/// no less.
const COPY_BYTES_MIN: usize = 16;
/// Bytes that are looked at together.
const LOOK_BYTES: usize = 64 * 1024;
/// Bytes without a match after which the index is made: no few rows replaced in their places.
const INDEX_AFTER: usize = 2 * 1024;
/// Bytes of one stretch that is added.
const ADD_BYTES_MAX: usize = 512 * 1024;

/// Writes the records that make the file at `new` out of `old` to `out`, which errors call
/// `out_path`; gives the number of bytes that were added.
pub(super) fn write_records(
    new: &Path,
    old: Option<&mut Pages>,
    out: &mut impl Write,
    out_path: &Path,
) -> Result<u64> {
    let window = Window::open(new)?;
    let mut records =
        Records { window, old, index: None, hash: None, expected: 0, added: 0, out, out_path };
    while records.step()? {}
    Ok(records.added)
}

struct Records<'a, W> {
    window: Window,
    old: Option<&'a mut Pages>,
    index: Option<Blocks>,
    /// Hash of the block ahead, where it is known.
    hash: Option<Rolling>,
    /// Offset in the older file of what would follow the last copy.
    expected: u64,
    added: u64,
    out: &'a mut W,
    out_path: &'a Path,
}

impl<W: Write> Records<'_, W> {
    /// Looks one byte or one copy further; false at the end of the file.
    fn step(&mut self) -> Result<bool> {
        self.window.ensure(LOOK_BYTES)?;
        if self.window.ahead().is_empty() {
            if self.wants_index(4 * BLOCK_BYTES) {
                return self.make_index().map(|()| true);
            }
            return self.end().map(|()| false);
        }
        if let Some((from, back)) = self.find()? {
            self.window.go_back(back);
            self.copy(from)?;
            return Ok(true);
        }
        if self.wants_index(INDEX_AFTER) {
            return self.make_index().map(|()| true);
        }
        if self.window.waiting().len() >= ADD_BYTES_MAX {
            self.expected = self.expected.saturating_add(self.add()? as u64);
            // No copy ends this record, which is not the last: there is more ahead.
            self.number(0)?;
        }
        self.roll();
        Ok(true)
    }

    /// Where in the older file a copy of what is ahead begins, and how many of the waiting bytes
    /// it also covers.
    fn find(&mut self) -> Result<Option<(u64, usize)>> {
        let Some(old) = self.old.as_deref_mut() else { return Ok(None) };
        let (waiting, ahead) = (self.window.waiting(), self.window.ahead());
        let expected = self.expected.saturating_add(waiting.len() as u64);
        let look = &ahead[..ahead.len().min(COPY_BYTES_MIN)];
        if look.len() == COPY_BYTES_MIN && old.forward(expected, look)? == COPY_BYTES_MIN {
            return Ok(Some((expected, 0)));
        }
        let Some(index) = &self.index else { return Ok(None) };
        let Some(block) = ahead.get(..BLOCK_BYTES) else { return Ok(None) };
        let hash = *self.hash.get_or_insert_with(|| Rolling::of(block));
        let Some(from) = index.find(hash) else { return Ok(None) };
        if old.forward(from, block)? < BLOCK_BYTES {
            return Ok(None);
        }
        let back = old.backward(from, waiting)?;
        Ok(Some((from - back as u64, back)))
    }

    /// Writes a record: what waits is added, then all that is the same from `from` on is copied.
    fn copy(&mut self, from: u64) -> Result<()> {
        let added = self.add()?;
        let mut copied = 0;
        while let Some(old) = self.old.as_deref_mut() {
            let same = old.forward(from + copied, self.window.ahead())?;
            self.window.advance(same);
            self.window.written();
            self.window.ensure(LOOK_BYTES)?;
            copied += same as u64;
            if same == 0 {
                break;
            }
        }
        self.hash = None;
        self.number(copied)?;
        let there = self.expected.saturating_add(added as u64);
        self.number(fold(from.wrapping_sub(there) as i64))?;
        self.expected = from + copied;
        Ok(())
    }

    /// Adds what waits.
    fn add(&mut self) -> Result<usize> {
        let count = self.window.waiting().len();
        self.number(count as u64)?;
        let written = self.out.write_all(self.window.waiting());
        written.map_err(Error::file(self.out_path, "writing"))?;
        self.window.written();
        self.added += count as u64;
        Ok(count)
    }

    /// Adds the end of the file.
    fn end(&mut self) -> Result<()> {
        if self.window.waiting().is_empty() {
            return Ok(());
        }
        self.add().map(drop)
    }

    /// Whether so much waits that an index may pay, and there is none yet.
    fn wants_index(&self, waiting: usize) -> bool {
        self.old.is_some() && self.index.is_none() && self.window.waiting().len() >= waiting
    }

    /// Makes the index and looks at what waits again.
    fn make_index(&mut self) -> Result<()> {
        if let Some(old) = self.old.as_deref_mut() {
            self.index = Some(Blocks::of(old)?);
        }
        let waiting = self.window.waiting().len();
        self.window.go_back(waiting);
        self.hash = None;
        Ok(())
    }

    /// Looks on by one byte.
    fn roll(&mut self) {
        let ahead = self.window.ahead();
        self.hash = match (self.hash, ahead.get(BLOCK_BYTES)) {
            (Some(hash), Some(entering)) => Some(hash.roll(ahead[0], *entering)),
            _ => None,
        };
        self.window.advance(1);
    }

    fn number(&mut self, value: u64) -> Result<()> {
        let mut bytes = Vec::with_capacity(10);
        write_varint(&mut bytes, value);
        self.out.write_all(&bytes).map_err(Error::file(self.out_path, "writing"))
    }
}

/// 0, -1, 1, -2, 2, ... as 0, 1, 2, 3, 4, ...
fn fold(value: i64) -> u64 {
    (value.wrapping_shl(1) ^ (value >> 63)) as u64
}
