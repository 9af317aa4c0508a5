//! Metadata of a state, signed with the keys of a repository.

use super::MetadataKeys;
use crate::trust::{Expiries, RepositoryKeys, Versions, write_metadata};

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

impl MetadataKeys {
    /// Signs with `keys`. Versions are the number of the commit and times count from it, so the
    /// same commit gives the same bytes, whoever of several holders of the keys writes them.
    #[must_use]
    pub fn of_repository(keys: RepositoryKeys, validity: Validity) -> Self {
        Self::new(move |offered, number, at_ms| {
            let versions = Versions { targets: number, snapshot: number, timestamp: number };
            let after = |days: u32| at_ms.saturating_add(i64::from(days) * DAY_MS);
            let expiries = Expiries {
                targets_ms: after(validity.targets_days),
                snapshot_ms: after(validity.snapshot_days),
                timestamp_ms: after(validity.timestamp_days),
            };
            write_metadata(offered, versions, expiries, &keys)
        })
    }
}
