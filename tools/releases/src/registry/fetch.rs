//! Getting a release back out of the registry.

use std::path::Path;

use noctule_core::release::{MANIFEST_FILE, ReleaseName, SIGNATURE_FILE};

use super::reference::Reference;
use super::state::Version;
use super::{Registry, hex};
use crate::staging::Staging;
use crate::{Error, PublicKey, Result};

impl Registry {
    /// Copies the release to the new directory `out`, verified: hashes while it is copied, then
    /// all that a device would check, with `keys`, as of the day on which it was made.
    ///
    /// # Errors
    /// [`Error::NotInRegistry`], [`Error::Exists`], [`Error::BlobDamaged`], [`Error::Core`].
    pub fn fetch(
        &self,
        reference: &Reference,
        keys: &[PublicKey],
        out: &Path,
    ) -> Result<ReleaseName> {
        let state = self.state()?;
        let (release, version) = state.resolve(reference)?;
        let staging = Staging::beside(out)?;
        self.download_release(version, &staging.path)?;
        crate::verify(&staging.path, keys, version.created_ms)?;
        staging.publish(out)?;
        Ok(release)
    }

    /// Lends `body` a copy of the release, its hashes checked while it is copied and its signature
    /// not looked at: for whoever knows the SHA-256 of the manifest, which names every byte.
    ///
    /// # Errors
    /// As [`Self::fetch`], the signature left out.
    pub fn lend<T>(&self, reference: &Reference, body: impl FnOnce(&Path) -> T) -> Result<T> {
        let state = self.state()?;
        let (release, version) = state.resolve(reference)?;
        let staging = Staging::beside(&std::env::temp_dir().join(release.to_string()))?;
        self.download_release(version, &staging.path)?;
        Ok(body(&staging.path))
    }

    /// Copies every blob of `version` into `directory`, under the names of a release.
    pub(super) fn download_release(&self, version: &Version, directory: &Path) -> Result<()> {
        self.download(&version.manifest, &directory.join(MANIFEST_FILE))?;
        self.download(&version.signature, &directory.join(SIGNATURE_FILE))?;
        for (name, blob) in &version.files {
            self.download(blob, &directory.join(safe(name)?))?;
        }
        Ok(())
    }
}

/// A name from the state, unless it could lead out of its directory.
pub(super) fn safe(name: &str) -> Result<&str> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(fine) {
        let reason = format!("{} is no name of a file of a release", hex(name.as_bytes()));
        return Err(Error::damaged("registry/state", reason));
    }
    Ok(name)
}
