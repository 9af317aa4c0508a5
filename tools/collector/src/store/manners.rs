//! Object stores with bad manners.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult,
};

use super::place::Place;

/// A store that fails every n-th run of so many calls: of those half are done all the same, and
/// only the answer is lost.
#[derive(Debug)]
struct Failing {
    store: Arc<InMemory>,
    every: u64,
    run: u64,
    calls: AtomicU64,
}

impl Failing {
    fn fails(&self) -> (bool, bool) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fails = self.every > 0 && (call / self.run).is_multiple_of(self.every);
        (fails, fails && call.is_multiple_of(2))
    }

    async fn call<T>(&self, call: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let error = || StoreError::Generic { store: "failing", source: "it failed".into() };
        match self.fails() {
            (true, false) => Err(error()),
            (true, true) => call.await.and_then(|_| Err(error())),
            _ => call.await,
        }
    }
}

impl Display for Failing {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "a store that fails")
    }
}

#[async_trait]
impl ObjectStore for Failing {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.call(self.store.put_opts(at, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.call(self.store.get_opts(at, options)).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        if self.fails().0 {
            let error = StoreError::Generic { store: "failing", source: "it failed".into() };
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        if self.fails().0 {
            let error = StoreError::Generic { store: "failing", source: "it failed".into() };
            return futures_util::stream::iter([Err(error)]).boxed();
        }
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.call(self.store.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// A store without faults.
pub(super) fn sound() -> Place {
    failing(&Arc::new(InMemory::new()), 0, 1)
}

/// A way to a store that fails every n-th run of so many calls.
pub(super) fn failing(store: &Arc<InMemory>, every: u64, run: u64) -> Place {
    let store = Failing { store: Arc::clone(store), every, run, calls: AtomicU64::new(0) };
    Place::new(Arc::new(store), Path::from("some/prefix"), "memory").unwrap()
}

/// A store that takes every condition for none.
#[derive(Debug)]
pub(super) struct Careless(pub(super) InMemory);

impl Display for Careless {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "careless")
    }
}

#[async_trait]
impl ObjectStore for Careless {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        _: PutOptions,
    ) -> StoreResult<PutResult> {
        self.0.put_opts(at, payload, PutOptions::default()).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.0.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.0.copy_opts(from, to, options).await
    }
}
