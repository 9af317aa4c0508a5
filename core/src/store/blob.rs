//! Stored blobs: bincode behind a format byte, a length and a checksum.
//!
//! ```text
//! offset 0  format, one byte
//!        1  length of the payload, u32 little-endian
//!        5  CRC-32 (IEEE) over format, length and payload, u32 little-endian
//!        9  payload: bincode 2, standard configuration
//! ```
//!
//! bincode is named here and where disk types derive its traits, nowhere else. It decodes most
//! single-bit flips without complaint, hence the checksum; without a limit nine bytes make it
//! allocate until the process ends, hence the limit.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};

use crate::base::checksum::crc32_of;
use crate::base::limits::BLOB_BYTES_MAX;
use crate::base::{Error, Result};

const HEAD_BYTES: usize = 9;

type Bounded = Configuration<LittleEndian, Varint, Limit<BLOB_BYTES_MAX>>;

const fn configuration() -> Bounded {
    bincode::config::standard().with_limit::<BLOB_BYTES_MAX>()
}

/// Encodes `value` as a blob of `format`.
///
/// # Errors
/// [`Error::InvalidInput`] when it is longer than [`BLOB_BYTES_MAX`].
pub fn encode<T: bincode::Encode>(what: &str, format: u8, value: &T) -> Result<Vec<u8>> {
    let payload = bincode::encode_to_vec(value, configuration())
        .map_err(|error| Error::invalid(what, error.to_string()))?;
    if payload.len() > BLOB_BYTES_MAX {
        return Err(Error::invalid(what, format!("takes more than {BLOB_BYTES_MAX} bytes")));
    }
    let length = (payload.len() as u32).to_le_bytes();
    let checksum = checksum(format, length, &payload).to_le_bytes();
    let mut blob = Vec::with_capacity(HEAD_BYTES + payload.len());
    blob.push(format);
    blob.extend_from_slice(&length);
    blob.extend_from_slice(&checksum);
    blob.extend_from_slice(&payload);
    Ok(blob)
}

/// Decodes a blob of `format`; `what` names it in errors.
///
/// # Errors
/// [`Error::Damaged`] when the format is another, the checksum does not hold, or the payload does
/// not decode to its last byte.
pub fn decode<T: bincode::Decode<()>>(what: &str, format: u8, blob: &[u8]) -> Result<T> {
    let damaged = |reason: &str| Error::damaged(what, reason);
    let Some((head, payload)) = blob.split_first_chunk::<HEAD_BYTES>() else {
        return Err(damaged("shorter than its head"));
    };
    if head[0] != format {
        return Err(Error::damaged(what, format!("format {}, {format} is known", head[0])));
    }
    let length = [head[1], head[2], head[3], head[4]];
    if u32::from_le_bytes(length) as usize != payload.len() {
        return Err(damaged("another length than its head says"));
    }
    if u32::from_le_bytes([head[5], head[6], head[7], head[8]]) != checksum(format, length, payload)
    {
        return Err(damaged("the checksum does not hold"));
    }
    let (value, read) = bincode::decode_from_slice(payload, configuration())
        .map_err(|error| Error::damaged(what, error.to_string()))?;
    if read == payload.len() { Ok(value) } else { Err(damaged("bytes behind its end")) }
}

fn checksum(format: u8, length: [u8; 4], payload: &[u8]) -> u32 {
    crc32_of(&[&[format], &length, payload])
}

#[cfg(test)]
mod tests {
    use super::*;

    type Value = (Vec<String>, u64);

    fn value() -> Value {
        (vec!["breakfast".into(), "dinner".into()], 7)
    }

    #[test]
    fn a_blob_comes_back() {
        let blob = encode("test", 3, &value()).unwrap();
        assert_eq!(decode::<Value>("test", 3, &blob).unwrap(), value());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let blob = encode("test", 3, &value()).unwrap();
        for bit in 0..blob.len() * 8 {
            let mut flipped = blob.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode::<Value>("test", 3, &flipped).is_err(), "bit {bit}");
        }
        for length in 0..blob.len() {
            assert!(decode::<Value>("test", 3, &blob[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_payload_that_announces_too_much_is_refused_before_it_is_allocated() {
        // Varint 253: a u64 follows, the length of the vector of strings.
        let mut payload = vec![253];
        payload.extend_from_slice(&u64::MAX.to_le_bytes());
        let length = (payload.len() as u32).to_le_bytes();
        let mut blob = vec![3];
        blob.extend_from_slice(&length);
        blob.extend_from_slice(&checksum(3, length, &payload).to_le_bytes());
        blob.extend_from_slice(&payload);
        assert!(matches!(decode::<Value>("test", 3, &blob), Err(Error::Damaged { .. })));
    }
}
