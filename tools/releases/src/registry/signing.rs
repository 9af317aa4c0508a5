//! Metadata of a state, signed with the keys of a repository.

use noctule_core::base::limits::TARGETS_BYTES_MAX;
use noctule_core::trust::{METADATA_FOLDER, Role};

use super::roots::check_keys;
use super::{MetadataKeys, Registry, State};
use crate::trust::{Expiries, RepositoryKeys, Versions, write_metadata, write_online};
use crate::{Error, Result};

/// One day in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// For how long metadata is valid after the commit that it follows, in days.
///
/// When the timestamp has expired devices keep what they have and take nothing new, so something
/// must commit or refresh more often than that. The shorter it is, the sooner a server that hides a
/// halt is found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Of the targets; 90.
    pub targets_days: u32,
    /// Of the snapshot; 21.
    pub snapshot_days: u32,
    /// Of the timestamp; 7.
    pub timestamp_days: u32,
}

impl Default for Validity {
    fn default() -> Self {
        Self { targets_days: 90, snapshot_days: 21, timestamp_days: 7 }
    }
}

impl Validity {
    fn after(self, at_ms: i64) -> Expiries {
        let after = |days: u32| at_ms.saturating_add(i64::from(days) * DAY_MS);
        Expiries {
            targets_ms: after(self.targets_days),
            snapshot_ms: after(self.snapshot_days),
            timestamp_ms: after(self.timestamp_days),
        }
    }
}

impl MetadataKeys {
    /// Signs with `keys`. Versions are the number of the commit and times count from it, so the
    /// same commit gives the same bytes, whoever of several holders of the keys writes them.
    #[must_use]
    pub fn of_repository(keys: RepositoryKeys, validity: Validity) -> Self {
        Self::new(move |offered, number, at_ms| {
            let versions = Versions { targets: number, snapshot: number, timestamp: number };
            write_metadata(offered, versions, validity.after(at_ms), &keys)
        })
    }
}

impl Registry {
    /// Renews snapshot and timestamp with the online keys alone: the list of releases stays the
    /// one that was signed last, so a job that does this every day needs no key that could change
    /// it.
    ///
    /// # Errors
    /// [`Error::Part`] when the newest root asks for other keys, or no list was ever signed;
    /// [`Error::Core`] when devices would refuse the result, as when the list itself has expired;
    /// those of a commit.
    pub fn refresh_online(&self, keys: &RepositoryKeys, validity: Validity) -> Result<State> {
        let root = self.follow_roots(None)?;
        check_keys(&root, Role::Snapshot, &keys.snapshot)?;
        check_keys(&root, Role::Timestamp, &keys.timestamp)?;
        loop {
            let state = self.commit_refresh()?;
            let (signed, bytes) = self.newest_targets()?;
            let number = state.number;
            let versions = Versions { targets: signed, snapshot: number, timestamp: number };
            let files = write_online(&bytes, versions, validity.after(state.at_ms), keys)?;
            self.check_as_device(&files)?;
            for (path, bytes) in files {
                self.place.put_over(&path, bytes)?;
            }
            // One who wrote beside it may have left a snapshot that the timestamp does not name.
            if self.state()?.number == number && self.check_as_device(&[]).is_ok() {
                return Ok(state);
            }
        }
    }

    /// Version and bytes of the list of releases that was signed last.
    fn newest_targets(&self) -> Result<(u64, Vec<u8>)> {
        let listed = self.place.list(METADATA_FOLDER)?;
        let version = |name: &str| name.strip_suffix(".targets.json")?.parse::<u64>().ok();
        let newest = listed.iter().filter_map(|(name, _)| version(name)).max();
        let missing = || Error::part("targets", "no list of releases was signed yet");
        let newest = newest.ok_or_else(missing)?;
        let path = format!("{METADATA_FOLDER}/{newest}.targets.json");
        let bytes = self.place.get(&path, TARGETS_BYTES_MAX)?.ok_or_else(missing)?;
        Ok((newest, bytes))
    }
}
