//! Models by architecture name, with the user's vector made on the device.
//!
//! ```text
//! model.safetensors -> Recommender: UserEncoder (fold_in | two_tower | sasrec) -> UserVector
//!                                   Ranker (linear | mlp | dcn_v2, calibrated)  -> log-odds
//! ```
//!
//! The item side of a release is fixed; the user's vector is computed here, from local history:
//! folded in ([`fold_in`], exact, by Cholesky factorisation), by a user tower ([`two_tower`]) or by
//! a causal transformer ([`sasrec`]). A [`ranker`] weighs the user's score for an item against what
//! else is known. Every product of matrices is made on the calling thread, and gives the same bits
//! on every machine.

mod dense;
pub mod encoder;
pub mod fold_in;
pub mod gram;
pub mod ranker;
pub mod recommender;
pub mod sasrec;
mod tensors;
#[cfg(test)]
mod tests;
pub mod two_tower;
pub mod user_vector;

pub use encoder::{Observation, UserEncoder};
pub use fold_in::{FoldIn, Workspace};
pub use gram::gram;
pub use noctule_kernels::cholesky;
pub use ranker::Ranker;
pub use recommender::Recommender;
pub use sasrec::Sasrec;
pub use two_tower::TwoTower;
pub use user_vector::UserVector;
