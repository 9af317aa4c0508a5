//! Quantised kernels and top-k over mapped tensors.
//!
//! ```text
//! items.safetensors -> MappedFile -> Codes, scales, Vectors -> ItemMatrix -> top_k
//!                                                 quantise (when a release is packed)
//! ```
//!
//! [`top_k`] reads one byte (or half a byte) for each dimension of each item, at the speed of
//! memory, the other half of a few thousand rows where codes lie in planes, and the vectors of a
//! few hundred; its result is that of scoring every item exactly, on every machine and with every
//! kernel.
//!
//! # Unsafe code
//! It stands in two places: `base::map` (mapping a file, and viewing its bytes as numbers), and the
//! crate `noctule_kernels` (vector instructions). All is behind safe functions that check lengths,
//! alignment and the processor's features, and each block says why it holds. Nothing else may use
//! it.

mod bound;
mod codes;
mod item_matrix;
mod quantise;
mod scan;
#[cfg(test)]
mod testing;
mod top_k;
mod vectors;
mod walk;

pub use crate::base::MappedFile;
pub use codes::Codes;
pub use item_matrix::ItemMatrix;
pub use noctule_kernels::integer::Kernel;
pub use quantise::{Quantised, QuantisedInt4, quantise, quantise_int4};
pub use top_k::{Eligible, Scored, TopK, exact_score, top_k, top_k_with};
pub use vectors::{Vectors, bf16_to_f32, f16_to_f32};
