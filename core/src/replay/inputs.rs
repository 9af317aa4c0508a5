//! What the slates of one night were made from, beside the release itself.

use bincode::{Decode, Encode};

use crate::base::{Error, Profile, Refusal, ReplayRefusal, Result, json};
use crate::learning::rows as profiles;
use crate::release::Plan;
use crate::store::blob;

/// Version of [`StoredInputs`].
const FORMAT: u8 = 1;
const WHAT: &str = "the inputs of slates";

/// What a slate was made from. Its time, policy and arm stand in the slate.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// The release, as `name@version`.
    pub release: String,
    /// SHA-256 of its manifest, which names every byte of it.
    pub manifest_sha256: String,
    /// The plan of the app, when it replaced that of the release.
    pub plan: Option<Plan>,
    /// The profile as it was.
    pub profile: Profile,
    /// The number of the night, which exploration is drawn by.
    pub day: i64,
}

#[derive(Encode, Decode)]
struct StoredInputs {
    release: String,
    manifest_sha256: String,
    /// As JSON.
    plan: Option<Vec<u8>>,
    profile: Vec<u8>,
    day: i64,
}

impl Inputs {
    /// The bytes that are kept: equal for equal inputs.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when they are too big, or the plan does not come back from JSON.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let plan_bytes = self.plan.as_ref().map(exactly).transpose()?;
        let stored = StoredInputs {
            release: self.release.clone(),
            manifest_sha256: self.manifest_sha256.clone(),
            plan: plan_bytes,
            profile: profiles::encode(&self.profile)?,
            day: self.day,
        };
        blob::encode(WHAT, FORMAT, &stored)
    }

    /// The inputs of such bytes, which may come from anybody.
    ///
    /// # Errors
    /// [`Error::ReplayRefused`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let stored: StoredInputs = blob::decode(WHAT, FORMAT, bytes).map_err(changed)?;
        let plan = stored.plan.as_deref().map(plan).transpose()?;
        Ok(Self {
            release: stored.release,
            manifest_sha256: stored.manifest_sha256,
            plan,
            profile: profiles::decode(&stored.profile).map_err(changed)?,
            day: stored.day,
        })
    }
}

/// The plan as JSON, when that reads as the very same plan: a few numbers come back with another
/// last bit, and then the slate would be another.
fn exactly(plan: &Plan) -> Result<Vec<u8>> {
    let bytes =
        serde_json::to_vec(plan).map_err(|error| Error::invalid("plan", error.to_string()))?;
    let again: Result<Plan, Refusal> = json::parse(&bytes);
    match again.as_ref() == Ok(plan) {
        true => Ok(bytes),
        false => Err(Error::invalid("plan", "has numbers that do not come back from JSON")),
    }
}

fn plan(bytes: &[u8]) -> Result<Plan> {
    let parsed: Result<Plan, Refusal> = json::parse(bytes);
    let plan = parsed.map_err(|refusal| refuse(format!("the plan: {refusal}")))?;
    plan.validate().map_err(|error| refuse(format!("the plan: {error}")))?;
    Ok(plan)
}

/// What does not hold in a bundle, as a refusal.
pub(super) fn changed(error: impl std::fmt::Display) -> Error {
    refuse(error.to_string())
}

fn refuse(reason: String) -> Error {
    Error::ReplayRefused { refusal: ReplayRefusal::Changed { reason } }
}
