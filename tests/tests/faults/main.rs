//! What a disk that fails and a loss of power leave behind.
//!
//! A process works with a library preloaded (`hook.c`) that counts the calls which change files,
//! and at one of them refuses it, writes half, or ends the process. For a loss of power it also
//! keeps what was synced: the image that is opened afterwards has nothing else.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod collector;
mod device;
mod hook;
mod image;

/// The points of `1..=last` at which something happens: all of them where `NOCTULE_FAULTS=all`,
/// else `most` of them, evenly spread, with another beginning for each `seed`.
fn points(last: u64, most: u64, seed: u64) -> Vec<u64> {
    if std::env::var("NOCTULE_FAULTS").is_ok_and(|which| which == "all") || last <= most {
        return (1..=last).collect();
    }
    (0..most).map(|at| 1 + (at * last + seed % last) / most % last).collect()
}
