//! A real collector, real HTTP on loopback, real files.

#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests are tests, too

/// What the tests send and read back.
mod fixture;

/// What is accepted, and what is refused with which status.
mod http;

/// How much a sender may send, and what happens beyond it.
mod limits;

/// Bodies that are small on the wire and large behind it.
mod bombs;

/// Clients that dawdle, lie and babble.
mod ugly;

/// JSON that is no JSON, or more than one bargained for.
mod horrors;

/// TLS, and apps that are known by their certificates.
mod sealed;

/// Whether the collector keeps to the description of its interface.
mod interface;

/// Kills, repeats, full disks: what was acknowledged is in the output exactly once.
mod durability;

/// Events that come again and again.
mod repeats;

/// Installations that ask to be forgotten.
mod deletions;

/// A disk that is full for a while.
mod full;

/// The Parquet files as others read them.
mod readers;

/// Two collectors with one object store.
mod stores;

/// The same with a real S3-compatible server.
#[cfg(feature = "cloud")]
mod s3;
