//! Everything a slate is made from, and its digest.

use sha2::{Digest, Sha256};

use super::LoadedRelease;
use crate::base::{Profile, Result};
use crate::release::{Plan, Policy};
use crate::slates::SlateKey;

/// How an installation is treated: by its arm, or by the release's own policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Treatment {
    /// What makes its slates.
    pub policy: Policy,
    /// Its arm, when an experiment runs.
    pub arm: Option<String>,
}

/// SHA-256 over what decides a slate: release, plan, profile, treatment, slate, and `day`, the
/// number of the local day, so that exploration draws anew each night.
///
/// A slate whose digest did not change needs not be made again.
///
/// # Errors
/// [`crate::base::Error::InvalidInput`] when the plan cannot be written as JSON.
pub fn inputs_digest(
    loaded: &LoadedRelease,
    plan: &Plan,
    profile: &Profile,
    treatment: &Treatment,
    key: &SlateKey,
    day: i64,
) -> Result<[u8; 32]> {
    let plan = serde_json::to_vec(plan)
        .map_err(|error| crate::base::Error::invalid("plan", error.to_string()))?;
    let policy: &[u8] = match treatment.policy {
        Policy::Model => b"model",
        Policy::Baseline => b"baseline",
    };
    let place = profile.place.map_or_else(String::new, |place| format!("{place:?}"));
    let mut hash = Sha256::new();
    for part in [
        loaded.manifest_sha256.as_bytes(),
        &plan,
        &profile.learned_through.to_le_bytes(),
        &profile.forgotten_through.to_le_bytes(),
        &profile.seed.to_le_bytes(),
        place.as_bytes(),
        policy,
        treatment.arm.as_deref().unwrap_or_default().as_bytes(),
        key.surface.as_str().as_bytes(),
        key.context.as_str().as_bytes(),
        &day.to_le_bytes(),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(hash.finalize().into())
}
