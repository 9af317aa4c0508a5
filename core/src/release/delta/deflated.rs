//! A deflate stream of known length inside a delta.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;

/// Inflates (RFC 1951) the records of one file.
///
/// The state of the decoder takes about 45 kB, whatever the stream holds.
#[derive(Debug)]
pub struct Deflated<R> {
    decoder: DeflateDecoder<R>,
    bytes: u64,
    path: PathBuf,
}

impl<R: BufRead> Deflated<R> {
    /// Inflates the `bytes` that `reader` gives; errors of reading call the file `path`.
    ///
    /// `reader` must end behind these bytes.
    pub fn new(reader: R, bytes: u64, path: &Path) -> Self {
        Self { decoder: DeflateDecoder::new(reader), bytes, path: path.to_path_buf() }
    }

    /// Whether the stream took all its bytes.
    pub(super) fn is_spent(&self) -> bool {
        self.decoder.total_in() == self.bytes
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl<R: BufRead> Read for Deflated<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.decoder.read(into)
    }
}
