//! Opening a profile directory.

use std::path::{Path, PathBuf};

use clap::Args;
use noctule_core::base::SystemClock;
use noctule_core::consent::DataConsent;
use noctule_core::delivery::DeliveryPolicy;
use noctule_core::{Config, Noctule};

use super::verify::public_keys;
use crate::error::{Error, Result};

/// Which profile, of which app.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// Directory of the profile; made where it is missing.
    #[arg(value_name = "PROFILE_DIR")]
    directory: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// Minutes east of UTC in which contexts and opening hours are read.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    offset_minutes: i32,

    /// What the user allows. Less than what the profile has stored withdraws it, with everything
    /// that it covered; more counts for a new profile only.
    #[arg(long, value_enum, default_value_t = Allowed::Full)]
    consent: Allowed,
}

/// [`DataConsent`] on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Allowed {
    /// Nothing is recorded, learned or sent.
    NotGiven,
    /// Recorded and learned here, nothing is sent.
    OnDevice,
    /// Recorded, learned, and sent to the collector.
    Full,
}

impl From<Allowed> for DataConsent {
    fn from(allowed: Allowed) -> Self {
        match allowed {
            Allowed::NotGiven => Self::NotGiven,
            Allowed::OnDevice => Self::OnDevice,
            Allowed::Full => Self::Full,
        }
    }
}

impl Profile {
    /// Opens the profile; `keys` are the files of the public keys that releases may be signed with.
    pub(crate) fn open(&self, action: &'static str, keys: &[PathBuf]) -> Result<Noctule> {
        let mut config = self.config();
        config.trusted_keys = public_keys(action, keys)?.into_iter().map(|key| key.0).collect();
        let clock = SystemClock { offset_minutes: self.offset_minutes };
        config.clock = std::sync::Arc::new(clock);
        Noctule::open(config).map_err(Error::failed(action))
    }

    fn config(&self) -> Config {
        Config::new(self.directory.clone(), self.app.clone(), self.consent.into())
    }

    /// As [`Self::open`], but makes no profile where there is none.
    pub(crate) fn open_existing(&self, action: &'static str, keys: &[PathBuf]) -> Result<Noctule> {
        if !self.directory.is_dir() {
            return Err(Error::at(action, &self.directory, "there is no profile"));
        }
        self.open(action, keys)
    }

    /// Opens the profile as that of an app that ships the `root.json` in the file `root` and
    /// follows `line`.
    pub(crate) fn open_following(
        &self,
        action: &'static str,
        root: &Path,
        line: &str,
    ) -> Result<Noctule> {
        let bytes = std::fs::read(root).map_err(|error| Error::at(action, root, error))?;
        let mut config = self.config();
        config.trusted_root = Some(bytes);
        config.delivery = Some(DeliveryPolicy::following(line));
        let clock = SystemClock { offset_minutes: self.offset_minutes };
        config.clock = std::sync::Arc::new(clock);
        Noctule::open(config).map_err(Error::failed(action))
    }
}
