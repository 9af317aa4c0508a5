//! Gzip (RFC 1952) around deflate.
//!
//! `flate2` would write it, too, with the tables of its checksum: 20 kB of a phone's library.

use std::io::{Result, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;

use crate::base::checksum::{Crc32, crc32};

/// Deflate, without flags, a time or an extra field, from an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Compresses what is written to it.
pub(super) struct Gzip {
    deflate: DeflateEncoder<Vec<u8>>,
    checksum: Crc32,
    /// Modulo 2^32, as it is written.
    length: u32,
}

impl Gzip {
    pub(super) fn new() -> Self {
        let deflate = DeflateEncoder::new(HEAD.to_vec(), Compression::default());
        Self { deflate, checksum: crc32(), length: 0 }
    }

    /// The whole member.
    pub(super) fn finish(self) -> Result<Vec<u8>> {
        let mut member = self.deflate.finish()?;
        member.extend(self.checksum.finalize().to_le_bytes());
        member.extend(self.length.to_le_bytes());
        Ok(member)
    }
}

impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let taken = self.deflate.write(bytes)?;
        self.checksum.update(&bytes[..taken]);
        self.length = self.length.wrapping_add(taken as u32);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        self.deflate.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_reader_of_gzip_finds_what_was_written(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..9),
            copies in 1usize..200,
        ) {
            let mut gzip = Gzip::new();
            let mut all = Vec::new();
            for part in parts.iter().flat_map(|part| std::iter::repeat_n(part, copies)) {
                gzip.write_all(part).unwrap();
                all.extend_from_slice(part);
            }
            let member = gzip.finish().unwrap();
            let mut back = Vec::new();
            GzDecoder::new(&*member).read_to_end(&mut back).unwrap();
            prop_assert_eq!(back, all);
        }
    }

    #[test]
    fn a_member_that_was_damaged_is_refused() {
        let mut gzip = Gzip::new();
        gzip.write_all(b"feedback").unwrap();
        let member = gzip.finish().unwrap();
        for at in member.len() - 8..member.len() {
            let mut damaged = member.clone();
            damaged[at] ^= 1;
            assert!(GzDecoder::new(&*damaged).read_to_end(&mut Vec::new()).is_err(), "byte {at}");
        }
    }
}
