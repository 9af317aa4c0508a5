//! The head of a delta: which releases it lies between, and what it says about each file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::validate::is_plain_name;
use super::records::{take_varint, write_varint};
use crate::base::limits::{DELTA_HEADER_BYTES_MAX, RELEASE_BYTES_MAX, RELEASE_FILES_MAX};
use crate::base::{Error, Refusal, Result};
use crate::release::Manifest;

/// Format version that this library writes, and the newest it reads.
pub const DELTA_FORMAT: u32 = 1;

/// The first bytes of every delta: not text, so that no transfer may take it for some.
const MAGIC: [u8; 8] = *b"\x89NCTDLT\n";
/// Magic, format, `from`, `to`, length of the rest of the header.
const PRELUDE_BYTES: usize = 8 + 4 + 32 + 32 + 4;

/// How a file of the newer release comes out of one of the older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It is that file, byte for byte.
    Same,
    /// By instructions, which take this many bytes of the delta.
    Records(u64),
}

/// One file of the newer release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaEntry {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// Index in [`DeltaHeader::sources`] of the older file that it is made from.
    pub source: Option<usize>,
    /// How.
    pub content: Content,
}

/// What a delta says about itself.
///
/// ```
/// use noctule_core::release::delta::DeltaHeader;
/// let zeros = "0".repeat(64);
/// let header = DeltaHeader { from: zeros.clone(), to: zeros, sources: vec![], files: vec![] };
/// let bytes = header.to_bytes()?;
/// assert_eq!(DeltaHeader::parse(&bytes, bytes.len() as u64)?, header);
/// # Ok::<(), noctule_core::base::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaHeader {
    /// SHA-256 of the manifest of the release that must be there, lower-case hex.
    pub from: String,
    /// SHA-256 of the manifest of the release that is made, lower-case hex.
    pub to: String,
    /// Names of files of the older release.
    pub sources: Vec<String>,
    /// All files of the newer release, in the order of their names.
    pub files: Vec<DeltaEntry>,
}

impl DeltaHeader {
    /// Reads the header of the delta at `path`; what it announces must be there to the byte.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, [`Error::ReleaseRefused`] when it is no delta.
    pub fn read(path: &Path) -> Result<Self> {
        let opened = File::open(path).map_err(Error::file(path, "opening"))?;
        let length = opened.metadata().map_err(Error::file(path, "reading"))?.len();
        let mut bytes = Vec::new();
        let mut head = opened.take((PRELUDE_BYTES + DELTA_HEADER_BYTES_MAX) as u64);
        head.read_to_end(&mut bytes).map_err(Error::file(path, "reading"))?;
        Self::parse(&bytes, length)
    }

    /// The header at the begin of `bytes`, of a delta of `length` bytes.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] when it is no delta, or of another length than it announces.
    pub fn parse(bytes: &[u8], length: u64) -> Result<Self> {
        let (header, header_bytes) =
            parse(bytes).map_err(|refusal| Error::refused("delta", refusal))?;
        let expected = header.length(header_bytes);
        if expected != length {
            let refusal = Refusal::WrongLength { expected, found: length };
            return Err(Error::refused("delta", refusal));
        }
        Ok(header)
    }

    /// The header as it stands at the begin of a delta.
    ///
    /// # Errors
    /// [`Error::ReleaseRefused`] as [`Self::parse`] would on reading them.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        body.push(self.sources.len() as u8);
        for name in &self.sources {
            body.push(name.len() as u8);
            body.extend_from_slice(name.as_bytes());
        }
        body.push(self.files.len() as u8);
        for file in &self.files {
            body.push(file.name.len() as u8);
            body.extend_from_slice(file.name.as_bytes());
            write_varint(&mut body, file.length);
            body.extend_from_slice(&digest_bytes(&file.sha256));
            write_varint(&mut body, file.source.map_or(0, |source| source as u64 + 1));
            write_varint(
                &mut body,
                match file.content {
                    Content::Same => 0,
                    Content::Records(bytes) => bytes,
                },
            );
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&DELTA_FORMAT.to_le_bytes());
        bytes.extend_from_slice(&digest_bytes(&self.from));
        bytes.extend_from_slice(&digest_bytes(&self.to));
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&body);
        Self::parse(&bytes, self.length(bytes.len()))?;
        Ok(bytes)
    }

    /// Length of the whole delta whose header takes `header_bytes`.
    fn length(&self, header_bytes: usize) -> u64 {
        let records = self.files.iter().map(|file| match file.content {
            Content::Same => 0,
            Content::Records(bytes) => bytes,
        });
        records.fold(header_bytes as u64, u64::saturating_add)
    }

    /// Offset in the delta of the records of each file.
    pub(super) fn offsets(&self, length: u64) -> impl Iterator<Item = (&DeltaEntry, u64)> {
        let mut at = length - (self.length(0));
        self.files.iter().map(move |file| {
            let begin = at;
            if let Content::Records(bytes) = file.content {
                at += bytes;
            }
            (file, begin)
        })
    }

    /// Checks that the delta makes exactly the files that `manifest` binds.
    pub(super) fn check_target(&self, manifest: &Manifest) -> Result<()> {
        let mut made = self.files.iter();
        let mut bound = manifest.files.iter();
        let refuse =
            |file: &str, reason| Err(Error::refused(file, Refusal::DeltaTarget { reason }));
        loop {
            match (made.next(), bound.next()) {
                (None, None) => return Ok(()),
                (Some(made), Some((name, _))) if made.name < *name => {
                    return refuse(&made.name, "the manifest does not name this file");
                }
                (Some(made), Some((name, entry))) if made.name == *name => {
                    if made.length != entry.length || made.sha256 != entry.sha256 {
                        return refuse(name, "the manifest binds another length or SHA-256");
                    }
                }
                (Some(made), None) => {
                    return refuse(&made.name, "the manifest does not name this file");
                }
                (_, Some((name, _))) => return refuse(name, "the delta does not make this file"),
            }
        }
    }
}

/// The bytes of a digest; what is no hex becomes zeros and fits nothing.
fn digest_bytes(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    bytes
}

fn digest_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(bytes: &[u8]) -> Result<(DeltaHeader, usize), Refusal> {
    let shortage = |need| Refusal::Truncated { have: bytes.len() as u64, need };
    let Some((prelude, rest)) = bytes.split_at_checked(PRELUDE_BYTES) else {
        return Err(shortage(PRELUDE_BYTES as u64));
    };
    if prelude[..8] != MAGIC {
        let reason = "the first eight bytes are others".to_owned();
        return Err(Refusal::UnknownFormat { expected: "a delta", reason });
    }
    let number = |at: usize| {
        u32::from_le_bytes([prelude[at], prelude[at + 1], prelude[at + 2], prelude[at + 3]])
    };
    if number(8) != DELTA_FORMAT {
        let (found, supported) = (u64::from(number(8)), u64::from(DELTA_FORMAT));
        return Err(Refusal::FormatTooNew { found, supported });
    }
    let length = number(76) as usize;
    if length > DELTA_HEADER_BYTES_MAX {
        let (found, limit) = (length as u64, DELTA_HEADER_BYTES_MAX as u64);
        return Err(Refusal::TooLarge { what: "length of the header", found, limit });
    }
    let Some(body) = rest.get(..length) else {
        return Err(shortage((PRELUDE_BYTES + length) as u64));
    };
    let mut body = Body { rest: body };
    let mut header = DeltaHeader {
        from: digest_text(&prelude[12..44]),
        to: digest_text(&prelude[44..76]),
        sources: Vec::new(),
        files: Vec::new(),
    };
    for _ in 0..body.count()? {
        header.sources.push(body.name()?);
    }
    let mut total = 0_u64;
    for _ in 0..body.count()? {
        let file = body.entry(header.sources.len())?;
        if header.files.last().is_some_and(|last| last.name >= file.name) {
            return Err(malformed("files are not in the order of their names"));
        }
        total = total.saturating_add(file.length);
        header.files.push(file);
    }
    if total > RELEASE_BYTES_MAX {
        let what = "length of all files in bytes";
        return Err(Refusal::TooLarge { what, found: total, limit: RELEASE_BYTES_MAX });
    }
    if !body.rest.is_empty() {
        return Err(malformed("there is more behind the last file"));
    }
    Ok((header, PRELUDE_BYTES + length))
}

fn malformed(reason: &'static str) -> Refusal {
    Refusal::DeltaRecords { offset: 0, reason }
}

/// What is left of the header.
struct Body<'a> {
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or(malformed("the header ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A number of files.
    fn count(&mut self) -> Result<usize, Refusal> {
        let found = usize::from(self.take(1)?[0]);
        if found > RELEASE_FILES_MAX {
            let (found, limit) = (found as u64, RELEASE_FILES_MAX as u64);
            return Err(Refusal::TooLarge { what: "number of files", found, limit });
        }
        Ok(found)
    }

    fn name(&mut self) -> Result<String, Refusal> {
        let length = usize::from(self.take(1)?[0]);
        let name = std::str::from_utf8(self.take(length)?).map_err(|_| Refusal::UnsafePath)?;
        if !is_plain_name(name) {
            return Err(Refusal::UnsafePath);
        }
        Ok(name.to_owned())
    }

    fn varint(&mut self) -> Result<u64, Refusal> {
        take_varint(&mut self.rest).ok_or(malformed("the header holds a number that is none"))
    }

    fn entry(&mut self, sources: usize) -> Result<DeltaEntry, Refusal> {
        let name = self.name()?;
        let length = self.varint()?;
        let sha256 = digest_text(self.take(32)?);
        let source = match self.varint()? {
            0 => None,
            number if number <= sources as u64 => Some(number as usize - 1),
            _ => return Err(malformed("a file is made from one that the header does not list")),
        };
        let content = match self.varint()? {
            0 if source.is_none() => {
                return Err(malformed("a file is made from nothing"));
            }
            0 => Content::Same,
            bytes => Content::Records(bytes),
        };
        Ok(DeltaEntry { name, length, sha256, source, content })
    }
}
