//! SASRec: a causal transformer over what each user chose (Kang and McAuley, ICDM 2018).
//!
//! ```text
//! Sequences -> Packed batches -> Network (item vectors, blocks) -> Loss
//!      `-> validation: NDCG of the choice behind the training part, whole catalogue ranked
//! ```
//!
//! The network is that of the architecture `sasrec` of a release, weight for weight, so a phone
//! gives the scores that training saw. Sequences of a batch lie one behind the other without
//! padding: what a batch costs is what its users chose.

mod batches;
mod loss;
mod network;
mod pipeline;
mod settings;
mod task;
#[cfg(test)]
mod tests;

pub use batches::{Packed, Sequences};
pub use loss::{Batch, Drawing, Loss, Sampling};
pub(crate) use loss::{mean, weight};
pub use network::Network;
pub use pipeline::fit_sasrec;
pub use settings::SasrecSettings;
pub use task::SasrecTask;
