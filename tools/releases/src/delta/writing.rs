//! The delta's file: records first on the side, then header and records under its name.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use noctule_core::base::{CancelToken, Error as CoreError, Refusal, Result as CoreResult};
use noctule_core::release::delta::{
    Content, Deflated, DeltaEntry, DeltaHeader, Sink, Source, rebuild,
};
use noctule_core::release::{FileEntry, Manifest};
use sha2::{Digest, Sha256};

use super::matching::write_records;
use super::pages::Pages;
use super::{MadeDelta, MadeFile, check};
use crate::{Error, Result};

/// A delta being made; what was written so far is removed again unless it is finished.
pub(super) struct Writing<'a> {
    old_dir: &'a Path,
    older: &'a Manifest,
    records: Side,
    header: DeltaHeader,
    made: Vec<MadeFile>,
}

impl<'a> Writing<'a> {
    pub(super) fn begin(old_dir: &'a Path, older: &'a Manifest, out: &Path) -> Result<Self> {
        let records = Side::create(out, "records")?;
        let (from, to) = (String::new(), String::new());
        let header = DeltaHeader { from, to, sources: Vec::new(), files: Vec::new() };
        Ok(Self { old_dir, older, records, header, made: Vec::new() })
    }

    /// A file that is `source` of the older release.
    pub(super) fn same(&mut self, name: &str, entry: &FileEntry, source: &str) -> Result<()> {
        check(self.old_dir, source, entry)?;
        let source = Some(self.source(source));
        self.push(name, entry, source, Content::Same, 0);
        Ok(())
    }

    /// A file that is in no such form in the older release; made of the one of its name.
    pub(super) fn changed(&mut self, name: &str, entry: &FileEntry, new: &Path) -> Result<()> {
        let mut old = None;
        if let Some(older) = self.older.files.get(name) {
            check(self.old_dir, name, older)?;
            old = Some(Pages::open(&self.old_dir.join(name))?);
        }
        let begin = self.records.length()?;
        let path = &self.records.path;
        let out = BufWriter::new(&self.records.file);
        let mut deflate = DeflateEncoder::new(out, Compression::best());
        let added = write_records(new, old.as_mut(), &mut deflate, path)?;
        let flushed = deflate.finish().and_then(|mut out| out.flush());
        flushed.map_err(Error::file(path, "writing"))?;
        let bytes = self.records.length()? - begin;
        self.follow(name, entry, old.as_mut(), begin)?;
        let source = old.map(|_| self.source(name));
        self.push(name, entry, source, Content::Records(bytes), added);
        Ok(())
    }

    /// Puts the header before the records, under the name `out`.
    pub(super) fn finish(mut self, from: String, to: String, out: &Path) -> Result<MadeDelta> {
        self.header.from.clone_from(&from);
        self.header.to.clone_from(&to);
        let header = self.header.to_bytes()?;
        let mut whole = Side::create(out, "part")?;
        let written = whole.file.write_all(&header);
        written.map_err(Error::file(&whole.path, "writing"))?;
        let rewound = self.records.file.seek(SeekFrom::Start(0));
        rewound.map_err(Error::file(&self.records.path, "reading"))?;
        let copied = std::io::copy(&mut self.records.file, &mut whole.file);
        copied.map_err(Error::file(&whole.path, "writing"))?;
        whole.file.sync_all().map_err(Error::file(&whole.path, "flushing"))?;
        std::fs::rename(&whole.path, out).map_err(Error::file(out, "renaming"))?;
        let files = std::mem::take(&mut self.made);
        let bytes = header.len() as u64 + files.iter().map(|file| file.bytes).sum::<u64>();
        let full_bytes = files.iter().map(|file| file.full_bytes).sum();
        Ok(MadeDelta { from, to, bytes, full_bytes, files })
    }

    /// Follows the records from `begin` on as a device would.
    fn follow(
        &mut self,
        name: &str,
        entry: &FileEntry,
        old: Option<&mut Pages>,
        begin: u64,
    ) -> Result<()> {
        let Side { path, file } = &mut self.records;
        file.seek(SeekFrom::Start(begin)).map_err(Error::file(path, "reading"))?;
        let bytes = file.metadata().map_err(Error::file(path, "reading"))?.len() - begin;
        let mut records = Deflated::new(BufReader::new(Read::take(&*file, bytes)), bytes, path);
        let mut nothing: &[u8] = &[];
        let source: &mut dyn Source = match old {
            Some(old) => old,
            None => &mut nothing,
        };
        let mut sink = Hashing(Sha256::new());
        let never = CancelToken::new();
        rebuild(name, &mut records, source, entry.length, &mut sink, &never)?;
        let found = sink.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != entry.sha256 {
            let expected = entry.sha256.clone();
            return Err(CoreError::refused(name, Refusal::WrongHash { expected, found }).into());
        }
        file.seek(SeekFrom::End(0)).map_err(Error::file(path, "writing"))?;
        Ok(())
    }

    /// The number of a source, listed if it is not yet.
    fn source(&mut self, name: &str) -> usize {
        let sources = &mut self.header.sources;
        let known = sources.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            sources.push(name.to_owned());
            sources.len() - 1
        })
    }

    fn push(
        &mut self,
        name: &str,
        entry: &FileEntry,
        source: Option<usize>,
        content: Content,
        added_bytes: u64,
    ) {
        let bytes = match content {
            Content::Same => 0,
            Content::Records(bytes) => bytes,
        };
        let (full_bytes, sha256) = (entry.length, entry.sha256.clone());
        let name = name.to_owned();
        self.made.push(MadeFile { name: name.clone(), full_bytes, bytes, added_bytes });
        let entry = DeltaEntry { name, length: full_bytes, sha256, source, content };
        self.header.files.push(entry);
    }
}

/// A file beside the one that is made, gone when this is.
struct Side {
    path: PathBuf,
    file: File,
}

impl Side {
    fn create(out: &Path, what: &str) -> Result<Self> {
        let Some(name) = out.file_name() else {
            return Err(Error::part(out.display().to_string(), "is not the name of a file"));
        };
        let number = getrandom::u64().map_err(Error::Random)?;
        let name = format!(".{}.{number:016x}.{what}", name.to_string_lossy());
        let path = out.with_file_name(name);
        let opened = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = opened.map_err(Error::file(&path, "making"))?;
        Ok(Self { path, file })
    }

    fn length(&self) -> Result<u64> {
        let metadata = self.file.metadata().map_err(Error::file(&self.path, "reading"))?;
        Ok(metadata.len())
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // After the rename nothing is there; what cannot be removed stays hidden.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Keeps only the digest.
struct Hashing(Sha256);

impl Sink for Hashing {
    fn write(&mut self, bytes: &[u8]) -> CoreResult<()> {
        self.0.update(bytes);
        Ok(())
    }
}
