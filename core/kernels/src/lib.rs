//! The loops in which a night spends its time.
//!
//! They stand in a crate of their own so that they are compiled for speed where the rest of the
//! library is compiled for size (profile `mobile`): there the search took three times as long
//! before. Pure functions of slices; what is searched and why is said by `noctule_core`.
//!
//! - [`integer`]: dot products of codes, and which of them reach a floor.
//! - [`exact`]: exact scores of the rows that are left.
//! - [`select`]: what the best of them reach.
//! - [`product`]: products of matrices in single precision, the same bits on every machine.
//! - [`arithmetic`]: what stands between two such products.
//! - [`cholesky`]: small positive-definite systems in double precision.
//!
//! # Unsafe code
//! [`integer`], [`product`], `lanes` and `doubles` have vector instructions behind safe functions
//! that check lengths and the processor's features; each block says why it holds.

#![cfg_attr(
    test,
    allow(clippy::disallowed_methods, reason = "a test may compare with the platform's functions")
)]

pub mod arithmetic;
pub mod cholesky;
mod doubles;
mod error;
pub mod exact;
pub mod integer;
mod lanes;
pub mod product;
pub mod select;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
