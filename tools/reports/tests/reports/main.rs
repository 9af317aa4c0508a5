//! From Parquet files on disk to report and page.

#![allow(clippy::unwrap_used, clippy::expect_used)] // the helpers of tests are tests, too

/// Feedback with a known truth, in memory and as Parquet.
mod fixture;

/// Reading the documented schema, and refusing what is not it.
mod reading;

/// What is counted.
mod counting;

/// The page and the other outputs.
mod page;

/// What arrived: gaps, repeats, lateness, clocks.
mod delivery;

/// Counts and rates by any columns.
mod readout;
