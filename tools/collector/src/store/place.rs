//! Objects by path below one prefix of one store, behind calls that block.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error as StoreError, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload,
};
use tokio::runtime::Runtime;

use crate::error::{Error, Result};

/// How often a call is made before its failure is told, and the pause after the first time.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 0 } else { 20 });

/// Objects below one prefix of one store.
#[derive(Clone)]
pub(crate) struct Place {
    store: Arc<dyn ObjectStore>,
    base: Path,
    runtime: Arc<Runtime>,
    shown: Arc<str>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({})", self.shown)
    }
}

/// An object that a listing has found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Its path below the place.
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

impl Place {
    /// The place that a URL names: `file://` and a folder, or an object store.
    pub(crate) fn open(location: &str) -> Result<Self> {
        let Some(folder) = location.strip_prefix("file://") else {
            let (store, base) = super::remote::open(location)?;
            return Self::new(store, base, location);
        };
        let folder = std::path::Path::new(folder);
        crate::disk::create_folder(folder)?;
        let store = LocalFileSystem::new_with_prefix(folder);
        let store = store.map_err(Error::store(location, "open"))?.with_fsync(true);
        Self::new(Arc::new(store), Path::default(), location)
    }

    pub(crate) fn new(store: Arc<dyn ObjectStore>, base: Path, shown: &str) -> Result<Self> {
        // One thread drives the connections of all who ask.
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("noctule-store").enable_all().build();
        let runtime = Arc::new(runtime.map_err(Error::Threads)?);
        Ok(Self { store, base, runtime, shown: shown.into() })
    }

    fn at(&self, path: &str) -> Path {
        let parts = path.split('/').map(str::to_owned);
        self.base.parts().map(|part| part.as_ref().to_owned()).chain(parts).collect()
    }

    /// Makes a call, again where it failed for a reason that may pass. An answer that got lost
    /// looks like a failure: what is called must bear being done twice.
    fn call<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let result = self.runtime.block_on(call());
            let may_pass = result.as_ref().is_err_and(|error| {
                !matches!(
                    error,
                    StoreError::NotFound { .. }
                        | StoreError::AlreadyExists { .. }
                        | StoreError::Precondition { .. }
                        | StoreError::NotImplemented { .. }
                )
            });
            if !may_pass || attempt == ATTEMPTS {
                return result;
            }
            std::thread::sleep(PAUSE * attempt);
            attempt += 1;
        }
    }

    fn failed(&self, path: &str, action: &'static str) -> impl FnOnce(StoreError) -> Error {
        Error::store(format!("{}/{path}", self.shown), action)
    }

    /// Writes a new object; false when there is one of this path already, be it the one that this
    /// call has made without hearing of it.
    pub(crate) fn put_new(&self, path: &str, bytes: Vec<u8>) -> Result<bool> {
        let (at, payload) = (self.at(path), PutPayload::from(bytes));
        let put = || {
            let options = PutOptions::from(PutMode::Create);
            self.store.put_opts(&at, payload.clone(), options)
        };
        match self.call(put) {
            Ok(_) => Ok(true),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(false),
            Err(error) => Err(self.failed(path, "write")(error)),
        }
    }

    /// Makes sure that [`Place::put_new`] keeps its word here: some stores write over what is there
    /// whatever they are asked, and then two collectors would overwrite each other's work.
    pub(crate) fn check_put_new(&self, path: &str) -> Result<()> {
        self.put_new(path, b"the first".to_vec())?;
        let is_written_over = self.put_new(path, b"the second".to_vec())?;
        self.delete(path)?;
        if !is_written_over {
            return Ok(());
        }
        let reason = "this store writes over objects that are there; it must refuse a second one";
        Err(Error::InvalidSetting { setting: self.shown.to_string(), reason: reason.into() })
    }

    /// The whole of an object of at most `limit` bytes; none when there is none.
    pub(crate) fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let at = self.at(path);
        let read = || async {
            let got = self.store.get(&at).await?;
            if got.meta.size > limit {
                return Ok(None);
            }
            got.bytes().await.map(Some)
        };
        match self.call(read) {
            Ok(Some(bytes)) => Ok(Some(bytes.to_vec())),
            Ok(None) => {
                let reason = "it is larger than such an object may be";
                Err(Error::Damaged { path: format!("{}/{path}", self.shown).into(), reason })
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(path, "read")(error)),
        }
    }

    /// All objects below `folder`, by path.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<Found>> {
        let prefix = if folder.is_empty() { self.base.clone() } else { self.at(folder) };
        let base = &self.base;
        let below = |meta: ObjectMeta| {
            let below: Option<Vec<String>> = meta
                .location
                .prefix_match(base)
                .map(|parts| parts.map(|part| part.as_ref().to_owned()).collect());
            let path = below.map(|parts| Found { path: parts.join("/"), bytes: meta.size });
            std::future::ready(Ok(path))
        };
        let list = || {
            let list = self.store.list(Some(&prefix));
            list.try_filter_map(below).try_collect::<Vec<Found>>()
        };
        let mut found = self.call(list).map_err(self.failed(folder, "list"))?;
        found.sort();
        Ok(found)
    }

    /// Removes an object; it may be gone already.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        let at = self.at(path);
        match self.call(|| self.store.delete(&at)) {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(path, "remove")(error)),
        }
    }
}

/// The number in a name like `000000000007.json`, whatever stands before it.
pub(crate) fn number_of(path: &str, suffix: &str) -> Option<u64> {
    path.rsplit('/').next()?.strip_suffix(suffix)?.parse().ok()
}
