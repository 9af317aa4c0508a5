//! Feedback: what the user did, on disk before it is acknowledged.

mod check;
pub mod details;
mod effect;
pub mod event;
pub mod private;
pub mod recorder;
pub mod retention;
pub mod rows;

pub use crate::store::Durability;
pub use check::check;
pub use details::{Detail, Details, FieldSchema, FieldType, KindSchema, KindSchemas};
pub use effect::apply;
pub use event::{EventKind, FeedbackEvent, RecordedEvent};
pub use private::{PrivateAnswers, Randomised};
pub use retention::Retention;
