//! The A/B report as data.

use serde::Serialize;

use noctule_core::base::Day;

use crate::audit::Audit;
use crate::coverage::Coverage;
use crate::estimates::Estimate;

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AbReport {
    /// Version of this format: 1.
    pub schema: u32,
    /// The app.
    pub app: String,
    /// The experiment, when the report is about one.
    pub experiment: Option<String>,
    /// The event kind by which a visit counts as accepted.
    pub accepted_by: String,
    /// Probability with which the intervals hold the truth.
    pub confidence: f64,
    /// The days with visits, in order.
    pub days: Vec<Day>,
    /// The arms by name, the control last. Empty when no impression has an arm, or when all arms
    /// are withheld.
    pub arms: Vec<ArmReport>,
    /// Each arm against the control.
    pub comparisons: Vec<Comparison>,
    /// Impressions that no arm is responsible for.
    pub impressions_without_arm: u64,
    /// Installations that were shown slates of more than one arm: they blur the comparison.
    pub mixed_installations: u64,
    /// Groups that are left out because too few installations are behind them.
    pub withheld: Withheld,
    /// What was lost or repeated on the way.
    pub audit: Audit,
}

/// How many groups are left out, so that nobody is read off them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// Installations that a group must have.
    pub installations_min: u64,
    /// Arms, with all that belongs to them.
    pub arms: u64,
    /// Days, contexts and positions of the other arms.
    pub parts: u64,
}

/// What one arm's slates led to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmReport {
    /// Its name.
    pub name: String,
    /// Whether the others are compared with it.
    pub is_control: bool,
    /// Installations with at least one visit.
    pub installations: u64,
    /// Visits: showings of a slate.
    pub visits: u64,
    /// Visits that were accepted.
    pub accepted: u64,
    /// Accepted among all visits.
    pub acceptance: Option<Estimate>,
    /// The same by day, one entry for each day of the report that is not withheld.
    pub nights: Vec<NightRate>,
    /// The same by context, in the order of the day: by the mean minute of the visits.
    pub contexts: Vec<ContextRate>,
    /// Change of the acceptance rate from the first day to the last, installations compared with
    /// themselves; absent when the report has one day.
    pub change: Option<Estimate>,
    /// Impressions.
    pub impressions: u64,
    /// Impressions that were clicked.
    pub clicks: u64,
    /// Clicked among all impressions.
    pub click_through: Option<Estimate>,
    /// The same by position.
    pub positions: Vec<PositionRate>,
    /// What was shown of the catalogue.
    pub coverage: Coverage,
}

/// Acceptance of one day's visits, which is what the night before has led to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NightRate {
    /// The day.
    pub day: Day,
    /// Visits.
    pub visits: u64,
    /// Accepted visits.
    pub accepted: u64,
    /// Accepted among all.
    pub acceptance: Option<Estimate>,
}

/// Acceptance in one context.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContextRate {
    /// The context; none for slates without one.
    pub context: Option<String>,
    /// Visits.
    pub visits: u64,
    /// Accepted visits.
    pub accepted: u64,
    /// Accepted among all.
    pub acceptance: Option<Estimate>,
}

/// Click-through at one position.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PositionRate {
    /// The position, from 0.
    pub position: u32,
    /// Impressions.
    pub impressions: u64,
    /// Clicked impressions.
    pub clicks: u64,
    /// Clicked among all.
    pub click_through: Option<Estimate>,
}

/// An arm against the control.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The arm.
    pub arm: String,
    /// The control.
    pub control: String,
    /// Acceptance rate of the arm minus that of the control.
    pub acceptance: Estimate,
    /// Change of the arm from the first day to the last minus that of the control, in which what
    /// the days themselves bring (a weekend) cancels out.
    pub change: Option<Estimate>,
}
