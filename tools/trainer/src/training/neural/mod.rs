//! What the training of every neural model has in common.
//!
//! ```text
//! Task (batches, loss, validation) -> fit: one epoch after another, the best is kept
//!                                      |-- Adam over Parameters, gradients by candle
//!                                      |-- Checkpoint, from which a run goes on bit for bit
//!                                      `-- stops: patience, the caller, what is not finite
//! ```
//!
//! Products of matrices and the graph of derivatives are candle's; the other operations of a
//! transformer are our own in [`ops`], each with its own derivative, since candle's general ones
//! go through memory many times. All randomness is a function of seed, epoch, batch and place, so
//! a checkpoint needs to remember only where the run was.

pub mod adam;
pub(crate) mod arithmetic;
pub mod checkpoint;
pub mod device;
pub mod fit;
pub mod ops;
pub mod parameters;
pub mod random;
#[cfg(test)]
mod tests;

pub use adam::Adam;
pub use checkpoint::Checkpoint;
pub use device::DeviceChoice;
pub use fit::{EpochRecord, FitSettings, Fitted, Place, Run, Task, fit};
pub use parameters::Parameters;
pub use random::{Dropout, Key};
