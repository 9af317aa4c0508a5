//! Stopping a night from another thread.

use noctule_core::base;

/// Stops a night from another thread. Cancelling is final: make a new token for the next night.
#[derive(Debug, Default, uniffi::Object)]
pub struct CancelToken(pub(crate) base::CancelToken);

#[uniffi::export]
impl CancelToken {
    /// A token that nobody has cancelled.
    #[uniffi::constructor]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the night to stop before its next slate. Returns at once.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
