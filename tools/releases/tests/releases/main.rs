//! Releases from packing to refusal, on disk.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod directories;
mod flips;
mod forms;
mod packing;
mod parts;
