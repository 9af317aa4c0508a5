//! Where tools keep what is large and not of this repository.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder `name` of this user's cache, none when the environment does not say where that is.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty());
    let cache = cache.map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Some(cache?.join("noctule").join(name))
}

/// An empty folder beside `place`, in which it is made before it stands there, whole.
pub(crate) fn unfinished(place: &Path) -> Result<PathBuf> {
    let aside = place.with_extension("unfinished");
    if aside.exists() {
        std::fs::remove_dir_all(&aside)
            .map_err(|source| Error::Write { path: aside.clone(), source })?;
    }
    std::fs::create_dir_all(&aside)
        .map_err(|source| Error::Write { path: aside.clone(), source })?;
    Ok(aside)
}

/// Puts what was made `aside` to its `place`.
pub(crate) fn finish(aside: &Path, place: &Path) -> Result<()> {
    std::fs::rename(aside, place)
        .map_err(|source| Error::Write { path: place.to_path_buf(), source })
}
