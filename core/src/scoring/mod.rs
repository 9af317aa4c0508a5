//! Quantised kernels and top-k over mapped tensors.
//!
//! ```text
//! items.safetensors -> MappedFile -> codes, scales, embeddings -> ItemMatrix -> top_k
//!                                                    quantise (when a release is packed)
//! ```
//!
//! [`top_k`] reads one byte for each dimension of each item, at the speed of memory, and the exact
//! embeddings of a few hundred rows; its result is that of scoring every item exactly.
//!
//! # Unsafe code
//! It stands in two places: `base::map` (mapping a file, and viewing its bytes as numbers) and
//! `kernels` (vector instructions). Both are behind safe functions that check lengths, alignment
//! and the processor's features, and each block says why it holds. Nothing else may use it.

mod bound;
mod item_matrix;
mod kernels;
mod quantise;
mod top_k;

pub use crate::base::MappedFile;
pub use item_matrix::ItemMatrix;
pub use kernels::Kernel;
pub use quantise::{Quantised, quantise};
pub use top_k::{Scored, exact_score, top_k, top_k_with};
