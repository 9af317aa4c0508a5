//! What the user allows to be done with what the device learns of them.

use noctule_core::consent;

/// What the user allows. Each allows what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DataConsent {
    /// Not asked, refused, or withdrawn: nothing is recorded, learned or sent, and slates are the
    /// same for everybody.
    NotGiven,
    /// Recorded and learned from on this device; nothing of it leaves.
    OnDevice,
    /// Recorded, learned from, and sent to the collector under a pseudonym.
    Full,
}

impl From<DataConsent> for consent::DataConsent {
    fn from(consent: DataConsent) -> Self {
        match consent {
            DataConsent::NotGiven => Self::NotGiven,
            DataConsent::OnDevice => Self::OnDevice,
            DataConsent::Full => Self::Full,
        }
    }
}

impl From<consent::DataConsent> for DataConsent {
    fn from(consent: consent::DataConsent) -> Self {
        match consent {
            consent::DataConsent::NotGiven => Self::NotGiven,
            consent::DataConsent::OnDevice => Self::OnDevice,
            consent::DataConsent::Full => Self::Full,
        }
    }
}
