//! One pass over one file of a release: everything that is asked of its bytes is asked while they
//! go by, and nothing that was found is said before the hash holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::digest::{ChunkHasher, READ_BYTES, hex};
use super::schema::{self, Schema};
use super::tensors::{Beginning, TensorLayout};
use super::values::Judge;
use super::{CATALOGUE_FILE, FileEntry, Manifest, TensorEntry};
use crate::base::limits::{CHUNK_BYTES, TENSOR_HEADER_BYTES_MAX};
use crate::base::{Dtype, Error, Refusal, Result};

/// A file read from begin to end in pieces, each of [`READ_BYTES`] but the last.
pub(super) struct Pieces {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    offset: u64,
}

impl Pieces {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "opening"))?;
        Ok(Self { path: path.to_path_buf(), file, buffer: vec![0; READ_BYTES], offset: 0 })
    }

    /// The next piece and the offset of its first byte; none behind the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        let mut filled = 0;
        while filled < self.buffer.len() {
            match self.file.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::file(&self.path, "reading")(error)),
            }
        }
        let offset = self.offset;
        self.offset += filled as u64;
        Ok((filled > 0).then(|| (offset, &self.buffer[..filled])))
    }
}

/// What is looked at beside the hash of the whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunks {
    /// The chunks of the manifest are for the delivery and not looked at: the hash of the whole
    /// file says all that they say.
    Ignored,
    /// They are checked too, as a packer does before it publishes.
    Checked,
}

/// What files are held against.
pub(super) struct Examination<'a> {
    manifest: &'a Manifest,
    schema: Schema,
    chunks: Chunks,
}

impl<'a> Examination<'a> {
    pub(super) fn new(manifest: &'a Manifest, chunks: Chunks) -> Result<Self> {
        Ok(Self { manifest, schema: Schema::of_manifest(manifest)?, chunks })
    }

    /// Which tensors the release has.
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Refuses a container whose length leaves more for its header than any may have, before a
    /// byte of it is hashed. Both lengths are the manifest's: it is the publisher's fault, not the
    /// disk's.
    fn check_header_length(&self, file: &str, entry: &FileEntry) -> Result<()> {
        let values = self.manifest.tensors.get(file).and_then(values_bytes);
        let header = values.and_then(|values| entry.length.checked_sub(values)?.checked_sub(8));
        match header {
            Some(found) if found > TENSOR_HEADER_BYTES_MAX => {
                let (what, limit) = ("length of the header", TENSOR_HEADER_BYTES_MAX);
                Err(Error::refused(file, Refusal::TooLarge { what, found, limit }))
            }
            _ => Ok(()),
        }
    }

    /// Reads `file` at `from` once; writes it to `to` on the way where there is such a place.
    ///
    /// Lengths come before hashes: no more than the manifest's length is read. The header of a
    /// container is parsed as soon as it went by, in memory bounded by its limit, and the values
    /// behind it are judged; a wrong hash wins over all that was found there.
    pub(super) fn examine(&self, from: &Path, file: &str, to: Option<&Path>) -> Result<()> {
        let Some(entry) = self.manifest.files.get(file) else {
            return Err(Error::refused(file, Refusal::Missing));
        };
        self.check_header_length(file, entry)?;
        let mut target = to.map(create).transpose()?;
        let (mut hasher, mut chunks) = (Sha256::new(), ChunkHasher::default());
        let checks_chunks = self.chunks == Chunks::Checked && entry.chunks.is_some();
        let mut inside = Inside::new(self, file, entry.length);
        let mut pieces = Pieces::open(from)?;
        let mut length = 0;
        while let Some((offset, piece)) = pieces.next()? {
            length = offset + piece.len() as u64;
            if length > entry.length {
                // It grew since its length was asked; an endless one is not followed.
                break;
            }
            hasher.update(piece);
            if checks_chunks {
                chunks.update(piece);
            }
            inside.take(offset, piece);
            if let (Some(target), Some(path)) = (&mut target, to) {
                target.write_all(piece).map_err(Error::file(path, "writing"))?;
            }
        }
        if length != entry.length {
            let (expected, found) = (entry.length, length);
            return Err(Error::refused(file, Refusal::WrongLength { expected, found }));
        }
        check_digest(file, &entry.sha256, hex(hasher))?;
        if checks_chunks {
            check_chunks(file, entry, &chunks.finish())?;
        }
        inside.finish()?;
        if let (Some(target), Some(path)) = (target, to) {
            target.sync_all().map_err(Error::file(path, "flushing"))?;
        }
        Ok(())
    }
}

/// What the tensors of a file take by the manifest; nothing when it names a dtype that is none.
fn values_bytes(tensors: &BTreeMap<String, TensorEntry>) -> Option<u64> {
    tensors.values().try_fold(0_u64, |sum, tensor| {
        let bytes = Dtype::from_name(&tensor.dtype)?.bytes();
        let bytes = tensor.shape.iter().try_fold(bytes, |product, size| product.checked_mul(*size));
        sum.checked_add(bytes?)
    })
}

/// What is found inside of one file while it goes by.
struct Inside<'a> {
    examination: &'a Examination<'a>,
    file: &'a str,
    state: State,
}

enum State {
    /// Another part of the library reads it once its hash holds.
    Opaque,
    /// The header of a container, as far as it went by.
    Beginning(Beginning),
    /// The values of a container.
    Values(Judge),
    /// Something is wrong, which is said if the hash holds.
    Wrong(Error),
}

impl<'a> Inside<'a> {
    fn new(examination: &'a Examination<'a>, file: &'a str, length: u64) -> Self {
        // The catalogue's columns depend on each other; it checks itself once its hash holds.
        let is_container =
            file != CATALOGUE_FILE && examination.manifest.tensors.contains_key(file);
        let state =
            if is_container { State::Beginning(Beginning::new(length)) } else { State::Opaque };
        Self { examination, file, state }
    }

    fn take(&mut self, offset: u64, piece: &[u8]) {
        if let State::Beginning(beginning) = &mut self.state {
            let layout = beginning.take(piece).map_err(|refusal| self.refused(refusal));
            match layout.and_then(|layout| layout.map(|layout| self.judge(&layout)).transpose()) {
                Ok(None) => {}
                Ok(Some(judge)) => self.state = State::Values(judge),
                Err(error) => self.state = State::Wrong(error),
            }
        }
        // The piece in which the header ends holds values too.
        if let State::Values(judge) = &mut self.state {
            judge.take(offset, piece);
        }
    }

    fn judge(&self, layout: &TensorLayout) -> Result<Judge> {
        let Examination { manifest, schema, .. } = self.examination;
        schema::check_layout(self.file, layout, manifest, schema)?;
        Ok(Judge::of_release(layout, schema, self.file))
    }

    fn refused(&self, refusal: Refusal) -> Error {
        Error::refused(self.file, refusal)
    }

    fn finish(self) -> Result<()> {
        let file = self.file;
        match self.state {
            State::Opaque => Ok(()),
            State::Beginning(beginning) => Err(Error::refused(file, beginning.truncated())),
            State::Values(judge) => judge.finish().map_err(|refusal| Error::refused(file, refusal)),
            State::Wrong(error) => Err(error),
        }
    }
}

/// Makes a new file to be written.
pub(super) fn create(path: &Path) -> Result<File> {
    let created = File::options().write(true).create_new(true).open(path);
    created.map_err(Error::file(path, "making"))
}

pub(super) fn check_digest(file: &str, expected: &str, found: String) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let expected = expected.to_owned();
    Err(Error::refused(file, Refusal::WrongHash { expected, found }))
}

fn check_chunks(file: &str, entry: &FileEntry, found: &[String]) -> Result<()> {
    let expected = entry.chunks.iter().flatten();
    match (0..).zip(expected.zip(found)).find(|(_, (expected, found))| expected != found) {
        Some((index, (expected, found))) => {
            let (expected, found) = (expected.clone(), found.clone());
            let begin = index * CHUNK_BYTES;
            Err(Error::refused(file, Refusal::WrongChunk { index, begin, expected, found }))
        }
        // Their number fits the length: the manifest was checked.
        None => Ok(()),
    }
}
