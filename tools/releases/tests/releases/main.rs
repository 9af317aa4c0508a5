//! Releases from packing to refusal, on disk.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deltas;
mod directories;
mod flips;
mod forms;
mod imports;
mod packing;
mod pairs;
mod parts;
mod savings;
mod starter;
