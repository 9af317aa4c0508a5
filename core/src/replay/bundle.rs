//! The bundle: one slate with all that it was made from, but the release.
//!
//! ```text
//! offset 0  the eight letters `noctrply`
//!        8  version of the format, u32 little-endian: 1
//!       12  a stored blob (format byte, length, CRC-32, bincode), see `store::blob`
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bincode::{Decode, Encode};

use super::Inputs;
use super::inputs::changed;
use crate::base::limits::BLOB_BYTES_MAX;
use crate::base::{Error, ReplayRefusal, Result};
use crate::slates::{Slate, stored};
use crate::store::blob;

const MAGIC: &[u8; 8] = b"noctrply";
const FORMAT: u32 = 1;
/// Version of [`StoredBundle`].
const STORED: u8 = 1;
const HEAD_BYTES: usize = 12;
/// Bytes of the longest bundle: the head of the blob takes less than the rest.
const BUNDLE_BYTES_MAX: usize = BLOB_BYTES_MAX + 64;

/// The library as it computes slates.
const LIBRARY: &str = env!("CARGO_PKG_VERSION");

/// Whether the user agreed that a bundle with personal data leaves the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The user was asked, and agreed.
    Given,
    /// The user did not agree, or was not asked.
    NotGiven,
}

/// A published slate with what it was made from: personal data.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// What the slate was made from.
    pub inputs: Inputs,
    /// The digest of all inputs that the slate was published with; empty for a baseline that stands
    /// in until the first night.
    pub digest: Vec<u8>,
    /// The slate.
    pub slate: Slate,
    /// The bytes of the slate as they were published.
    pub published: Vec<u8>,
}

#[derive(Encode, Decode)]
struct StoredBundle {
    library: String,
    /// Not decoded before the library is known to be this one.
    inputs: Vec<u8>,
    digest: Vec<u8>,
    slate: Vec<u8>,
}

/// The bytes of the bundle at `path`, for [`Bundle::parse`].
///
/// # Errors
/// [`Error::File`]; [`Error::ReplayRefused`] for a file that is longer than any.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    Ok(bytes)
}

impl Bundle {
    /// The bytes of a bundle.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it is too big.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let stored = StoredBundle {
            library: LIBRARY.to_owned(),
            inputs: self.inputs.encode()?,
            digest: self.digest.clone(),
            slate: self.published.clone(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(blob::encode("the bundle", STORED, &stored)?);
        Ok(bytes)
    }

    /// Reads a bundle, which may come from anybody.
    ///
    /// # Errors
    /// [`Error::ReplayRefused`]: no bundle, one of another version, or one that was changed.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let refuse = |refusal| Error::ReplayRefused { refusal };
        let (head, rest) = bytes
            .split_first_chunk::<HEAD_BYTES>()
            .filter(|(head, _)| head.starts_with(MAGIC))
            .ok_or_else(|| refuse(ReplayRefusal::Magic))?;
        let found = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
        if found != FORMAT {
            return Err(refuse(ReplayRefusal::Format { found, known: FORMAT }));
        }
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(changed(format!("more than {BUNDLE_BYTES_MAX} bytes")));
        }
        let stored: StoredBundle = blob::decode("the bundle", STORED, rest).map_err(changed)?;
        if stored.library != LIBRARY {
            let found: String = stored.library.chars().take(40).collect();
            return Err(refuse(ReplayRefusal::Library { found, own: LIBRARY.to_owned() }));
        }
        Ok(Self {
            inputs: Inputs::decode(&stored.inputs)?,
            digest: stored.digest,
            slate: stored::decode("the slate", &stored.slate).map_err(changed)?,
            published: stored.slate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> ReplayRefusal {
        match Bundle::parse(bytes) {
            Err(Error::ReplayRefused { refusal }) => refusal,
            other => panic!("{other:?}"),
        }
    }

    fn of_library(library: &str, format: u32) -> Vec<u8> {
        let (inputs, digest, slate) = (Vec::new(), Vec::new(), Vec::new());
        let stored = StoredBundle { library: library.to_owned(), inputs, digest, slate };
        let blob = blob::encode("test", STORED, &stored).unwrap();
        [MAGIC.as_slice(), &format.to_le_bytes(), &blob].concat()
    }

    #[test]
    fn a_bundle_of_another_library_says_which_one_is_needed() {
        let expected = ReplayRefusal::Library { found: "99.0.0".into(), own: LIBRARY.into() };
        assert_eq!(refusal(&of_library("99.0.0", FORMAT)), expected);
        let own = refusal(&of_library(LIBRARY, FORMAT));
        assert!(matches!(own, ReplayRefusal::Changed { .. }), "{own}");
    }

    #[test]
    fn another_format_and_no_bundle_are_told_apart() {
        let other = ReplayRefusal::Format { found: 2, known: 1 };
        assert_eq!(refusal(&of_library(LIBRARY, 2)), other);
        for bytes in [b"".as_slice(), b"noctrply", b"another file altogether"] {
            assert_eq!(refusal(bytes), ReplayRefusal::Magic);
        }
        assert!(matches!(refusal(b"noctrply\x01\0\0\0"), ReplayRefusal::Changed { .. }));
    }
}
