//! From activation to trust: probation, what ends it, and which releases are never tried again.
//!
//! A release that was just activated is on probation until a night has completed with it and its
//! health gate passed. Whatever shows that it misbehaves before that takes it away again.

pub mod rows;

use std::path::Path;

use bincode::{Decode, Encode};

use super::MANIFEST_FILE;
use super::digest::sha256_hex;
use super::verify::read_small;
use crate::base::limits::MANIFEST_BYTES_MAX;
use crate::base::{Refusal, Result};

/// Openings without a completed night or a served slate after which the next one reverts.
pub const OPENS_MAX: u32 = 3;

/// Nights that neither ended nor published anything after which the next one reverts.
pub const CUT_NIGHTS_MAX: u32 = 3;

/// Releases that are remembered as given up; the oldest are forgotten first, and rollback
/// protection keeps those out all the same.
const REFUSED_MAX: usize = 64;

/// Bytes of a reason that come from elsewhere.
const TEXT_BYTES_MAX: usize = 500;

/// Why a release was given up.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Encode, Decode, thiserror::Error)]
pub enum RevertReason {
    /// The app was opened again and again, and nothing came of it.
    #[error("{opens} openings without a completed night or a served slate")]
    CrashLoop {
        /// Openings.
        opens: u32,
    },
    /// Nights began and neither ended nor published a slate: each took its process with it.
    #[error("{nights} nights in a row were cut off before their first slate")]
    CutNights {
        /// Nights.
        nights: u32,
    },
    /// Nights failed with an error of the release.
    #[error("{nights} nights in a row failed, the last one with: {error}")]
    FailedNights {
        /// Nights.
        nights: u32,
        /// The error of the last one.
        error: String,
    },
    /// The scores are far from what the packer measured.
    #[error("scores at distance {distance:.3} from the reference, {limit:.3} is allowed")]
    Scores {
        /// Jensen-Shannon distance.
        distance: f64,
        /// Limit in the manifest.
        limit: f64,
    },
    /// A file of the installed release is damaged. The release may be installed again.
    #[error("damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The backend stopped it. The release may be installed again once it goes on.
    #[error("halted: {reason}")]
    Halted {
        /// What the backend said.
        reason: String,
    },
    /// The app asked for it.
    #[error("the app went back to the release before it")]
    Requested,
}

impl RevertReason {
    /// Whether the same release must not be tried again: not for a damaged copy, and not for one
    /// that the backend may let go on.
    #[must_use]
    pub fn refuses(&self) -> bool {
        !matches!(self, Self::Damaged { .. } | Self::Halted { .. })
    }
}

/// `text`, cut to what is kept of a reason.
#[must_use]
pub fn shortened(text: &str) -> String {
    let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or_default()].to_owned()
}

/// A release that is never tried again on this device.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct RefusedRelease {
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// The release, as `name@version`.
    pub release: String,
    /// Why.
    pub reason: RevertReason,
    /// When it was given up, Unix milliseconds.
    pub at_ms: i64,
}

/// The last time that a release was given up.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct Reverted {
    /// The release that was given up, as `name@version`.
    pub release: String,
    /// Why.
    pub reason: RevertReason,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// What is known of a release that is not confirmed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Probation {
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Openings since it was activated or last of use.
    pub opens: u32,
    /// Nights in a row that failed with an error of the release.
    pub failed_nights: u32,
    /// Nights in a row that began and did not end.
    pub cut_nights: u32,
}

/// What the device knows about how its releases behave.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
pub struct Activation {
    /// The active release while it is on probation.
    pub probation: Option<Probation>,
    /// Manifests of the installed releases that were confirmed.
    pub confirmed: Vec<String>,
    /// Releases that are never tried again, the oldest first.
    pub refused: Vec<RefusedRelease>,
    /// The last revert, until a release is confirmed after it.
    pub reverted: Option<Reverted>,
}

impl Activation {
    /// Refuses a release that was given up here.
    ///
    /// # Errors
    /// [`Refusal::RevertedBefore`] with the reason.
    pub fn check(&self, manifest_sha256: &str) -> Result<(), Refusal> {
        let same = |refused: &&RefusedRelease| refused.manifest_sha256 == manifest_sha256;
        match self.refused.iter().find(same) {
            Some(refused) => Err(Refusal::RevertedBefore { reason: refused.reason.to_string() }),
            None => Ok(()),
        }
    }

    /// Whether `manifest_sha256` was confirmed.
    #[must_use]
    pub fn is_confirmed(&self, manifest_sha256: &str) -> bool {
        self.confirmed.iter().any(|confirmed| confirmed == manifest_sha256)
    }

    /// Takes note that `active` is now the active release and `previous` the one before it. One
    /// that was confirmed stays so; what is on probation already goes on with its counts.
    pub fn activated(&mut self, active: Option<&str>, previous: Option<&str>) {
        self.confirmed.retain(|known| [active, previous].contains(&Some(known.as_str())));
        let same = |probation: &Probation| Some(probation.manifest_sha256.as_str()) == active;
        if self.probation.as_ref().is_some_and(same) {
            return;
        }
        self.probation = active
            .filter(|active| !self.is_confirmed(active))
            .map(|active| Probation { manifest_sha256: active.to_owned(), ..Probation::default() });
    }

    /// Takes note that `release` was given up at `at_ms`.
    pub fn gave_up(&mut self, manifest_sha256: &str, reverted: Reverted) {
        if reverted.reason.refuses() && self.check(manifest_sha256).is_ok() {
            let Reverted { release, reason, at_ms } = reverted.clone();
            let manifest_sha256 = manifest_sha256.to_owned();
            self.refused.push(RefusedRelease { manifest_sha256, release, reason, at_ms });
            let surplus = self.refused.len().saturating_sub(REFUSED_MAX);
            self.refused.drain(..surplus);
        }
        self.reverted = Some(reverted);
    }

    /// Ends the probation: the release has shown that it works.
    pub fn confirm(&mut self) {
        if let Some(probation) = self.probation.take() {
            self.confirmed.push(probation.manifest_sha256);
            self.reverted = None;
        }
    }
}

/// SHA-256 of the manifest in `directory`, so that a release that was given up is not copied first.
/// None when it cannot be read: verification says why.
#[must_use]
pub fn offered(directory: &Path) -> Option<String> {
    let bytes = read_small(directory, MANIFEST_FILE, MANIFEST_BYTES_MAX).ok()?;
    Some(sha256_hex(&bytes))
}

#[cfg(test)]
mod tests;
