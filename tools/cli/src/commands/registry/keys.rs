//! The keys that sign what devices read.

use std::path::PathBuf;

use clap::Args;
use noctule_releases::SecretKey;
use noctule_releases::registry::{Registry, State, Validity};
use noctule_releases::trust::RepositoryKeys;

use super::{ACTION, failed};
use crate::error::{Error, Result};

/// Keys, and for how long their signatures count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata for devices")]
pub(super) struct Keys {
    /// Folder that holds targets.key and online.key.
    #[arg(long, global = true, value_name = "DIR")]
    keys: Option<PathBuf>,

    /// A key of the role targets; may be repeated.
    #[arg(long, global = true, value_name = "FILE")]
    targets_key: Vec<PathBuf>,

    /// A key of the roles snapshot and timestamp; may be repeated.
    #[arg(long, global = true, value_name = "FILE")]
    online_key: Vec<PathBuf>,

    /// Days for which devices believe the list of releases.
    #[arg(long, global = true, value_name = "DAYS", default_value_t = 90)]
    targets_days: u32,

    /// Days for which devices believe that they have the newest list; refresh it in time.
    #[arg(long, global = true, value_name = "DAYS", default_value_t = 7)]
    timestamp_days: u32,
}

impl Keys {
    /// Whether any key was named.
    pub(super) fn are_given(&self) -> bool {
        self.keys.is_some() || !self.targets_key.is_empty() || !self.online_key.is_empty()
    }

    /// The registry that signs with them after every commit.
    pub(super) fn sign(&self, place: Registry) -> Result<Registry> {
        place.signing(self.read()?, self.validity()).map_err(failed())
    }

    /// Renews what devices read: all of it, or with the online keys alone all but the list.
    pub(super) fn refresh(&self, place: Registry) -> Result<State> {
        let keys = self.read()?;
        if keys.snapshot.is_empty() {
            let needed = "--online-key, or --keys, is needed";
            return Err(Error::failed(ACTION)(needed));
        }
        let state = match keys.targets.is_empty() {
            true => place.refresh_online(&keys, self.validity()),
            false => place.signing(keys, self.validity()).and_then(|place| place.refresh()),
        };
        state.map_err(failed())
    }

    fn read(&self) -> Result<RepositoryKeys> {
        let read = |named: &[PathBuf], file: &str| -> Result<Vec<SecretKey>> {
            let ours = self.keys.iter().map(|folder| folder.join(file));
            let paths = ours.filter(|_| named.is_empty()).chain(named.iter().cloned());
            paths.map(|path| SecretKey::load(&path).map_err(failed())).collect()
        };
        let online = || read(&self.online_key, "online.key");
        let targets = read(&self.targets_key, "targets.key")?;
        Ok(RepositoryKeys { targets, snapshot: online()?, timestamp: online()? })
    }

    fn validity(&self) -> Validity {
        let (targets_days, timestamp_days) = (self.targets_days, self.timestamp_days);
        let snapshot_days = Validity::default().snapshot_days.max(timestamp_days);
        Validity { targets_days, snapshot_days, timestamp_days }
    }

    /// Says aloud that devices were not told.
    pub(super) fn note_unsigned(&self) {
        if !self.are_given() {
            eprintln!(
                "no metadata was written: devices see what they saw before; give --keys, or \
                 --targets-key and --online-key"
            );
        }
    }
}
