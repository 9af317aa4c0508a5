//! Requests to the collector to delete what it has under a pseudonym.
//!
//! `POST {collector}/v1/deletions` with a [`DeletionRequest`] as JSON. Asked again for ever, with
//! growing pauses, until a 200 names the same pseudonym ([`DeletionAnswer`]), signed where
//! the app knows a key of its collector: whatever the consent,
//! before any batch, and on any network, since it is a few hundred bytes that the user is owed.

pub mod rows;

use super::signed::is_signed_by;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the ids of these transfers begin with.
pub const DELETION_ID: &str = "deletion-";

/// Version of the request that this library writes.
pub const DELETION_SCHEMA: u32 = 1;

/// The body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionRequest {
    /// [`DELETION_SCHEMA`].
    pub schema: u32,
    /// The app.
    pub app: String,
    /// The pseudonym under which everything is to be deleted.
    pub installation: Uuid,
    /// When the user asked for it, Unix milliseconds of the device; the same in every retry.
    pub requested_at_ms: i64,
}

/// The collector's answer once it will delete everything under the pseudonym, also after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionAnswer {
    /// The pseudonym.
    pub installation: Uuid,
    /// Ed25519 signature (RFC 8032) of [`DeletionAnswer::signed_text`], 128 hexadecimal digits; of
    /// a collector that has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl DeletionAnswer {
    /// What a collector signs: two lines that name the pseudonym.
    #[must_use]
    pub fn signed_text(&self) -> String {
        format!("noctule deletion 1\n{}\n", self.installation)
    }

    /// Whether one of `keys` signed it.
    #[must_use]
    pub fn is_signed_by(&self, keys: &[[u8; 32]]) -> bool {
        is_signed_by(keys, &self.signed_text(), self.signature.as_deref())
    }
}
