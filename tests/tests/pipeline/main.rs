//! From the tap to the Parquet file: a phone and a collector in processes of their own, both killed
//! again and again, with a network in between that drops, cuts, delays and doubles.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod collector;
mod kills;
mod network;
mod private;
mod signed;
