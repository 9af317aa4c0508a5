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

    /// Asks the night to stop, also inside a slate. Returns at once.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// The same with the reason that the platform gave for stopping the work, which the journal
    /// then tells; at most 200 bytes of it.
    pub fn cancel_because(&self, reason: &str) {
        self.0.cancel_because(reason);
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
