//! What delivery knows between two calls.

use bincode::{Decode, Encode};
use rusqlite::{Connection, Transaction};

use crate::base::{Pause, Result};
use crate::store::{blob, meta};

const FORMAT: u8 = 1;
const STATE: &str = "delivery";
/// Releases that were refused and are remembered, so that they are not fetched again.
const REFUSED_MAX: usize = 16;

/// Shortest time between two looks, whatever the policy says.
const LOOK_EVERY_MS_MIN: i64 = 60_000;

/// A release that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pending {
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Bytes of its manifest.
    pub manifest_length: u64,
    /// Its name and version, as `town@3`.
    pub release: String,
    /// SHA-256 and length of a delta from the active release.
    pub delta: Option<(String, u64)>,
}

/// The state of delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct DeliveryState {
    /// When the repository was last asked for a new release, Unix milliseconds.
    pub looked_ms: Option<i64>,
    /// After a failure.
    pub pause: Pause,
    /// The release that is on its way.
    pub pending: Option<Pending>,
    /// Digests of manifests that this device refused, with the reason.
    pub refused: Vec<(String, String)>,
}

impl DeliveryState {
    /// Reads the state. One that is damaged begins anew: the next look finds what there is.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`].
    pub fn load(connection: &Connection) -> Result<Self> {
        match meta::get(connection, STATE)? {
            Some(bytes) => Ok(blob::decode("delivery", FORMAT, &bytes).unwrap_or_default()),
            None => Ok(Self::default()),
        }
    }

    /// Writes the state.
    ///
    /// # Errors
    /// [`crate::base::Error::Storage`], [`crate::base::Error::StorageFull`].
    pub fn save(&self, transaction: &Transaction<'_>) -> Result<()> {
        meta::put(transaction, STATE, &blob::encode("delivery", FORMAT, self)?)
    }

    /// Whether this device refused the release of this manifest.
    #[must_use]
    pub fn has_refused(&self, manifest_sha256: &str) -> bool {
        self.refused.iter().any(|(sha256, _)| sha256 == manifest_sha256)
    }

    /// Remembers that the release of this manifest was refused; the oldest is forgotten.
    pub fn refuse(&mut self, manifest_sha256: &str, reason: String) {
        self.refused.retain(|(sha256, _)| sha256 != manifest_sha256);
        if self.refused.len() == REFUSED_MAX {
            self.refused.remove(0);
        }
        self.refused.push((manifest_sha256.to_owned(), reason));
        self.pending = None;
    }

    /// Whether it is time for a look at `now_ms`; a clock that was set back is no reason to wait.
    #[must_use]
    pub fn is_look_due(&self, now_ms: i64, every_ms: i64) -> bool {
        let every_ms = every_ms.max(LOOK_EVERY_MS_MIN);
        self.looked_ms.is_none_or(|looked| now_ms < looked || now_ms - looked >= every_ms)
    }
}
