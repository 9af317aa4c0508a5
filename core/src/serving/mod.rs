//! Serving: an immutable snapshot, read-time filters, fatigue, the fallback ladder.
//!
//! Nothing here touches SQL, files or models: [`Shelf::recommend`] reads what was published into
//! memory, and leaves out what the user has hidden or chosen since.

mod answer;
mod forgetting;
mod shelf;
mod today;

pub use answer::{EmptyReason, RecommendRequest, Recommendations, RecommendedItem, Tier};
pub use shelf::{Shelf, Snapshot};
pub use today::Today;

#[cfg(test)]
mod tests;
