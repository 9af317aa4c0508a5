//! Models by architecture name, with the user folded in on the device.
//!
//! The item side of a release is fixed; the user's vector is computed here, from local history
//! ([`fold_in`], exact, by Cholesky factorisation). A logistic [`ranker`] weighs the fold-in score
//! against what the context says. Both stand in one `model.safetensors`
//! ([`matrix_factorization`]).

pub mod cholesky;
pub mod fold_in;
pub mod gram;
pub mod matrix_factorization;
pub mod ranker;
pub mod user_vector;

pub use fold_in::{FoldIn, Workspace};
pub use gram::gram;
pub use matrix_factorization::MatrixFactorization;
pub use ranker::Ranker;
pub use user_vector::UserVector;
