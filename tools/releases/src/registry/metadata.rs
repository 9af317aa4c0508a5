//! Metadata for devices: which releases and deltas they are offered, signed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::blobs::path_of;
use super::{Registry, State};
use crate::Result;

/// The only object that is ever written over.
const TIMESTAMP: &str = "metadata/timestamp.json";

/// A file that devices are offered: what stands in the metadata about it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataTarget {
    /// Its path (`blobs/<sha256>`).
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// What it is, under `custom.noctule`.
    pub noctule: Value,
}

/// Makes the files of the metadata: their paths (`metadata/timestamp.json`) and bytes.
type Sign = dyn Fn(&[MetadataTarget], u64, i64) -> Result<Vec<(String, Vec<u8>)>> + Send + Sync;

/// Keys that sign the metadata, behind the function that uses them.
#[derive(Clone)]
pub struct MetadataKeys(Arc<Sign>);

impl std::fmt::Debug for MetadataKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetadataKeys")
    }
}

impl MetadataKeys {
    /// Signs with `sign`, which gets the targets, the version that all metadata shall have and the
    /// time, Unix milliseconds.
    pub fn new<F>(sign: F) -> Self
    where
        F: Fn(&[MetadataTarget], u64, i64) -> Result<Vec<(String, Vec<u8>)>>
            + Send
            + Sync
            + 'static,
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
        let now_ms = self.now_ms();
        let (state, ()) = self.commit("refresh", |state| {
            state.refreshed_ms = now_ms.max(state.refreshed_ms + 1);
            Ok(())
        })?;
        self.after_commit()?;
        Ok(state)
    }

    /// Brings the metadata up to the newest state.
    pub(super) fn after_commit(&self) -> Result<()> {
        let Some(keys) = &self.metadata else { return Ok(()) };
        loop {
            let state = self.state()?;
            let mut files = metadata_files(&state, keys, self.now_ms())?;
            // A device that reads the timestamp finds all that it points at.
            files.sort_by_key(|(path, _)| path == TIMESTAMP);
            for (path, bytes) in files {
                self.place.put_over(&path, bytes)?;
            }
            // Whoever writes last finds out whether what it wrote is the newest.
            if self.state()?.number == state.number {
                return Ok(());
            }
        }
    }
}

/// The metadata of `state`: every file of it with its path.
fn metadata_files(
    state: &State,
    keys: &MetadataKeys,
    now_ms: i64,
) -> Result<Vec<(String, Vec<u8>)>> {
    (keys.0)(&targets(state), state.number, now_ms)
}

/// What devices are offered: releases that are rolled out or halted, and deltas between them.
#[must_use]
pub fn targets(state: &State) -> Vec<MetadataTarget> {
    let offered = state.all().filter(|(_, version)| version.percent > 0 || version.halted);
    let releases = offered.map(|(release, version)| MetadataTarget {
        path: path_of(&version.manifest.sha256),
        length: version.manifest.length,
        sha256: version.manifest.sha256.clone(),
        noctule: json!({
            "kind": "release",
            "name": release.name,
            "version": release.version,
            "percent": version.percent,
            "halted": version.halted,
        }),
    });
    let mut targets: Vec<MetadataTarget> = releases.collect();
    let reaches = |sha256: &str| targets.iter().any(|target| target.sha256 == sha256);
    let deltas = state.deltas.iter().filter(|delta| reaches(&delta.to));
    let deltas: Vec<MetadataTarget> = deltas
        .map(|delta| MetadataTarget {
            path: path_of(&delta.sha256),
            length: delta.length,
            sha256: delta.sha256.clone(),
            noctule: json!({"kind": "delta", "from": delta.from, "to": delta.to}),
        })
        .collect();
    targets.extend(deltas);
    targets
}
