//! Reports: what the feedback in the collector's Parquet says, with intervals.
//!
//! ```text
//! Parquet -> read_feedback -> Feedback -> ab_report -> AbReport -> JSON (serde)
//!                                |                        |----> render_csv
//!                                +-> audit                +----> render_html (one page)
//! ```
//!
//! `tools/docs/reports.md` says what is counted and how the intervals are made.

mod ab;
mod audit;
mod coverage;
mod csv;
mod distributions;
mod error;
mod estimates;
mod feedback;
mod page;
mod reading;
mod report;
mod visits;

pub use ab::{AbSettings, ab_report};
pub use audit::{Audit, audit};
pub use coverage::Coverage;
pub use csv::render_csv;
pub use distributions::student_t_quantile;
pub use error::{Error, Result};
pub use estimates::{Estimate, Tally, difference, paired_change, rate};
pub use feedback::{Feedback, FeedbackRow, Word};
pub use noctule_core::base::Day;
pub use page::{
    DemoStory, ItemStory, JourneyStep, Making, Page, PhoneStory, ReasonStory, SlateStory, headline,
    render_html,
};
pub use reading::read_feedback;
pub use report::{AbReport, ArmReport, Comparison, ContextRate, NightRate, PositionRate};
