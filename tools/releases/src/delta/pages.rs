//! The older file, compared at any place with a bounded part of it in memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use noctule_core::base::Result as CoreResult;
use noctule_core::release::delta::Source;

use crate::{Error, Result};

const PAGE_BYTES: u64 = 64 * 1024;
/// Pages in memory: 32 MiB.
const PAGES: u64 = 512;

/// A file and some of its pages.
#[derive(Debug)]
pub(super) struct Pages {
    path: PathBuf,
    file: File,
    length: u64,
    /// Each page has one slot, that of its number modulo [`PAGES`].
    slots: Vec<Option<(u64, Vec<u8>)>>,
}

impl Pages {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        let length = file.metadata().map_err(Error::file(path, "reading"))?.len();
        let slots = (0..PAGES.min(length.div_ceil(PAGE_BYTES))).map(|_| None).collect();
        Ok(Self { path: path.to_path_buf(), file, length, slots })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads all of `into` from `offset` on, past the pages.
    pub(super) fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<()> {
        let read = self.file.seek(SeekFrom::Start(offset));
        let read = read.and_then(|_| self.file.read_exact(into));
        read.map_err(Error::file(&self.path, "reading"))
    }

    /// Number of bytes that `bytes` and the file from `offset` on begin with in common.
    pub(super) fn forward(&mut self, offset: u64, bytes: &[u8]) -> Result<usize> {
        let mut common = 0;
        while common < bytes.len() && offset + (common as u64) < self.length {
            let at = offset + common as u64;
            let page = &self.page(at / PAGE_BYTES)?[(at % PAGE_BYTES) as usize..];
            let count = page.len().min(bytes.len() - common);
            let same = common_prefix(&page[..count], &bytes[common..common + count]);
            common += same;
            if same < count {
                break;
            }
        }
        Ok(common)
    }

    /// Number of bytes that `bytes` and the file up to `offset` end with in common.
    pub(super) fn backward(&mut self, offset: u64, bytes: &[u8]) -> Result<usize> {
        let mut common = 0;
        while common < bytes.len() && (common as u64) < offset {
            let at = offset - common as u64 - 1;
            let page = self.page(at / PAGE_BYTES)?;
            if page[(at % PAGE_BYTES) as usize] != bytes[bytes.len() - 1 - common] {
                break;
            }
            common += 1;
        }
        Ok(common)
    }

    /// The page of this number, which lies in the file.
    fn page(&mut self, number: u64) -> Result<&[u8]> {
        let slot = (number % self.slots.len() as u64) as usize;
        if self.slots[slot].as_ref().is_none_or(|(held, _)| *held != number) {
            let begin = number * PAGE_BYTES;
            let mut bytes = self.slots[slot].take().map(|(_, bytes)| bytes).unwrap_or_default();
            bytes.resize((self.length - begin).min(PAGE_BYTES) as usize, 0);
            self.read(begin, &mut bytes)?;
            self.slots[slot] = Some((number, bytes));
        }
        Ok(self.slots[slot].as_ref().map_or(&[], |(_, bytes)| bytes))
    }
}

impl Source for Pages {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> CoreResult<()> {
        let read = self.file.seek(SeekFrom::Start(offset));
        let read = read.and_then(|_| self.file.read_exact(into));
        read.map_err(noctule_core::base::Error::file(&self.path, "reading"))
    }
}

fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    // Words first: most of a release is the same.
    let words = one.chunks_exact(16).zip(other.chunks_exact(16));
    let same = 16 * words.take_while(|(one, other)| one == other).count();
    let rest = one[same..].iter().zip(&other[same..]);
    same + rest.take_while(|(one, other)| one == other).count()
}
