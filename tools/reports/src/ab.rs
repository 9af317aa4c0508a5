//! The A/B report: what each arm's slates led to, and how sure one can be.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use noctule_core::base::Day;

use crate::audit::audit;
use crate::coverage::coverage;
use crate::error::{Error, Result};
use crate::estimates::{Estimate, Tally, difference, paired_change, rate};
use crate::feedback::{Feedback, Word};
use crate::report::{
    AbReport, ArmReport, Comparison, ContextRate, NightRate, PositionRate, Withheld,
};
use crate::visits::{Observed, Visit, observe};

/// Positions whose click-through is told; what stands below is hardly ever seen.
const POSITIONS_MAX: u32 = 50;

/// What a report is about.
#[derive(Debug, Clone, PartialEq)]
pub struct AbSettings {
    /// Only feedback of this experiment; all feedback with an arm when absent.
    pub experiment: Option<String>,
    /// The arm that the others are compared with; when absent an arm named `baseline` or
    /// `control`, else the first by name.
    pub control: Option<String>,
    /// The event kind by which a visit counts as accepted.
    pub accepted_by: String,
    /// Probability with which the intervals hold the truth, above 0 and below 1.
    pub confidence: f64,
    /// Minutes east of UTC in whose days nights are counted.
    pub offset_minutes: i32,
    /// Items of the catalogue, for coverage.
    pub catalogue_items: Option<u64>,
    /// Installations that an arm, a day, a context or a position must have; what has fewer is left
    /// out and counted. 1 shows all.
    pub installations_min: u64,
    /// Events that the devices recorded, for the audit.
    pub recorded_events: Option<u64>,
}

impl Default for AbSettings {
    fn default() -> Self {
        Self {
            experiment: None,
            control: None,
            accepted_by: "conversion".into(),
            confidence: 0.95,
            offset_minutes: 0,
            catalogue_items: None,
            installations_min: 1,
            recorded_events: None,
        }
    }
}

/// Arms of one report: an experiment has at most 16, and a folder may hold several. Devices name
/// their arms themselves, and each costs a pass over all visits.
const ARMS_SHOWN_MAX: usize = 64;

/// Makes the report of an experiment.
///
/// Memory grows with the feedback; time with it times the logarithm of the installations.
///
/// # Errors
/// [`Error::InvalidSetting`] for a confidence outside (0, 1), or a control that no impression
/// names.
///
/// ```
/// use noctule_reports::{AbSettings, Feedback, ab_report};
/// let report = ab_report(&Feedback::new("town"), &AbSettings::default())?;
/// assert!(report.arms.is_empty());
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn ab_report(feedback: &Feedback, settings: &AbSettings) -> Result<AbReport> {
    if !(settings.confidence > 0.0 && settings.confidence < 1.0) {
        let reason = format!("{} is not between 0 and 1", settings.confidence);
        return Err(Error::InvalidSetting { setting: "confidence", reason });
    }
    let observed = observe(feedback, settings);
    let days: BTreeSet<Day> = observed.visits.iter().map(|visit| visit.day).collect();
    let days: Vec<Day> = days.into_iter().collect();
    let contexts = observed.contexts();
    let arms: BTreeSet<Word> = observed.visits.iter().map(|visit| visit.arm).collect();
    if arms.len() > ARMS_SHOWN_MAX {
        return Err(Error::TooManyArms { found: arms.len(), limit: ARMS_SHOWN_MAX });
    }
    let names: Vec<&str> = arms.iter().map(|arm| feedback.text(*arm)).collect();
    let control = control(&names, settings)?;
    let mut reports: Vec<ArmReport> = arms
        .iter()
        .map(|arm| {
            let mut report =
                ArmCounts::of(*arm, &observed).report(feedback, &days, &contexts, settings);
            report.name = feedback.text(*arm).to_owned();
            report.is_control = Some(report.name.as_str()) == control;
            report
        })
        .collect();
    let few = |report: &ArmReport| report.installations < settings.installations_min;
    let mut withheld = Withheld {
        installations_min: settings.installations_min,
        arms: reports.iter().filter(|report| few(report)).count() as u64,
        parts: 0,
    };
    reports.retain(|report| !few(report));
    for report in &mut reports {
        withheld.parts += withhold_parts(report, settings.installations_min);
    }
    reports.sort_by(|a, b| (a.is_control, &a.name).cmp(&(b.is_control, &b.name)));
    Ok(AbReport {
        schema: 1,
        app: feedback.app().to_owned(),
        experiment: settings.experiment.clone(),
        accepted_by: settings.accepted_by.clone(),
        confidence: settings.confidence,
        comparisons: comparisons(&reports, settings.confidence),
        days,
        arms: reports,
        impressions_without_arm: observed.without_arm,
        mixed_installations: observed.mixed_installations,
        withheld,
        audit: audit(feedback, settings.recorded_events),
    })
}

/// Leaves out days, contexts and positions that too few installations have; gives how many. A day,
/// context or position without any has no estimate and stays, and so does a rate without visits.
fn withhold_parts(arm: &mut ArmReport, least: u64) -> u64 {
    let parts = |arm: &ArmReport| arm.nights.len() + arm.contexts.len() + arm.positions.len();
    let before = parts(arm);
    let shown = |rate: &Option<Estimate>| rate.as_ref().is_none_or(|rate| rate.clusters >= least);
    arm.nights.retain(|night| shown(&night.acceptance));
    arm.contexts.retain(|context| shown(&context.acceptance));
    arm.positions.retain(|position| shown(&position.click_through));
    arm.change = arm.change.take().filter(|change| change.clusters >= least);
    (before - parts(arm)) as u64
}

fn control<'a>(names: &[&'a str], settings: &AbSettings) -> Result<Option<&'a str>> {
    if let Some(wanted) = &settings.control {
        let found = names.iter().find(|name| *name == wanted);
        let missing = || Error::InvalidSetting {
            setting: "control",
            reason: format!("no impression is of the arm {wanted:?}; there are {names:?}"),
        };
        return found.copied().map(Some).ok_or_else(missing);
    }
    let usual = ["baseline", "control"].into_iter().find(|usual| names.contains(usual));
    Ok(usual
        .and_then(|usual| names.iter().find(|name| **name == usual))
        .copied()
        .or_else(|| names.iter().min().copied()))
}

fn comparisons(arms: &[ArmReport], level: f64) -> Vec<Comparison> {
    let Some(control) = arms.iter().find(|arm| arm.is_control) else { return Vec::new() };
    let compare = |arm: &ArmReport| {
        let change = arm.change.as_ref().zip(control.change.as_ref());
        Some(Comparison {
            arm: arm.name.clone(),
            control: control.name.clone(),
            acceptance: difference(arm.acceptance.as_ref()?, control.acceptance.as_ref()?, level),
            change: change.map(|(arm, control)| difference(arm, control, level)),
        })
    };
    arms.iter().filter(|arm| !arm.is_control).filter_map(compare).collect()
}

/// Tallies by installation.
type Clusters = HashMap<Word, Tally>;

/// Everything counted about one arm, by installation.
#[derive(Default)]
struct ArmCounts {
    all: Clusters,
    by_day: BTreeMap<Day, Clusters>,
    by_context: BTreeMap<Option<Word>, Clusters>,
    clicks: Clusters,
    by_position: BTreeMap<u32, Clusters>,
    by_item: HashMap<Word, u64>,
}

impl ArmCounts {
    fn of(arm: Word, observed: &Observed) -> Self {
        let mut counts = Self::default();
        for visit in observed.visits.iter().filter(|visit| visit.arm == arm) {
            counts.add_visit(visit);
        }
        for shown in observed.impressions.iter().filter(|impression| impression.arm == arm) {
            counts.clicks.entry(shown.installation).or_default().count(shown.clicked);
            if let Some(position) = shown.position.filter(|position| *position < POSITIONS_MAX) {
                let clusters = counts.by_position.entry(position).or_default();
                clusters.entry(shown.installation).or_default().count(shown.clicked);
            }
            *counts.by_item.entry(shown.item).or_default() += 1;
        }
        counts
    }

    fn add_visit(&mut self, visit: &Visit) {
        let day = self.by_day.entry(visit.day).or_default();
        let context = self.by_context.entry(visit.context).or_default();
        for clusters in [&mut self.all, day, context] {
            clusters.entry(visit.installation).or_default().count(visit.accepted);
        }
    }

    fn report(
        self,
        feedback: &Feedback,
        days: &[Day],
        contexts: &[Option<Word>],
        settings: &AbSettings,
    ) -> ArmReport {
        let level = settings.confidence;
        let none = Clusters::new();
        let on = |day: &Day| self.by_day.get(day).unwrap_or(&none);
        let night = |day: &Day| {
            let (accepted, visits, acceptance) = summary(on(day), level);
            NightRate { day: *day, visits, accepted, acceptance }
        };
        let context = |context: &Option<Word>| {
            let (accepted, visits, acceptance) = summary(self.by_context.get(context)?, level);
            let context = context.map(|context| feedback.text(context).to_owned());
            Some(ContextRate { context, visits, accepted, acceptance })
        };
        let position = |(position, clusters): (&u32, &Clusters)| {
            let (clicks, impressions, click_through) = summary(clusters, level);
            PositionRate { position: *position, impressions, clicks, click_through }
        };
        let change = match days {
            [first, .., last] => change(on(first), on(last), level),
            _ => None,
        };
        let (accepted, visits, acceptance) = summary(&self.all, level);
        let (clicks, impressions, click_through) = summary(&self.clicks, level);
        ArmReport {
            name: String::new(),
            is_control: false,
            installations: self.all.len() as u64,
            visits,
            accepted,
            acceptance,
            nights: days.iter().map(night).collect(),
            contexts: contexts.iter().filter_map(context).collect(),
            change,
            impressions,
            clicks,
            click_through,
            positions: self.by_position.iter().map(position).collect(),
            coverage: coverage(self.by_item.values().copied().collect(), settings.catalogue_items),
        }
    }
}

/// The clusters in the order of their installations: sums of floats depend on it.
fn ordered(clusters: &Clusters) -> Vec<(Word, Tally)> {
    let mut ordered: Vec<_> = clusters.iter().map(|(word, tally)| (*word, *tally)).collect();
    ordered.sort_by_key(|(word, _)| *word);
    ordered
}

/// Successes, trials and rate.
fn summary(clusters: &Clusters, level: f64) -> (u64, u64, Option<Estimate>) {
    let tallies: Vec<Tally> = ordered(clusters).into_iter().map(|(_, tally)| tally).collect();
    // Sums of ones: exact far beyond any number of events.
    let sum = |part: fn(&Tally) -> f64| tallies.iter().map(part).sum::<f64>() as u64;
    (sum(|tally| tally.successes), sum(|tally| tally.trials), rate(&tallies, level))
}

fn change(before: &Clusters, after: &Clusters, level: f64) -> Option<Estimate> {
    let pairs: Vec<(Tally, Tally)> = ordered(before)
        .into_iter()
        .map(|(installation, tally)| (tally, after.get(&installation).copied().unwrap_or_default()))
        .collect();
    paired_change(&pairs, level)
}
