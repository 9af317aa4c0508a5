//! What the app allows uploads to cost.

/// What may go over a metered network.
///
/// ```
/// use noctule_core::upload::UploadPolicy;
/// // Never over mobile data.
/// let policy = UploadPolicy { metered_bytes_a_day: 0 };
/// assert!(policy.metered_bytes_a_day < UploadPolicy::default().metered_bytes_a_day);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadPolicy {
    /// Bytes of batches that may leave over metered networks in one UTC day, attempts that fail
    /// included; a batch that would exceed it waits for another network or another day, one that
    /// is larger than all of it for another network. 1 MiB: some twenty days of feedback at once.
    /// Requests to delete are not counted and never wait.
    pub metered_bytes_a_day: u64,
}

impl Default for UploadPolicy {
    fn default() -> Self {
        Self { metered_bytes_a_day: 1_024 * 1_024 }
    }
}

pub mod rows;
