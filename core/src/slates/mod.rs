//! Slates: what the night publishes and the morning serves.

pub mod slate;

pub use slate::{Reason, ReasonKind, Slate, SlateKey, Slot};
