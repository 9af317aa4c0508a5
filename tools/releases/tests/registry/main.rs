//! The registry: publishers at once, kills, garbage, damage, MLflow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod damage;
mod differences;
mod garbage;
mod killed;
mod metadata;
mod mlflow;
mod publishers;
mod releases;
#[cfg(feature = "cloud")]
mod s3;
mod signed;
