//! CRC-32 of bytes that are kept or sent.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};

/// CRC-32 as Ethernet, gzip and PNG have it (IEEE 802.3, ISO 3309): by a table of 1 kB, where the
/// faster ones take 16 kB and more, of a phone's library, for a few kilobytes at a time.
static CRC_32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// A checksum that bytes are added to.
pub(crate) type Crc32 = Digest<'static, u32, Table<1>>;

/// The checksum of no bytes.
pub(crate) fn crc32() -> Crc32 {
    CRC_32.digest()
}

/// The checksum of `parts`, one behind the other.
pub(crate) fn crc32_of(parts: &[&[u8]]) -> u32 {
    let mut digest = crc32();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The check value of the catalogue of CRCs.
        assert_eq!(crc32_of(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc32_of(&[b"1234", b"", b"56789"]), 0xcbf4_3926);
        assert_eq!(crc32_of(&[]), 0);
    }
}
