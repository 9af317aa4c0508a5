//! Slates: what the night publishes and the morning serves.

pub mod rows;
pub mod slate;
pub mod stored;

pub use slate::{Slate, SlateKey, Slot, Unmet};

pub use crate::reasons::{Reason, ReasonKind};
