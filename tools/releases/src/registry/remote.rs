//! Object stores by URL; in builds with the feature `cloud`.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use crate::{Error, Result};

/// The store of `location`, set up from the environment (`AWS_ACCESS_KEY_ID` and its like).
#[cfg(feature = "cloud")]
pub(super) fn open(location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let url = url::Url::parse(location)
        .map_err(|error| Error::reference(location, format!("is not a URL: {error}")))?;
    let settings = std::env::vars_os().filter_map(|(key, value)| {
        let key = key.into_string().ok()?.to_ascii_lowercase();
        Some((key, value.into_string().ok()?))
    });
    let (store, base) =
        object_store::parse_url_opts(&url, settings).map_err(Error::store(location, "opening"))?;
    Ok((store.into(), base))
}

/// Refuses: this build knows folders only.
#[cfg(not(feature = "cloud"))]
pub(super) fn open(location: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let reason = "this build knows folders only: build noctule with --features cloud";
    Err(Error::reference(location, reason))
}
