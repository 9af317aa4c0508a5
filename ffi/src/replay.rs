//! Consent to export a slate with what it was made from.

use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::replay;
use noctule_core::slates::SlateKey;

use crate::RecommenderError;

/// Whether the user agreed that a bundle with personal data leaves the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Consent {
    /// The user was asked, and agreed.
    Given,
    /// The user did not agree, or was not asked.
    NotGiven,
}

impl From<Consent> for replay::Consent {
    fn from(consent: Consent) -> Self {
        match consent {
            Consent::Given => Self::Given,
            Consent::NotGiven => Self::NotGiven,
        }
    }
}

/// The slate of these names.
pub(crate) fn key(surface: String, context: String) -> Result<SlateKey, RecommenderError> {
    Ok(SlateKey { surface: SurfaceId::new(surface)?, context: ContextId::new(context)? })
}
