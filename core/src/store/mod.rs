//! SQLite: one writer, migrations, maintenance. The plumbing that every `rows.rs` stands on.
//!
//! One connection, write-ahead log, `synchronous=FULL`: what a transaction has committed is on the
//! disk when [`Store::write`] returns, also after a power cut (with `NORMAL` the last commits are
//! lost in one). Readers on the serving path never come here: they hold a snapshot in memory.

pub mod blob;
mod connection;
pub mod identity;
mod lock;
pub mod meta;
mod migrations;
pub mod pseudonyms;

pub use connection::Store;
pub use identity::Identity;
