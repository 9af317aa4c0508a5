//! How much feedback is kept, and what goes first when it is too much.
//!
//! Nothing goes silently: what is given up before the collector had it is counted, and every later
//! batch says how many there were.

pub mod rows;

use crate::base::{Error, Result};

/// How much feedback is kept on the device.
///
/// ```
/// use noctule_core::feedback::Retention;
/// let retention = Retention { days: 30, ..Retention::default() };
/// assert!(retention.check().is_ok());
/// assert!(Retention { events: 10, ..retention }.check().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events that were recorded so many days ago are given up, whether they were sent or not.
    pub days: u32,
    /// So many events are kept, give or take those of a screen.
    pub events: u32,
}

/// Fewer events than this would be given up before a day is over.
const EVENTS_MIN: u32 = 1_000;

impl Default for Retention {
    /// Ninety days, and 60,000 events: a month of an eager user without a network.
    fn default() -> Self {
        Self { days: 90, events: 60_000 }
    }
}

impl Retention {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for 0 days, and for fewer than 1,000 events.
    pub fn check(&self) -> Result<()> {
        if self.days == 0 {
            return Err(Error::invalid("retention.days", "must be at least 1"));
        }
        if self.events < EVENTS_MIN {
            let reason = format!("must be at least {EVENTS_MIN}");
            return Err(Error::invalid("retention.events", reason));
        }
        Ok(())
    }
}
