//! What arrived of what the devices recorded: sequence numbers, lateness and clocks, by
//! installation and day.
//!
//! Rows are read one at a time and not kept: memory grows with installations, days and gaps.
//! `tools/docs/reports.md` says what each figure proves, and what none of them can.

mod gathering;
mod summing;

use std::path::Path;

use noctule_core::base::Day;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::estimates::Estimate;

/// What arrived of the feedback of an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryAudit {
    /// Version of this format: 1.
    pub schema: u32,
    /// The app.
    pub app: String,
    /// Rows read.
    pub rows: u64,
    /// Distinct events: installation and sequence number.
    pub events: u64,
    /// Rows beyond the first of the same event.
    pub repeated: u64,
    /// Lines that the collector set aside since they did not fit the schema. Each leaves a gap.
    pub set_aside: u64,
    /// What is missing.
    pub loss: Loss,
    /// Lateness of all events.
    pub lateness: Option<Lateness>,
    /// Installations with an event that the collector received before it happened.
    pub installations_ahead: u64,
    /// Installations whose clock went back by more than a minute.
    pub installations_set_back: u64,
    /// All days with events, in order.
    pub days: Vec<DayDelivery>,
    /// All installations, by name.
    pub installations: Vec<InstallationDelivery>,
}

/// What the gaps prove, and how sure it is. Nobody can know from the files what is behind the
/// highest number of each installation: that tail is in no figure here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loss {
    /// Numbers below the highest of each installation that are not there: lost, set aside, or not
    /// yet arrived.
    pub missing: u64,
    /// Of those, the ones that the devices themselves say they gave up: for room, for age, or
    /// because the user did not allow them or asked.
    pub given_up: u64,
    /// The others.
    pub unexplained: u64,
    /// Upper bound on their share if events were lost one by one, as `share_at_most`.
    pub unexplained_share_at_most: Option<f64>,
    /// All numbers up to the highest of each installation.
    pub of: u64,
    /// Installations with missing numbers.
    pub installations_with_gaps: u64,
    /// `missing` among `of`, with an interval by installation; without one when no installation
    /// differs from the others, as when nothing is missing.
    pub share: Option<Estimate>,
    /// Upper bound on that share if events were lost one by one (Clopper and Pearson, one-sided).
    pub share_at_most: Option<f64>,
    /// Upper bound on the share of installations that lose anything, in the same way. This one
    /// holds also where losses come in heaps.
    pub installations_share_at_most: Option<f64>,
}

/// Received minus happened, milliseconds: least and most exactly, quantiles to one per cent.
///
/// It is the delay of the upload and what the device's clock is behind, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lateness {
    /// The least; negative when the device's clock is ahead of the collector's.
    pub least_ms: i64,
    /// Half of the events came as soon or sooner.
    pub p50_ms: i64,
    /// Nine of ten.
    pub p90_ms: i64,
    /// 99 of 100.
    pub p99_ms: i64,
    /// The most.
    pub most_ms: i64,
}

/// Where a device's clock and the collector's disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// Events received before they happened by the device's clock.
    pub events_ahead: u64,
    /// By how much the device's clock was ahead at least, at some time; 0 when nothing shows it.
    pub ahead_at_least_ms: u64,
    /// By how much it was behind at most whenever it was not ahead: the least lateness.
    pub behind_at_most_ms: u64,
    /// Events that follow one, by their number and in the same file, that is more than a minute
    /// later by the clock.
    pub set_back: u64,
    /// The largest of these steps.
    pub largest_step_back_ms: u64,
}

/// One day over all installations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayDelivery {
    /// The day of the event's own clock, UTC.
    pub day: Day,
    /// Installations with events on it.
    pub installations: u64,
    /// Distinct events.
    pub events: u64,
    /// Rows beyond the first of an event.
    pub repeated: u64,
    /// Missing numbers before events of this day.
    pub missing: u64,
    /// Lateness.
    pub lateness: Lateness,
}

/// One installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstallationDelivery {
    /// Its pseudonym.
    pub installation: String,
    /// Distinct events.
    pub events: u64,
    /// Rows beyond the first of an event.
    pub repeated: u64,
    /// The highest sequence number received.
    pub last_sequence: u64,
    /// Numbers below it that are not there.
    pub missing: u64,
    /// Of those, the ones that the device says it gave up.
    pub given_up: u64,
    /// When the collector last received a row of it, Unix milliseconds.
    pub last_received_ms: i64,
    /// Its days in order.
    pub days: Vec<InstallationDay>,
}

/// One day of one installation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstallationDay {
    /// The day of the event's own clock, UTC.
    pub day: Day,
    /// Runs of sequence numbers received, first and last.
    pub received: Vec<[u64; 2]>,
    /// Runs of missing numbers that lie before a run of this day, first and last.
    pub gaps: Vec<[u64; 2]>,
    /// How many numbers these are.
    pub missing: u64,
    /// Distinct events.
    pub events: u64,
    /// Rows beyond the first of an event.
    pub repeated: u64,
    /// Lateness.
    pub lateness: Lateness,
    /// What shows of the device's clock.
    pub clock: Clock,
}

/// Audits the feedback of `app` below the collector's output folder. `confidence` is the
/// probability with which bounds and intervals hold the truth.
///
/// # Errors
/// Those of [`read_feedback`](crate::read_feedback), [`Error::InvalidSetting`], and
/// [`Error::TooManyParts`] when gaps, days and installations would take more than 16 GB.
///
/// ```no_run
/// let audit = noctule_reports::audit_delivery("collected".as_ref(), "town", 0.95)?;
/// println!("{} of {} missing", audit.loss.missing, audit.loss.of);
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn audit_delivery(directory: &Path, app: &str, confidence: f64) -> Result<DeliveryAudit> {
    if !(confidence > 0.0 && confidence < 1.0) {
        let reason = format!("{confidence} is not above 0 and below 1");
        return Err(Error::InvalidSetting { setting: "confidence", reason });
    }
    let gathered = gathering::gather(directory, app)?;
    Ok(summing::sum(app, gathered, confidence))
}
