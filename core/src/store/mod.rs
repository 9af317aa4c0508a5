//! SQLite: one writer, migrations, maintenance. The plumbing that every `rows.rs` stands on.
//!
//! One connection, write-ahead log, `synchronous=FULL`: what a transaction has committed is on the
//! disk when [`Store::write`] returns, also after a power cut. What may be lost in one, as long as
//! it survives the process, is written by [`Store::write_as`] without waiting for the drive.
//! Readers on the serving path never come here: they hold a snapshot in memory.

pub mod blob;
mod connection;
mod first;
pub mod identity;
pub mod local_time;
mod lock;
mod mark;
pub mod meta;
mod migrations;
pub mod place;
pub mod pseudonyms;
mod rescue;
mod rescue_rows;
mod suspension;

pub use connection::{Durability, Store};
pub use identity::Identity;
