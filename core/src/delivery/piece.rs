//! A file that arrives in pieces: what of it is there, and what of that is true.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

pub use crate::base::limits::CHUNK_BYTES;
use crate::base::{Error, Result};
use crate::release::digest::hex;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1_024;

/// What a file has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of all of it, lower-case hex.
    pub sha256: &'a str,
    /// SHA-256 of each [`CHUNK_BYTES`] of it, the last shorter; without them the file is one piece.
    pub chunks: Option<&'a [String]>,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// All of it is there, verified and under its name.
    Complete,
    /// So many bytes are there; the whole pieces among them are verified.
    Partial(u64),
    /// What came behind the verified bytes was not what it should be and was thrown away; so many
    /// verified bytes are left.
    Spoiled(u64),
}

/// Checks what has arrived in `part` against `expected`, throws away what is wrong, and gives the
/// file its name `whole` when it is complete. Bytes before `verified` were checked before.
///
/// Reads in pieces of 256 KiB; a file that is too long is cut to its length first.
///
/// # Errors
/// [`Error::File`], [`Error::StorageFull`].
pub fn settle(
    part: &Path,
    whole: &Path,
    expected: Expected<'_>,
    verified: &mut u64,
) -> Result<Settled> {
    if std::fs::metadata(whole).is_ok_and(|found| found.len() == expected.length) {
        return Ok(Settled::Complete);
    }
    let Some((mut file, have)) = open_part(part, expected.length)? else {
        *verified = 0;
        return Ok(Settled::Partial(0));
    };
    *verified = (*verified).min(have);
    let chunks = expected.chunks.filter(|chunks| !chunks.is_empty());
    let reading = || Error::file(part, "reading");
    while *verified < have || expected.length == 0 {
        let piece = match chunks {
            Some(_) => CHUNK_BYTES.min(expected.length - *verified),
            None => expected.length,
        };
        if have - *verified < piece {
            return Ok(Settled::Partial(have));
        }
        let wanted = match chunks {
            // The manifest was checked: there is a digest for every piece.
            Some(chunks) => chunks.get((*verified / CHUNK_BYTES) as usize).map(String::as_str),
            None => Some(expected.sha256),
        };
        let found = sha256_of(&mut file, *verified, piece).map_err(reading())?;
        if wanted != Some(found.as_str()) {
            file.set_len(*verified).map_err(Error::file(part, "cutting"))?;
            return Ok(Settled::Spoiled(*verified));
        }
        *verified += piece;
        if *verified == expected.length {
            break;
        }
    }
    if *verified < expected.length {
        return Ok(Settled::Partial(have));
    }
    file.sync_all().map_err(Error::file(part, "flushing"))?;
    drop(file);
    std::fs::rename(part, whole).map_err(Error::file(part, "renaming"))?;
    Ok(Settled::Complete)
}

/// Opens the part with its length, cut to `length_max`; none when there is none.
fn open_part(part: &Path, length_max: u64) -> Result<Option<(File, u64)>> {
    let file = match OpenOptions::new().read(true).write(true).open(part) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && length_max > 0 => {
            return Ok(None);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            File::create(part).map_err(Error::file(part, "making"))?
        }
        opened => opened.map_err(Error::file(part, "opening"))?,
    };
    let have = file.metadata().map_err(Error::file(part, "reading"))?.len();
    if have > length_max {
        file.set_len(length_max).map_err(Error::file(part, "cutting"))?;
    }
    Ok(Some((file, have.min(length_max))))
}

fn sha256_of(file: &mut File, begin: u64, length: u64) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(begin))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES.min(usize::try_from(length).unwrap_or(BUFFER_BYTES))];
    let mut rest = length;
    while rest > 0 {
        let count = buffer.len().min(usize::try_from(rest).unwrap_or(buffer.len()));
        file.read_exact(&mut buffer[..count])?;
        hasher.update(&buffer[..count]);
        rest -= count as u64;
    }
    Ok(hex(hasher))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::release::sha256_hex;

    struct Arriving {
        directory: tempfile::TempDir,
        content: Vec<u8>,
        sha256: String,
        chunks: Vec<String>,
    }

    impl Arriving {
        fn of(length: usize) -> Self {
            let content: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            let sha256 = sha256_hex(&content);
            let chunks = content.chunks(CHUNK_BYTES as usize).map(sha256_hex).collect();
            Self { directory: tempfile::tempdir().unwrap(), content, sha256, chunks }
        }

        fn part(&self) -> std::path::PathBuf {
            self.directory.path().join("file.part")
        }

        fn settle(&self, chunked: bool, verified: &mut u64) -> Settled {
            let expected = Expected {
                length: self.content.len() as u64,
                sha256: &self.sha256,
                chunks: chunked.then_some(&self.chunks),
            };
            let whole = self.directory.path().join("file");
            settle(&self.part(), &whole, expected, verified).unwrap()
        }
    }

    #[test]
    fn whole_pieces_are_verified_and_the_rest_is_kept() {
        let file = Arriving::of(3 * CHUNK_BYTES as usize + 10);
        let have = CHUNK_BYTES as usize * 2 + 7;
        std::fs::write(file.part(), &file.content[..have]).unwrap();
        let mut verified = 0;
        assert_eq!(file.settle(true, &mut verified), Settled::Partial(have as u64));
        assert_eq!(verified, 2 * CHUNK_BYTES);
        std::fs::write(file.part(), &file.content).unwrap();
        assert_eq!(file.settle(true, &mut verified), Settled::Complete);
        assert_eq!(file.settle(true, &mut 0), Settled::Complete);
    }

    #[test]
    fn a_spoiled_piece_is_thrown_away_and_those_before_it_stay() {
        let file = Arriving::of(3 * CHUNK_BYTES as usize);
        let mut bytes = file.content.clone();
        bytes[CHUNK_BYTES as usize + 5] ^= 1;
        std::fs::write(file.part(), &bytes).unwrap();
        assert_eq!(file.settle(true, &mut 0), Settled::Spoiled(CHUNK_BYTES));
        assert_eq!(std::fs::read(file.part()).unwrap(), file.content[..CHUNK_BYTES as usize]);
        std::fs::write(file.part(), &bytes).unwrap();
        assert_eq!(file.settle(false, &mut 0), Settled::Spoiled(0));
    }

    #[test]
    fn an_endless_file_is_cut_to_its_length() {
        let file = Arriving::of(100);
        let mut bytes = file.content.clone();
        bytes.extend([7; 1_000]);
        std::fs::write(file.part(), bytes).unwrap();
        assert_eq!(file.settle(true, &mut 0), Settled::Complete);
        let whole = std::fs::read(file.directory.path().join("file")).unwrap();
        assert_eq!(whole, file.content);
    }

    #[test]
    fn an_empty_file_is_complete_at_once() {
        let file = Arriving::of(0);
        assert_eq!(file.settle(false, &mut 0), Settled::Complete);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn any_cuts_and_flips_end_in_the_right_file(
            length in 1..3_000_000_usize,
            cuts in prop::collection::vec((any::<u32>(), any::<bool>()), 0..6),
        ) {
            let file = Arriving::of(length);
            let mut verified = 0;
            for (step, flip) in cuts {
                let before = verified;
                let have = std::fs::metadata(file.part()).map_or(0, |found| found.len() as usize);
                let until = (have + 1 + step as usize % length).min(length);
                let mut bytes = file.content[..until].to_vec();
                if flip { bytes[until - 1] ^= 4; }
                std::fs::write(file.part(), &bytes).unwrap();
                if file.settle(true, &mut verified) == Settled::Complete { break }
                prop_assert!(verified >= before, "what was verified stays verified");
            }
            let whole = file.directory.path().join("file");
            if !whole.exists() {
                // What is left unverified may be wrong: it is asked for again at most once.
                std::fs::write(file.part(), &file.content).unwrap();
                prop_assert_eq!(file.settle(true, &mut verified), Settled::Complete);
            }
            prop_assert_eq!(std::fs::read(whole).unwrap(), file.content);
        }
    }
}
