//! Feedback: what the user did, on disk before it is acknowledged.

mod check;
mod effect;
pub mod event;
pub mod rows;

pub use check::check;
pub use effect::apply;
pub use event::{EventKind, FeedbackEvent, RecordedEvent};
