//! Metadata for devices: which releases and deltas they are offered, signed.

use std::sync::Arc;

use super::{Registry, State};
use crate::Result;
use crate::trust::{DeltaTarget, ReleaseTarget, TargetList};

/// The only object that is ever written over with other bytes.
const TIMESTAMP: &str = "metadata/timestamp.json";

/// Makes the files of the metadata: their paths (`metadata/timestamp.json`) and bytes.
type Sign = dyn Fn(&TargetList, u64, i64) -> Result<Vec<(String, Vec<u8>)>> + Send + Sync;

/// Keys that sign the metadata, behind the function that uses them; made of the keys themselves by
/// [`Self::of_repository`].
#[derive(Clone)]
pub struct MetadataKeys(Arc<Sign>);

impl std::fmt::Debug for MetadataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetadataKeys")
    }
}

impl MetadataKeys {
    /// Signs with `sign`, which gets what is offered, the version that all metadata shall have and
    /// the time of the commit, Unix milliseconds. The same three should give the same bytes: of two
    /// who write the metadata of one commit at once either may win.
    pub fn new<F>(sign: F) -> Self
    where
        F: Fn(&TargetList, u64, i64) -> Result<Vec<(String, Vec<u8>)>> + Send + Sync + 'static,
    {
        Self(Arc::new(sign))
    }
}

impl Registry {
    /// Renews the metadata before it expires.
    ///
    /// # Errors
    /// Those of a commit, and of signing.
    pub fn refresh(&self) -> Result<State> {
        let state = self.commit_refresh()?;
        self.after_commit()?;
        Ok(state)
    }

    /// A commit that changes nothing but the time of the last refresh.
    pub(super) fn commit_refresh(&self) -> Result<State> {
        let now_ms = self.now_ms();
        let (state, ()) = self.commit("refresh", |state| {
            state.refreshed_ms = now_ms.max(state.refreshed_ms + 1);
            Ok(())
        })?;
        Ok(state)
    }

    /// Brings the metadata up to the newest state.
    pub(super) fn after_commit(&self) -> Result<()> {
        let Some(keys) = &self.metadata else { return Ok(()) };
        loop {
            let state = self.state()?;
            let mut files = (keys.0)(&targets(&state), state.number, state.at_ms)?;
            self.check_as_device(&files)?;
            // A device that reads the timestamp finds all that it points at.
            files.sort_by_key(|(path, _)| path == TIMESTAMP);
            for (path, bytes) in files {
                self.place.put_over(&path, bytes)?;
            }
            // Whoever writes last finds out whether what it wrote is the newest, and whole.
            if self.state()?.number == state.number && self.check_as_device(&[]).is_ok() {
                return Ok(());
            }
        }
    }
}

/// What devices are offered: releases that are rolled out or halted, and deltas that lead to them.
#[must_use]
pub fn targets(state: &State) -> TargetList {
    let offered = state.all().filter(|(_, version)| version.percent > 0 || version.halted);
    let releases = offered.map(|(release, version)| ReleaseTarget {
        manifest_sha256: version.manifest.sha256.clone(),
        length: version.manifest.length,
        name: release.name,
        version: release.version,
        percent: version.percent,
        halted: version.halted,
    });
    let releases: Vec<ReleaseTarget> = releases.collect();
    let leads = |to: &str| releases.iter().any(|it| it.manifest_sha256 == to && !it.halted);
    let deltas = state.deltas.iter().filter(|delta| leads(&delta.to));
    let deltas = deltas.map(|delta| DeltaTarget {
        sha256: delta.sha256.clone(),
        length: delta.length,
        from: delta.from.clone(),
        to: delta.to.clone(),
    });
    TargetList { deltas: deltas.collect(), releases }
}
