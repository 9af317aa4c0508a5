//! Whether everything that the registry knows is there and unharmed.

use serde::Serialize;

use super::Registry;
use super::blobs::BLOBS;
use super::state::Blob;
use crate::{Error, Result};

/// What an examination found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Number of the newest commit.
    pub commit: u64,
    /// States that were read.
    pub states: usize,
    /// Blobs whose bytes were hashed.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that nothing refers to: rests of publishes that did not finish, or garbage.
    pub unreferenced: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The object.
    pub at: String,
    /// What is wrong with it.
    pub reason: String,
    /// The releases that need it.
    pub needed_by: Vec<String>,
}

impl Registry {
    /// Reads every state and hashes every blob that the newest refers to.
    ///
    /// # Errors
    /// [`Error::Store`] when the place cannot be read; what is damaged is a finding.
    pub fn examine(&self) -> Result<Health> {
        let mut health = Health::default();
        for number in self.state_numbers()? {
            match self.state_of(number) {
                Ok(_) => health.states += 1,
                Err(Error::Damaged { place, reason }) => {
                    health.findings.push(Finding { at: place, reason, needed_by: Vec::new() });
                }
                Err(error) => return Err(error),
            }
        }
        let state = self.state()?;
        health.commit = state.number;
        let reachable = state.reachable();
        for (sha256, length) in &reachable {
            health.blobs += 1;
            health.bytes += length;
            let blob = Blob { sha256: (*sha256).to_owned(), length: *length };
            let Err(error) = self.check_blob(&blob) else { continue };
            let Error::BlobDamaged { reason, .. } = error else { return Err(error) };
            let users = state
                .all()
                .filter(|(_, version)| version.blobs().any(|needed| needed.sha256 == blob.sha256));
            let needed_by = users.map(|(release, _)| release.to_string()).collect();
            health.findings.push(Finding { at: format!("{BLOBS}/{sha256}"), reason, needed_by });
        }
        let listed = self.place.list(BLOBS)?;
        let unknown = |name: &str| !reachable.contains_key(name);
        health.unreferenced = listed.iter().filter(|(name, _)| unknown(name)).count();
        Ok(health)
    }
}
