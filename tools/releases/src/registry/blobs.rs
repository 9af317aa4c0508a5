//! Blobs: what is found under its own SHA-256.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Registry;
use super::state::Blob;
use crate::{Error, Result};

/// Folder of the blobs.
pub(super) const BLOBS: &str = "blobs";

/// Bytes of a file that is sent in one piece, and only where there is none yet.
const SMALL_BYTES_MAX: u64 = 8 << 20;

impl Registry {
    /// Sends the file at `path` unless a blob of its length is there; true when it was sent.
    pub(super) fn upload(&self, path: &Path, blob: &Blob) -> Result<bool> {
        let at = path_of(&blob.sha256);
        let there = self.place.head(&at)?;
        if there.as_ref().is_some_and(|there| there.size == blob.length) {
            return Ok(false);
        }
        // One of another length is the rest of an accident: it is written over.
        if blob.length > SMALL_BYTES_MAX || there.is_some() {
            self.place.put_file(&at, path, &blob.sha256)?;
            return Ok(true);
        }
        let mut bytes = Vec::new();
        let opened = File::open(path).map_err(Error::file(path, "opening"))?;
        let read = opened.take(blob.length + 1).read_to_end(&mut bytes);
        read.map_err(Error::file(path, "reading"))?;
        let found = super::hex(&Sha256::digest(&bytes));
        if found != blob.sha256 {
            let reason = format!("{} changed while it was read", path.display());
            return Err(Error::blob_damaged(&blob.sha256, reason));
        }
        if self.place.put_new(&at, bytes.clone())? {
            return Ok(true);
        }
        // Another sent it, or the store could not decide between two (S3 says 409): then it may
        // not be there. Whatever is sent under this name is the same.
        if self.place.head(&at)?.is_some_and(|there| there.size == blob.length) {
            return Ok(false);
        }
        self.place.put_over(&at, bytes)?;
        Ok(true)
    }

    /// Copies a blob to a new file, checking its hash.
    pub(super) fn download(&self, blob: &Blob, to: &Path) -> Result<()> {
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(to);
        let file = file.map_err(Error::file(to, "making"))?;
        let mut target = Hashing { to: BufWriter::new(file), hash: Sha256::new() };
        self.read_blob(blob, &mut target, to)?;
        let file = target.to.into_inner().map_err(std::io::IntoInnerError::into_error);
        let synced = file.and_then(|file| file.sync_all());
        synced.map_err(Error::file(to, "flushing"))
    }

    /// Reads a blob and checks its hash, keeping nothing.
    pub(super) fn check_blob(&self, blob: &Blob) -> Result<()> {
        let mut target = Hashing { to: std::io::sink(), hash: Sha256::new() };
        self.read_blob(blob, &mut target, "memory".as_ref())
    }

    /// The bytes of a small blob, checked.
    pub(super) fn blob_bytes(&self, blob: &Blob) -> Result<Vec<u8>> {
        let mut target = Hashing { to: Vec::new(), hash: Sha256::new() };
        self.read_blob(blob, &mut target, "memory".as_ref())?;
        Ok(target.to)
    }

    fn read_blob<W: Write>(&self, blob: &Blob, target: &mut Hashing<W>, to: &Path) -> Result<()> {
        let at = path_of(&blob.sha256);
        let damaged = |reason| Error::blob_damaged(&blob.sha256, reason);
        let there = self.place.head(&at)?.ok_or_else(|| damaged("is missing".to_owned()))?;
        if there.size != blob.length {
            return Err(damaged(format!("has {} bytes instead of {}", there.size, blob.length)));
        }
        self.place.copy(&at, blob.length, target, to)?;
        let found = super::hex(&target.hash.clone().finalize());
        if found != blob.sha256 {
            return Err(damaged(format!("its bytes have the SHA-256 {found}")));
        }
        Ok(())
    }
}

pub(super) fn path_of(sha256: &str) -> String {
    format!("{BLOBS}/{sha256}")
}

/// Hashes what it passes on.
struct Hashing<W> {
    to: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
