//! The trusted metadata of a profile: loaded, kept, and asked about a release.

use std::path::Path;

use super::Noctule;
use crate::base::digest::bytes_of_hex;
use crate::base::{Error, Result, TrustRefusal};
use crate::release::rows as releases;
use crate::release::{MANIFEST_FILE, VerifiedRelease, manifest_sha256};
use crate::trust::{BLOBS_FOLDER, ReleaseTarget, TrustedSet, read_directory, rows};

impl Noctule {
    /// What this profile trusts, when it was opened with a root. Stored metadata that are damaged
    /// are fetched anew from the root that the app was built with.
    pub(super) fn trusted_set(&self) -> Result<Option<TrustedSet>> {
        let Some(root) = &self.config.trusted_root else { return Ok(None) };
        match self.store.read(|connection| rows::load(connection, root)) {
            Err(error @ Error::Damaged { .. }) => {
                self.state().damaged.push(error.to_string());
                TrustedSet::from_root(root).map(Some)
            }
            other => other.map(Some),
        }
    }

    /// Stores `set`. When the keys for targets have changed, the versions seen count no more.
    pub(super) fn keep_trusted_set(&self, set: &mut TrustedSet) -> Result<()> {
        if set.clone().take_targets_rotation() {
            self.forget_filed_versions()?;
        }
        self.store.write("storing the trusted metadata", |transaction| {
            let mut kept = set.clone();
            if kept.take_targets_rotation() {
                releases::forget_seen(transaction)?;
            }
            rows::save(transaction, &kept)?;
            *set = kept;
            Ok(())
        })
    }

    /// Refreshes what is trusted from the repository in `directory`, and gives the target that
    /// names the manifest there. The share of a roll-out does not matter to whoever installs by
    /// hand; a halt does.
    pub(super) fn target_in(&self, directory: &Path, stored: TrustedSet) -> Result<ReleaseTarget> {
        let now_ms = self.config.clock.now_ms();
        let (mut set, outcome) = read_directory(directory, stored, now_ms);
        self.keep_trusted_set(&mut set)?;
        outcome?;
        let sha256 = manifest_sha256(directory)?;
        let current = set.current(now_ms)?;
        let Some(target) = current.release_of(&sha256) else {
            return Err(Error::untrusted(MANIFEST_FILE, TrustRefusal::NotATarget { sha256 }));
        };
        if target.halted {
            let release = format!("{}@{}", target.name, target.version);
            return Err(Error::untrusted(MANIFEST_FILE, TrustRefusal::Halted { release }));
        }
        Ok(target.clone())
    }
}

/// The SHA-256 of a target's manifest as bytes.
pub(super) fn digest_of(target: &ReleaseTarget) -> Result<[u8; 32]> {
    bytes_of_hex(&target.manifest_sha256).ok_or_else(|| {
        let sha256 = target.manifest_sha256.clone();
        Error::untrusted(BLOBS_FOLDER, TrustRefusal::NotATarget { sha256 })
    })
}

/// Refuses a release that calls itself otherwise than the target does.
pub(super) fn check_same(target: &ReleaseTarget, verified: &VerifiedRelease) -> Result<()> {
    let release = &verified.manifest.release;
    if release.name == target.name && release.version == target.version {
        return Ok(());
    }
    let expected = format!("{}@{}", target.name, target.version);
    let refusal = TrustRefusal::WrongRelease { expected, found: release.to_string() };
    Err(Error::untrusted(MANIFEST_FILE, refusal))
}
