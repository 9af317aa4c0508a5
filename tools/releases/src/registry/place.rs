//! Objects by path, in a folder or an object store, behind calls that block.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path as FilePath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    WriteMultipart,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::{Error, Result};

/// Bytes that are read or sent at once.
const PIECE_BYTES: u64 = 4 << 20;

/// Objects below one prefix of one store.
pub(super) struct Place {
    store: Arc<dyn ObjectStore>,
    base: Path,
    runtime: Runtime,
    shown: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({})", self.shown)
    }
}

impl Place {
    /// The place that `location` names: a folder, or the URL of an object store.
    pub(super) fn open(location: &str) -> Result<Self> {
        if location.contains("://") && !location.starts_with("file://") {
            let (store, base) = super::remote::open(location)?;
            return Self::new(store, base, location);
        }
        let folder = location.strip_prefix("file://").unwrap_or(location);
        let store = LocalFileSystem::new_with_prefix(folder);
        let store = store.map_err(Error::store(folder, "opening"))?.with_fsync(true);
        Self::new(Arc::new(store), Path::default(), folder)
    }

    pub(super) fn new(store: Arc<dyn ObjectStore>, base: Path, shown: &str) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build();
        let runtime = runtime.map_err(Error::file(shown.as_ref(), "starting a runtime for"))?;
        Ok(Self { store, base, runtime, shown: shown.to_owned() })
    }

    /// Where this is, for messages.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    fn at(&self, path: &str) -> Path {
        let parts = path.split('/').map(str::to_owned);
        self.base.parts().map(|part| part.as_ref().to_owned()).chain(parts).collect()
    }

    fn failed(&self, path: &str, action: &'static str) -> impl FnOnce(StoreError) -> Error {
        Error::store(format!("{}/{path}", self.shown), action)
    }

    /// Writes a new object; false when there is one of this path already.
    pub(super) fn put_new(&self, path: &str, bytes: Vec<u8>) -> Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        let at = self.at(path);
        let put = self.store.put_opts(&at, PutPayload::from(bytes), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(path, "writing")(error)),
        }
    }

    /// Makes sure that `put_new` keeps its word here: some object stores write over what is there
    /// whatever they are asked, and then one of two publishers at once would lose its commit.
    pub(super) fn check_put_new(&self, path: &str) -> Result<()> {
        // It is there afterwards also when the answer to that got lost.
        self.put_new(path, b"the first".to_vec())?;
        let is_written_over = self.put_new(path, b"the second".to_vec())?;
        self.delete(path)?;
        match is_written_over {
            false => Ok(()),
            true => Err(Error::Unconditional { place: self.shown.clone() }),
        }
    }

    /// Writes an object over what is there.
    pub(super) fn put_over(&self, path: &str, bytes: Vec<u8>) -> Result<()> {
        let at = self.at(path);
        let put = self.store.put(&at, PutPayload::from(bytes));
        self.runtime.block_on(put).map_err(self.failed(path, "writing"))?;
        Ok(())
    }

    /// Sends a file, whose SHA-256 must be `sha256`; the object appears whole or not at all.
    pub(super) fn put_file(&self, path: &str, file: &FilePath, sha256: &str) -> Result<()> {
        let mut opened = File::open(file).map_err(Error::file(file, "opening"))?;
        let upload = self.runtime.block_on(self.store.put_multipart(&self.at(path)));
        let upload = upload.map_err(self.failed(path, "writing"))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PIECE_BYTES as usize * 2);
        let mut piece = vec![0; PIECE_BYTES as usize];
        let mut hash = Sha256::new();
        let sent = loop {
            match opened.read(&mut piece) {
                Ok(0) => break Ok(()),
                Ok(read) => {
                    hash.update(&piece[..read]);
                    // `write` starts the sending of a full part in a task of the runtime.
                    let written = self.runtime.block_on(async {
                        upload.wait_for_capacity(2).await?;
                        upload.write(&piece[..read]);
                        Ok(())
                    });
                    if let Err(error) = written {
                        break Err(self.failed(path, "writing")(error));
                    }
                }
                Err(error) => break Err(Error::file(file, "reading")(error)),
            }
        };
        let found = super::hex(&hash.finalize());
        let sent = sent.and_then(|()| match found == sha256 {
            true => Ok(()),
            false => Err(Error::blob_damaged(sha256, format!("{} has {found}", file.display()))),
        });
        if let Err(error) = sent {
            // What could not be sent is not kept; the first error is the one to tell.
            let _ = self.runtime.block_on(upload.abort());
            return Err(error);
        }
        self.runtime.block_on(upload.finish()).map_err(self.failed(path, "writing"))?;
        Ok(())
    }

    /// What is known of an object, or none.
    pub(super) fn head(&self, path: &str) -> Result<Option<ObjectMeta>> {
        match self.runtime.block_on(self.store.head(&self.at(path))) {
            Ok(meta) => Ok(Some(meta)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(path, "looking at")(error)),
        }
    }

    /// The whole of an object of at most `limit` bytes, or none.
    pub(super) fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(meta) = self.head(path)? else { return Ok(None) };
        if meta.size > limit {
            let reason = format!("has {} bytes; at most {limit} are read", meta.size);
            return Err(Error::damaged(format!("{}/{path}", self.shown), reason));
        }
        let mut bytes = Vec::new();
        match self.copy(path, meta.size, &mut bytes, "memory".as_ref()) {
            Ok(()) => Ok(Some(bytes)),
            Err(Error::Store { source, .. }) if matches!(*source, StoreError::NotFound { .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Copies `length` bytes of an object, in pieces; `to` is what messages call the target.
    pub(super) fn copy(
        &self,
        path: &str,
        length: u64,
        target: &mut dyn Write,
        to: &FilePath,
    ) -> Result<()> {
        let (at, mut done) = (self.at(path), 0);
        while done < length {
            let end = length.min(done + PIECE_BYTES);
            let piece = self.store.get_range(&at, done..end);
            let piece = self.runtime.block_on(piece).map_err(self.failed(path, "reading"))?;
            if piece.len() as u64 != end - done {
                let reason = format!("ends before byte {end} of {length}");
                return Err(Error::damaged(format!("{}/{path}", self.shown), reason));
            }
            target.write_all(&piece).map_err(Error::file(to, "writing"))?;
            done = end;
        }
        Ok(())
    }

    /// The objects right below `folder`: their last names, and what is known of them.
    pub(super) fn list(&self, folder: &str) -> Result<Vec<(String, ObjectMeta)>> {
        let prefix = self.at(folder);
        let found = self.runtime.block_on(self.store.list_with_delimiter(Some(&prefix)));
        let found = found.map_err(self.failed(folder, "listing"))?.objects;
        let named = found.into_iter().filter_map(|meta| {
            let name = meta.location.filename().map(str::to_owned);
            name.map(|name| (name, meta))
        });
        Ok(named.collect())
    }

    /// Removes an object; it may be gone already.
    pub(super) fn delete(&self, path: &str) -> Result<()> {
        match self.runtime.block_on(self.store.delete(&self.at(path))) {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(path, "removing")(error)),
        }
    }
}
