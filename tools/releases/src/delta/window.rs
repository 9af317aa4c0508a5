//! The newer file, read once from begin to end, with what is not yet written kept at hand.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

const WINDOW_BYTES: usize = 1 << 20;

/// A stretch of a file: what waits to be written, then what is still to be looked at.
#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    file: File,
    bytes: Vec<u8>,
    /// First byte that waits.
    begin: usize,
    /// First byte that is to be looked at.
    at: usize,
    /// End of what was read.
    end: usize,
    at_end: bool,
}

impl Window {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        let bytes = vec![0; WINDOW_BYTES];
        Ok(Self { path: path.to_path_buf(), file, bytes, begin: 0, at: 0, end: 0, at_end: false })
    }

    /// Reads on until `count` bytes are there to be looked at, or the file ends.
    pub(super) fn ensure(&mut self, count: usize) -> Result<()> {
        if self.end - self.at >= count || self.at_end {
            return Ok(());
        }
        self.bytes.copy_within(self.begin..self.end, 0);
        self.at -= self.begin;
        self.end -= self.begin;
        self.begin = 0;
        while self.end < self.bytes.len() {
            let read = self.file.read(&mut self.bytes[self.end..]);
            let count = read.map_err(Error::file(&self.path, "reading"))?;
            if count == 0 {
                self.at_end = true;
                break;
            }
            self.end += count;
        }
        Ok(())
    }

    /// What was looked at and waits to be written.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.begin..self.at]
    }

    /// What is to be looked at, as far as it was read.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    /// Looks on by `count` bytes.
    pub(super) fn advance(&mut self, count: usize) {
        self.at += count;
    }

    /// Looks again from `count` bytes back.
    pub(super) fn go_back(&mut self, count: usize) {
        self.at -= count;
    }

    /// Nothing waits any more.
    pub(super) fn written(&mut self) {
        self.begin = self.at;
    }
}
