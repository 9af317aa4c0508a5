//! Exporting a slate with what it was made from.

use super::Noctule;
use crate::base::{Error, Profile, ReplayRefusal, Result};
use crate::night::LoadedRelease;
use crate::replay::rows::{self, Origin};
use crate::replay::{Bundle, Consent, Inputs};
use crate::slates::{SlateKey, rows as slates, stored};

impl Noctule {
    /// What slates that are made now from `loaded` are made from.
    pub(super) fn origin(&self, loaded: &LoadedRelease, profile: &Profile, day: i64) -> Origin {
        Origin::of(&Inputs {
            release: loaded.release.manifest().release.to_string(),
            manifest_sha256: loaded.manifest_sha256.clone(),
            plan: self.config.plan.clone(),
            profile: profile.clone(),
            day,
        })
    }

    /// A bundle with the published slate of `key` and everything it was made from except the
    /// release, for [`crate::replay::replay`]: the history, the hidden items, the place and the
    /// openings of the user as they were when the slate was made, and the seed of the device's
    /// random draws. **It is personal data.** It leaves the device only when the user was asked and
    /// agreed, which the caller says with `consent`.
    ///
    /// # Errors
    /// [`Error::ReplayRefused`] without consent, for a slate that is not there, or when what it was
    /// made from is not kept; [`Error::Damaged`], [`Error::Storage`], [`Error::Closed`].
    pub fn export_replay(&self, key: &SlateKey, consent: Consent) -> Result<Vec<u8>> {
        let refuse = |refusal| Error::ReplayRefused { refusal };
        if consent == Consent::NotGiven {
            return Err(refuse(ReplayRefusal::NoConsent));
        }
        let (published, digest, slate, inputs) = self.store.read(|connection| {
            let missing = || refuse(ReplayRefusal::NoSlate { key: key.to_string() });
            let (published, digest) = slates::published(connection, key)?.ok_or_else(missing)?;
            let slate = stored::decode(&format!("slate {key}"), &published)?;
            let inputs = rows::inputs_of(connection, key, slate.generation)?;
            let not_kept = || refuse(ReplayRefusal::NotKept { key: key.to_string() });
            Ok((published, digest, slate, inputs.ok_or_else(not_kept)?))
        })?;
        let inputs = Inputs::decode(&inputs)
            .map_err(|error| Error::damaged("the inputs of slates", error.to_string()))?;
        Bundle { inputs, digest, slate, published }.to_bytes()
    }
}
