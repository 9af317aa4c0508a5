//! The registry: releases in a folder or an object store, for a team and for devices.
//!
//! ```text
//! blobs/<sha256>                     manifests, signatures, files, deltas: written once
//! registry/state/<number>.json       all that is known after commit <number>: written once
//! metadata/                          what devices trust; `timestamp.json` is written over
//! ```
//!
//! A commit creates the object of the next number, which fails when it exists already: of two
//! publishers at once one starts again from what the other wrote, and nothing is lost. The place
//! needs no more than that: it can be a folder, and a static file server serves it to devices.
//! `tools/docs/registry.md` describes the whole.
//!
//! ```
//! use noctule_releases::registry::Registry;
//! # let directory = tempfile::tempdir()?;
//! let place = directory.path().join("registry");
//! let registry = Registry::create(&place.display().to_string())?;
//! assert_eq!(registry.state()?.number, 0, "nothing is published yet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blobs;
mod changes;
mod commits;
mod deltas;
mod diff;
mod doctor;
mod fetch;
mod gc;
mod lineage;
mod metadata;
pub mod mlflow;
mod place;
mod publish;
mod reference;
mod remote;
mod roots;
mod show;
mod signing;
mod state;
mod tensors;

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use object_store::ObjectStore;

pub use changes::CHALLENGER;
pub use deltas::{DeltaFrom, PublishedDelta};
pub use diff::{Change, Diff, FileDiff, diff};
pub use doctor::{Finding, Health};
pub use gc::{Collected, GcOptions};
pub use lineage::{Ancestor, PARENT};
pub use metadata::{MetadataKeys, targets};
pub use publish::{PublishOptions, Published};
pub use reference::{Reference, Target};
pub use show::{Shown, Table, lineage_text, list_text};
pub use signing::Validity;
pub use state::{Blob, Delta, Line, ROLLOUT_STEPS, State, Sweep, Version};
pub use tensors::TensorDiff;

use crate::{Error, Result};
use place::Place;

/// A registry at one place.
#[derive(Debug)]
pub struct Registry {
    place: Place,
    publisher: String,
    at_ms: Option<i64>,
    metadata: Option<MetadataKeys>,
}

impl Registry {
    /// The registry at `location`: a folder that exists, or the URL of an object store.
    ///
    /// # Errors
    /// [`Error::Store`] when there is no such place, [`Error::Reference`] for a URL that this
    /// build does not know.
    pub fn open(location: &str) -> Result<Self> {
        Ok(Self::at(Place::open(location)?))
    }

    /// The same, making the folder when it is not there.
    ///
    /// # Errors
    /// [`Error::File`], and as [`Self::open`].
    pub fn create(location: &str) -> Result<Self> {
        let folder = location.strip_prefix("file://").unwrap_or(location);
        if !folder.contains("://") {
            let folder = Path::new(folder);
            std::fs::create_dir_all(folder).map_err(Error::file(folder, "making"))?;
        }
        Self::open(location)
    }

    /// The registry in `store`, which messages call `shown`: for stores that no URL can name.
    ///
    /// # Errors
    /// [`Error::File`] when the operating system gives no runtime.
    pub fn in_store(store: Arc<dyn ObjectStore>, shown: &str) -> Result<Self> {
        Ok(Self::at(Place::new(store, object_store::path::Path::default(), shown)?))
    }

    fn at(place: Place) -> Self {
        let publisher = std::env::var("USER").ok().filter(|user| !user.is_empty());
        let publisher = publisher.unwrap_or_else(|| "unknown".to_owned());
        Self { place, publisher, at_ms: None, metadata: None }
    }

    /// Names whoever makes the commits; by default the user of the operating system.
    #[must_use]
    pub fn as_publisher(self, publisher: &str) -> Self {
        Self { publisher: publisher.to_owned(), ..self }
    }

    /// Takes `at_ms`, Unix milliseconds, for the time instead of the system's clock.
    #[must_use]
    pub fn at_time(self, at_ms: i64) -> Self {
        Self { at_ms: Some(at_ms), ..self }
    }

    /// Writes the metadata for devices, signed with `keys`, after every commit.
    #[must_use]
    pub fn with_metadata(self, keys: MetadataKeys) -> Self {
        Self { metadata: Some(keys), ..self }
    }

    fn now_ms(&self) -> i64 {
        self.at_ms.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }
}

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
