//! Learning: from feedback to weak labels to the profile of the next night.
//!
//! A click is a weak label: it says more than nothing and less than a visit. [`Labels`] turns
//! recorded events into confidences by item and context, which the next night folds in.

pub mod forgotten;
mod labels;
pub mod rows;

pub use crate::base::LabelWeights;
pub use labels::Labels;
