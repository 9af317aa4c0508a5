//! The experiment that a release carries.

use serde::{Deserialize, Serialize};

use crate::base::json;
use crate::base::limits::ARMS_MAX;

/// What makes the slates of an arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The release's model.
    Model,
    /// The rule-based baseline: popular in this context, near the user, open.
    Baseline,
}

/// One variant of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Its name in reports.
    pub name: String,
    /// Share of the installations, above 0; the shares of all arms sum to 1.
    pub share: f64,
    /// What makes its slates.
    pub policy: Policy,
}

/// An experiment: arms, and the salt that makes its assignment independent of others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name in reports.
    pub key: String,
    /// Hashed together with a random number of the installation, which outlives its pseudonyms.
    pub salt: String,
    /// The arms, 1 to 16.
    #[serde(deserialize_with = "json::up_to::<ARMS_MAX, _, _>")]
    pub arms: Vec<Arm>,
}
