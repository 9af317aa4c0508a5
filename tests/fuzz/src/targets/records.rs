//! The records of a delta as they are when inflated, which spoiling the deflated ones hardly
//! reaches.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use noctule_core::release::delta::write_varint;

use super::delta::{OLD, make};
use super::{Target, answer};
use crate::Shape;

/// Length of the file that is made.
const LENGTH: u64 = 4_000;

pub(super) const TARGET: Target = Target {
    name: "records",
    execute,
    seeds,
    shape: Shape::Plain,
    tokens: &["\u{0}\u{10}\u{0}", "\u{10}0123456789abcdef\u{0}", "\u{0}\u{0}"],
    bytes_max: 60_000,
    declared_bytes: 1 << 20,
};

fn execute(bytes: &[u8]) -> u64 {
    answer(&make("records", &stored(bytes), true, LENGTH))
}

/// A deflate stream of one stored block (RFC 1951, 3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    // Lossless: the target's length is below 65,536.
    let length = bytes.len() as u16;
    let mut stream = vec![1];
    stream.extend_from_slice(&length.to_le_bytes());
    stream.extend_from_slice(&(!length).to_le_bytes());
    stream.extend_from_slice(bytes);
    stream
}

/// Records that make a file, and its length.
pub(super) fn valid() -> (Vec<u8>, u64) {
    let mut records = Vec::new();
    let mut left = LENGTH;
    for (added, copied, distance) in [(0, 300, 0), (20, 500, 0), (7, 100, 9), (64, 0, 0)] {
        write_varint(&mut records, added);
        records.extend_from_slice(&OLD[..added as usize]);
        write_varint(&mut records, copied);
        if copied > 0 {
            write_varint(&mut records, distance);
        }
        left -= added + copied;
    }
    write_varint(&mut records, left);
    records.extend_from_slice(&vec![b'x'; left as usize]);
    (records, LENGTH)
}

/// The deflate stream of `records`.
pub(super) fn deflated(records: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), level);
    // Writing into a vector does not fail.
    let _ = encoder.write_all(records);
    encoder.finish().unwrap_or_default()
}

fn seeds() -> Vec<Vec<u8>> {
    vec![valid().0]
}
