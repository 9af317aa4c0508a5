//! Making the files of the newer release.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::digest::sha256_of_file;
use super::super::manifest::MANIFEST_FILE;
use super::files::{NewFile, OldFile, is_finished};
use super::{Content, Deflated, DeltaEntry, DeltaHeader, Sink, Source, rebuild};
use crate::base::replace::sync_directory;
use crate::base::{CancelToken, Error, Refusal, Result};
use crate::release::Manifest;

/// Bytes of the delta that are read ahead, and of a copied file that are moved at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Makes in `out_dir` every file that `manifest` names, from the installed release in `old_dir`
/// and the delta at `delta`.
///
/// Files that are there already with the length and SHA-256 that the manifest binds are kept, the
/// others are made beside their names and renamed when they are whole and right, so that a call
/// after a kill at any byte finishes the work. The manifest and its signature are not the delta's:
/// the caller puts them there. Takes less than 1 MiB of memory and writes nothing but the files of
/// the manifest, in the lengths of the manifest, in `out_dir`, which must exist.
///
/// # Errors
/// [`Error::ReleaseRefused`] when this is no delta, when it starts from another release than the
/// one in `old_dir` ([`Refusal::DeltaBase`]), ends at another than `manifest`
/// ([`Refusal::DeltaTarget`]), is damaged ([`Refusal::DeltaRecords`], [`Refusal::DeltaCopy`]), or
/// makes something else than the manifest binds ([`Refusal::WrongHash`]): fetch the whole files
/// then. [`Error::Cancelled`], [`Error::StorageFull`] and [`Error::File`]: call again.
///
/// ```no_run
/// use noctule_core::base::CancelToken;
/// use noctule_core::release::{Manifest, delta};
/// let manifest = Manifest::parse(&std::fs::read("staged/manifest.json")?)?;
/// let (old, out) = ("releases/town@7".as_ref(), "staged".as_ref());
/// delta::apply("7-to-8.delta".as_ref(), old, &manifest, out, &CancelToken::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn apply(
    delta: &Path,
    old_dir: &Path,
    manifest: &Manifest,
    out_dir: &Path,
    cancel: &CancelToken,
) -> Result<()> {
    let header = DeltaHeader::read(delta)?;
    header.check_target(manifest)?;
    let found = sha256_of_file(&old_dir.join(MANIFEST_FILE))?;
    if found != header.from {
        let refusal = Refusal::DeltaBase { expected: header.from, found };
        return Err(Error::refused("delta", refusal));
    }
    let length = std::fs::metadata(delta).map_err(Error::file(delta, "reading"))?.len();
    let work = Work { delta, old_dir, out_dir, cancel };
    for (entry, offset) in header.offsets(length) {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if !is_finished(out_dir, entry)? {
            work.make(&header, entry, offset)?;
        }
    }
    sync_directory(out_dir)
}

struct Work<'a> {
    delta: &'a Path,
    old_dir: &'a Path,
    out_dir: &'a Path,
    cancel: &'a CancelToken,
}

impl Work<'_> {
    fn make(&self, header: &DeltaHeader, entry: &DeltaEntry, offset: u64) -> Result<()> {
        let mut nothing: &[u8] = &[];
        let mut old = match entry.source {
            Some(source) => Some(OldFile::open(self.old_dir, &header.sources[source])?),
            None => None,
        };
        let source: &mut dyn Source = match &mut old {
            Some(old) => old,
            None => &mut nothing,
        };
        let mut out = NewFile::create(self.out_dir, &entry.name)?;
        match entry.content {
            Content::Same => self.copy(entry, source, &mut out)?,
            Content::Records(bytes) => {
                let mut file =
                    File::open(self.delta).map_err(Error::file(self.delta, "opening"))?;
                let moved = file.seek(SeekFrom::Start(offset));
                moved.map_err(Error::file(self.delta, "reading"))?;
                let reader = BufReader::with_capacity(PIECE_BYTES, file.take(bytes));
                let mut records = Deflated::new(reader, bytes, self.delta);
                let name = &entry.name;
                rebuild(name, &mut records, source, entry.length, &mut out, self.cancel)?;
            }
        }
        out.finish(entry)
    }

    /// Copies a file that did not change.
    fn copy(&self, entry: &DeltaEntry, source: &mut dyn Source, out: &mut NewFile) -> Result<()> {
        let (expected, found) = (entry.length, source.length());
        if found != expected {
            return Err(Error::refused(&entry.name, Refusal::WrongLength { expected, found }));
        }
        let mut piece = vec![0; PIECE_BYTES];
        let mut at = 0;
        while at < found {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let count = (found - at).min(PIECE_BYTES as u64) as usize;
            source.read_at(at, &mut piece[..count])?;
            out.write(&piece[..count])?;
            at += count as u64;
        }
        Ok(())
    }
}
