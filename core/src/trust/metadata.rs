//! Timestamp and snapshot: which metadata are the newest, and which belong together.

use std::collections::BTreeMap;

use super::root::Role;
use super::signed::{Head, Signed, meta_files};
use crate::base::TrustRefusal;

/// The name of the snapshot in the timestamp.
pub(super) const SNAPSHOT_FILE: &str = "snapshot.json";
/// The name of the targets in the snapshot.
pub(super) const TARGETS_FILE: &str = "targets.json";

/// Files that a snapshot may name.
pub(super) const META_FILES_MAX: usize = 1_024;

/// What metadata say of another metadata file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetaFile {
    pub(super) version: u64,
    pub(super) length: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// The content of a timestamp file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) head: Head,
    pub(super) snapshot: MetaFile,
}

impl Timestamp {
    pub(super) fn parse(signed: &Signed) -> Result<Self, TrustRefusal> {
        let (fields, head) = signed.open(Role::Timestamp)?;
        let mut files = meta_files(&fields)?;
        match (files.remove(SNAPSHOT_FILE), files.is_empty()) {
            (Some(snapshot), true) => Ok(Self { head, snapshot }),
            _ => Err(fields.wrong("meta", "snapshot.json is needed, and nothing else")),
        }
    }
}

/// The content of a snapshot file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) head: Head,
    pub(super) files: BTreeMap<String, MetaFile>,
    pub(super) targets: MetaFile,
}

impl Snapshot {
    pub(super) fn parse(signed: &Signed) -> Result<Self, TrustRefusal> {
        let (fields, head) = signed.open(Role::Snapshot)?;
        let files = meta_files(&fields)?;
        let targets = files.get(TARGETS_FILE).cloned();
        let targets = targets.ok_or_else(|| fields.wrong("meta", "targets.json is missing"))?;
        Ok(Self { head, files, targets })
    }

    /// Refuses `self` when a file has a lower version than in `before`, or is no longer named.
    pub(super) fn check_follows(&self, before: &Self) -> Result<(), TrustRefusal> {
        for (name, old) in &before.files {
            let what: String = name.chars().take(64).collect();
            let Some(new) = self.files.get(name) else {
                return Err(TrustRefusal::Disappeared { what });
            };
            if new.version < old.version {
                let (have, offered) = (old.version, new.version);
                return Err(TrustRefusal::Rollback { what, have, offered });
            }
        }
        Ok(())
    }
}
