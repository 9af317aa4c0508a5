//! Slates: what the night publishes and the morning serves.

pub mod rows;
pub mod slate;

pub use slate::{Slate, SlateKey, Slot};

pub use crate::reasons::{Reason, ReasonKind};
