//! Upload: feedback leaves in batches, at least once, and goes only when it has arrived.

mod batch;
pub mod deletions;
pub mod metered;
mod signed;
pub mod wire;
pub mod withheld;

pub use metered::UploadPolicy;
pub use wire::{Acknowledgement, BATCH_SCHEMA, BatchHeader, ExamSummary, RejectedEvent};

mod rows;
pub mod standing;

pub use rows::{QueueState, Sender};

pub use crate::base::{FetchRequest, Network, Transfer, TransferOutcome, UploadRequest};
