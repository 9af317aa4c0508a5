//! Reports: what the feedback in the collector's Parquet says, with intervals.
//!
//! ```text
//! Parquet -> read_feedback -> Feedback -> ab_report -> AbReport -> JSON (serde)
//!                                |                        |----> render_csv
//!                                +-> audit                +----> render_html (one page)
//!         -> read_out        counts and rates by any columns, rows not kept
//!         -> private_answers what was told with noise, and the truth behind it
//!         -> audit_delivery  what arrived, by installation and day, rows not kept
//! ```
//!
//! `tools/docs/reports.md` says what is counted and how the intervals are made.

mod ab;
mod answers;
mod audit;
mod coverage;
mod csv;
mod delivery;
mod distributions;
mod error;
mod estimates;
mod feedback;
mod files;
mod page;
pub mod privacy;
mod reading;
mod readout;
mod report;
mod runs;
mod sketch;
mod visits;

pub use ab::{AbSettings, ab_report};
pub use answers::{AnsweredValue, PrivateAnswers, answers_csv, answers_table, private_answers};
pub use audit::{Audit, audit};
pub use coverage::Coverage;
pub use csv::render_csv;
pub use delivery::{
    Clock, DayDelivery, DeliveryAudit, InstallationDay, InstallationDelivery, Lateness, Loss,
    audit_delivery,
};
pub use distributions::student_t_quantile;
pub use error::{Error, Result};
pub use estimates::{Estimate, Tally, difference, paired_change, rate};
pub use feedback::{Feedback, FeedbackRow, Word};
pub use noctule_core::base::Day;
pub use page::{
    DemoStory, ItemStory, JourneyStep, Making, Page, PhoneStory, ReasonStory, SlateStory, headline,
    render_html, withheld,
};
pub use reading::read_feedback;
pub use readout::{
    Column, Interval, ReadOut, ReadOutRow, ReadOutSettings, Value, day_of, read_out,
};
pub use report::{AbReport, ArmReport, Comparison, ContextRate, NightRate, PositionRate};
