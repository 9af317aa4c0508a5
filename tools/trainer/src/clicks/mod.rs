//! Clicks: from the feedback of phones to weak labels.
//!
//! ```text
//! read_feedback -> FeedbackLog -> Showings -> Listings -> click models
//!                                    |            |
//!                                    |            v
//!                                    +---> estimate_examination (swaps, else a click model)
//!                                    |            |
//!                                    +------------+-> weak_labels -> training of the ranker
//! ```
//!
//! What stands high is looked at more and clicked more, however good it is. Naive labels teach a
//! ranker to repeat the ranking that was shown; here the bias is estimated, with an interval where
//! slots were drawn at random, and taken out.

pub mod examination;
pub mod labels;
mod listings;
pub mod log;
pub mod models;
mod reading;
pub mod showings;

pub use examination::{
    Examination, ExaminationMethod, ExaminationSettings, ExaminationSource, PositionExamination,
    SlotDesign, estimate_examination,
};
pub use labels::{
    LabelCounts, LabelSettings, Skips, WeakLabel, WeakLabels, naive_labels, weak_labels,
};
pub use listings::{Listings, Look};
pub use log::FeedbackLog;
pub(crate) use reading::check_ranges;
pub use reading::read_feedback;
pub use showings::{ChosenElsewhere, Showing, ShowingCounts, Showings, ShownSlot};
