//! What the user allows to be done with what the device learns of them.
//!
//! Asked for when a profile is opened, without a default, and stored. It fails closed: what is
//! stored is only raised by [`crate::Noctule::set_consent`], and a stored value that cannot be read
//! counts as [`DataConsent::NotGiven`].

pub mod rows;

use std::fmt;

/// What the user allows. Each allows what those before it do.
///
/// ```
/// use noctule_core::consent::DataConsent;
/// assert!(DataConsent::NotGiven < DataConsent::OnDevice);
/// assert!(DataConsent::OnDevice < DataConsent::Full);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataConsent {
    /// Not asked, refused, or withdrawn. Nothing is recorded, learned or sent; slates are made from
    /// popularity, context, rules and new items, the same for everybody.
    NotGiven,
    /// Recorded and learned from on this device; nothing of it leaves.
    OnDevice,
    /// Recorded, learned from, and sent to the collector under a pseudonym.
    Full,
}

impl DataConsent {
    /// Whether what the user does may be stored and learned from.
    #[must_use]
    pub fn may_record(self) -> bool {
        self >= Self::OnDevice
    }

    /// Whether it may leave the device.
    #[must_use]
    pub fn may_send(self) -> bool {
        self == Self::Full
    }

    /// Its name in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotGiven => "not-given",
            Self::OnDevice => "on-device",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for DataConsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
