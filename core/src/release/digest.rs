//! SHA-256 (FIPS 180-4) of bytes and files, as lower-case hex.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::limits::CHUNK_BYTES;
use crate::base::{Error, Result};

/// Bytes read at a time: they stay in the second-level cache of a phone's core between the hash and
/// what else looks at them, and one system call for them costs nothing beside the hash.
pub(super) const READ_BYTES: usize = 128 * 1024;

pub use crate::base::digest::sha256_hex;

/// SHA-256 of the file at `path`, read in pieces.
///
/// # Errors
/// [`Error::File`] when it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    sha256_of_file_while(path, &|| Ok(()))
}

/// The same, asking `go_on` before each piece.
pub(super) fn sha256_of_file_while(path: &Path, go_on: &dyn Fn() -> Result<()>) -> Result<String> {
    let mut hasher = Sha256::new();
    each_piece(path, |piece| {
        hasher.update(piece);
        go_on()
    })?;
    Ok(hex(hasher))
}

/// Length and digests of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of all of it.
    pub sha256: String,
    /// SHA-256 of each [`CHUNK_BYTES`] of it, the last one shorter; none of an empty file.
    pub chunks: Vec<String>,
}

/// Length, SHA-256 and the SHA-256 of each chunk of the file at `path`, which is read once.
///
/// # Errors
/// [`Error::File`] when it cannot be read.
pub fn digests_of_file(path: &Path) -> Result<FileDigests> {
    let (mut hasher, mut chunks) = (Sha256::new(), ChunkHasher::default());
    let mut length = 0;
    each_piece(path, |piece| {
        length += piece.len() as u64;
        hasher.update(piece);
        chunks.update(piece);
        Ok(())
    })?;
    Ok(FileDigests { length, sha256: hex(hasher), chunks: chunks.finish() })
}

fn each_piece(path: &Path, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let length = file.read(&mut buffer).map_err(Error::file(path, "reading"))?;
        if length == 0 {
            return Ok(());
        }
        take(&buffer[..length])?;
    }
}

/// SHA-256 of each chunk of what goes by in pieces of any length.
#[derive(Debug, Default)]
pub(super) struct ChunkHasher {
    current: Sha256,
    filled: u64,
    done: Vec<String>,
}

impl ChunkHasher {
    pub(super) fn update(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let room = CHUNK_BYTES - self.filled;
            let (now, later) = piece.split_at(piece.len().min(room as usize));
            self.current.update(now);
            self.filled += now.len() as u64;
            piece = later;
            if self.filled == CHUNK_BYTES {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.done.push(hex(std::mem::take(&mut self.current)));
        self.filled = 0;
    }

    pub(super) fn finish(mut self) -> Vec<String> {
        if self.filled > 0 {
            self.close();
        }
        self.done
    }
}

pub(crate) fn hex(hasher: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::FileEntry;

    #[test]
    fn chunks_are_those_of_the_bytes_however_they_come() {
        let chunk = CHUNK_BYTES as usize;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for length in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 12_345] {
            let bytes: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let found = digests_of_file(&path).unwrap();
            let expected: Vec<String> = bytes.chunks(chunk).map(sha256_hex).collect();
            assert_eq!((found.length, &found.chunks), (length as u64, &expected));
            assert_eq!(found.sha256, sha256_of_file(&path).unwrap());
            let mut hasher = ChunkHasher::default();
            bytes.chunks(99_991).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), expected);
            assert_eq!(FileEntry::of_file(&path).unwrap(), FileEntry::of_bytes(&bytes));
            assert_eq!(FileEntry::of_bytes(&bytes).chunks.is_some(), length > chunk);
        }
    }
}
