//! Feedback: what the user did, on disk before it is acknowledged.

pub mod event;

pub use event::{EventKind, FeedbackEvent, RecordedEvent};
