//! What the whole-system tests share: small seeded releases, a phone, a collector that stands in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod collector;
pub mod models;
pub mod phone;
pub mod post;
pub mod repository;
pub mod server;
pub mod slates;
pub mod switching;
pub mod town;
pub mod volume;

pub use collector::Collector;
pub use phone::Phone;
pub use repository::Repository;
pub use town::Town;
