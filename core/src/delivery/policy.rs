//! What the app allows delivery to do.

/// Which releases to follow, how often to look, and what may go over a metered network.
///
/// ```
/// use noctule_core::delivery::DeliveryPolicy;
/// let policy = DeliveryPolicy::following("town");
/// assert!(policy.check_every_ms >= 3_600_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// The line of releases that this app follows.
    pub line: String,
    /// Milliseconds between two looks for a new release; six hours.
    pub check_every_ms: i64,
    /// Bytes of the largest transfer over a metered network; a larger one waits. 512 KiB: metadata
    /// and most deltas.
    pub metered_bytes_max: u64,
}

impl DeliveryPolicy {
    /// Follows `line` with the defaults.
    pub fn following(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            check_every_ms: 6 * 60 * 60 * 1_000,
            metered_bytes_max: 512 * 1_024,
        }
    }
}
