//! Delivery: a new release comes to the phone in as few bytes as possible.
//!
//! The app's HTTP client moves the bytes ([`crate::base::FetchRequest`]); this room says which, and
//! believes none of them before its digest is checked. What is being fetched lies in
//! `releases/.incoming-<SHA-256 of the manifest>` ([`Incoming`]) and survives a kill at any byte: a
//! file is asked for from its first byte that is missing, and a piece of it that was verified is
//! never asked for again. A static file server is enough on the other side; its layout stands in
//! `core/docs/formats/trust.md`.

mod incoming;
mod piece;
mod policy;
pub mod rows;
mod session;

pub use incoming::{Incoming, NextFile};
pub use piece::{CHUNK_BYTES, Expected, Settled, settle};
pub use policy::DeliveryPolicy;
pub use rows::{DeliveryState, Pending, RefusedOffer};
pub use session::{FETCH_ID, Purpose, Session};
