//! The locks and atomics of the core, and how it waits: the standard library's, or in a test under
//! a model checker that checker's, which then decides who goes on at each of them.
//!
//! `cargo dev sanitise` builds the tests called `schedules` with `--cfg loom` and `--cfg shuttle`.
//! They run this code, no copy of it.

#[cfg(all(test, loom))]
pub(crate) use loom::{
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic},
    thread,
};
#[cfg(all(test, shuttle, not(loom)))]
pub(crate) use shuttle::{
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic},
    thread,
};
#[cfg(not(all(test, any(loom, shuttle))))]
pub(crate) use std::{
    sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, atomic},
    thread,
};

use std::time::Duration;

/// Waits before a lock is tried again.
#[cfg(not(all(test, any(loom, shuttle))))]
pub(crate) fn wait(time: Duration) {
    thread::sleep(time);
}

/// Lets the others go on.
#[cfg(all(test, any(loom, shuttle)))]
pub(crate) fn wait(_: Duration) {
    thread::yield_now();
}
