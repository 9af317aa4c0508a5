//! SHA-256 (FIPS 180-4) of bytes and files, as lower-case hex.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::base::{Error, Result};

/// Bytes read at a time: large enough for the disk, small beside any phone's memory.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

pub use crate::base::digest::sha256_hex;

/// SHA-256 of the file at `path`, read in pieces.
///
/// # Errors
/// [`Error::File`] when it cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = file.read(&mut chunk).map_err(Error::file(path, "reading"))?;
        if length == 0 {
            return Ok(hex(hasher));
        }
        hasher.update(&chunk[..length]);
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
