//! Whether to run a night now: a pure function of time, conditions and history.
//!
//! ```text
//! Conditions + History + SchedulePolicy + now -> decide -> Run { budget, why }
//!                                                       -> NotYet { reason, earliest }
//! ```
//!
//! The core decides, the platform acts: it says how the device is, asks, and asks again when it is
//! told to. Nothing here trusts the clock. A run that lies in the future was noted by a clock that
//! was wrong, and is not looked at; what lies in the past holds nothing up for longer than
//! [`EARLIEST_MS_MAX`].

mod conditions;
mod decide;
mod decision;
mod history;
mod policy;
pub mod rows;
mod window;

pub use conditions::{Conditions, Thermal};
pub use decide::decide;
pub use decision::{Decision, NotYetReason, RunReason};
pub use history::{History, PastOutcome, PastRun};
pub use policy::{EARLIEST_MS_MAX, SchedulePolicy};
pub use window::{GoodHours, Window};

#[cfg(test)]
mod tests;
