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

/// A release that this device refused.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RefusedOffer {
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Why.
    pub reason: String,
    /// Digest of the app's own plan, when the refusal is one under that plan only: with another
    /// plan the release may be tried again.
    pub under_plan: Option<String>,
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
    /// Releases that this device refused, the oldest first.
    pub refused: Vec<RefusedOffer>,
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

    /// Whether this device refused the release of this manifest for good, or under the app's plan
    /// of digest `plan`.
    #[must_use]
    pub fn has_refused(&self, manifest_sha256: &str, plan: &str) -> bool {
        self.refused.iter().any(|refused| {
            refused.manifest_sha256 == manifest_sha256
                && refused.under_plan.as_ref().is_none_or(|under| under == plan)
        })
    }

    /// Remembers that a release was refused; the oldest is forgotten.
    pub fn refuse(&mut self, offer: RefusedOffer) {
        self.refused.retain(|refused| refused.manifest_sha256 != offer.manifest_sha256);
        if self.refused.len() == REFUSED_MAX {
            self.refused.remove(0);
        }
        self.refused.push(offer);
        self.pending = None;
    }

    /// Whether it is time for a look at `now_ms`; a clock that was set back is no reason to wait.
    #[must_use]
    pub fn is_look_due(&self, now_ms: i64, every_ms: i64) -> bool {
        let every_ms = every_ms.max(LOOK_EVERY_MS_MIN);
        self.looked_ms.is_none_or(|looked| now_ms < looked || now_ms - looked >= every_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(manifest_sha256: &str, under_plan: Option<&str>) -> RefusedOffer {
        RefusedOffer {
            manifest_sha256: manifest_sha256.to_owned(),
            reason: "a test".to_owned(),
            under_plan: under_plan.map(str::to_owned),
        }
    }

    #[test]
    fn a_refusal_for_the_apps_plan_counts_under_that_plan_only() {
        let mut state = DeliveryState::default();
        state.refuse(offer("a", Some("plan 1")));
        assert!(state.has_refused("a", "plan 1"));
        assert!(!state.has_refused("a", "plan 2"));
        state.refuse(offer("a", None));
        assert!(state.has_refused("a", "plan 2"));
        assert_eq!(state.refused.len(), 1);
    }

    #[test]
    fn the_list_of_refused_offers_is_bounded_and_forgets_the_oldest() {
        let mut state = DeliveryState::default();
        for number in 0..=REFUSED_MAX {
            state.refuse(offer(&number.to_string(), None));
        }
        assert_eq!(state.refused.len(), REFUSED_MAX);
        assert!(!state.has_refused("0", "") && state.has_refused("1", ""));
    }
}
