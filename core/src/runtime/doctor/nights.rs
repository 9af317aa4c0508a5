//! When a night last ran, why none has since, and what to do.

use std::collections::BTreeMap;

use super::findings::found;
use super::{Facts, Finding, Level};
use crate::base::{Day, StopReason, order};
use crate::night::schedule::NotYetReason;
use crate::night::{NightOutcome, NightRun, RunOutcome};

const ABOUT: &str = "nights";
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// So long after a whole night the next one is late.
const LATE_MS: i64 = 36 * HOUR_MS;

pub(super) fn of(facts: &Facts) -> Vec<Finding> {
    let runs: Vec<&NightRun> = facts
        .journal
        .runs
        .iter()
        .filter(|run| !matches!(run.outcome, RunOutcome::Noted(_)))
        .collect();
    let mut findings = vec![last_whole(facts, &runs)];
    findings.extend(last_run(facts, &runs));
    findings.extend(clock(facts, &runs));
    if findings[0].level != Level::Fine {
        findings.extend(refusals(facts));
    }
    findings
}

fn is_whole(run: &&&NightRun) -> bool {
    run.outcome == RunOutcome::Ended(NightOutcome::Finished)
}

fn last_whole(facts: &Facts, runs: &[&NightRun]) -> Finding {
    let past = runs.iter().filter(|run| run.began_ms <= facts.now_ms);
    let Some(whole) = past.clone().find(is_whole) else {
        let text = format!("no night has ended with all slates made; {} were begun", runs.len());
        let level = if facts.releases.active.is_some() { Level::Problem } else { Level::Note };
        let never_asked = runs.is_empty() && facts.journal.refusals.is_empty();
        let found = found(level, ABOUT, text);
        return if never_asked {
            found.advise(
                "Nobody has asked for one: see that the app registers its background work, and \
                 calls schedule and run_night from it.",
            )
        } else {
            found
        };
    };
    let age_ms = facts.now_ms.saturating_sub(whole.began_ms);
    let text = format!(
        "the last whole night was {}, {}: {} slates made, {} kept, {:.1} s, {:.1} s of processor \
         time",
        when(facts, whole.began_ms),
        ago(age_ms),
        whole.published,
        whole.kept,
        whole.wall_ms as f64 / 1e3,
        whole.cpu_ms as f64 / 1e3,
    );
    found(if age_ms > LATE_MS { Level::Problem } else { Level::Fine }, ABOUT, text)
}

/// The newest run, when it was not a whole one.
fn last_run(facts: &Facts, runs: &[&NightRun]) -> Option<Finding> {
    let last = runs.first()?;
    let cut = runs.iter().take_while(|run| run.outcome == RunOutcome::Cut).count();
    let (level, what, advice) = match &last.outcome {
        RunOutcome::Ended(NightOutcome::Finished) | RunOutcome::Noted(_) => return None,
        RunOutcome::Ended(NightOutcome::NoRelease) => {
            (Level::Note, "found no release".to_owned(), None)
        }
        RunOutcome::Ended(NightOutcome::Stopped(reason)) => {
            let (why, advice) = stopped(*reason, last.published);
            (Level::Note, why.to_owned(), advice)
        }
        RunOutcome::Failed(error) => (
            Level::Problem,
            format!("failed: {error}"),
            Some("Report the error to the team of the release; slates of before are served."),
        ),
        RunOutcome::Cut => (
            if cut >= 3 { Level::Problem } else { Level::Note },
            format!("did not come to its end, as {cut} in a row: the system ended the process"),
            Some("The platform gives less time or memory than the budget says: make it smaller."),
        ),
    };
    let told = last.stop_told.as_ref().map(|told| format!("; the platform said: {told}"));
    let device = last.conditions.as_ref().map(|conditions| format!("; device: {conditions}"));
    let text = format!(
        "the newest night, {}, {what}; {} slates made, {} left{}{}",
        when(facts, last.began_ms),
        last.published,
        last.remaining,
        told.unwrap_or_default(),
        device.unwrap_or_default(),
    );
    Some(Finding { level, about: ABOUT, text, advice })
}

fn stopped(reason: StopReason, published: u32) -> (&'static str, Option<&'static str>) {
    let larger = "The budget is too small for a single slate: give the nights more.";
    match reason {
        StopReason::Cancelled => ("was cancelled", None),
        StopReason::OutOfTime if published == 0 => ("had too little time", Some(larger)),
        StopReason::OutOfTime => ("ran out of time", None),
        StopReason::OutOfCpu if published == 0 => ("had too little processor time", Some(larger)),
        StopReason::OutOfCpu => ("ran out of processor time", None),
        StopReason::OutOfMemory => (
            "needed more memory than it may take",
            Some("Give the nights more memory, or ship a smaller catalogue to such devices."),
        ),
    }
}

fn clock(facts: &Facts, runs: &[&NightRun]) -> Option<Finding> {
    let ahead = runs.iter().filter(|run| run.began_ms > facts.now_ms).count();
    (ahead > 0).then(|| {
        let text = format!(
            "{ahead} nights are noted for later than now: the device's clock was ahead, or is \
             behind; they hold nothing up"
        );
        found(Level::Note, "clock", text)
    })
}

/// Why none ran, the most frequent reason first.
fn refusals(facts: &Facts) -> Option<Finding> {
    let mut counts: BTreeMap<NotYetReason, u32> = BTreeMap::new();
    let newest = facts.journal.refusals.iter().map(|refused| refused.day).max()?;
    let recent = facts.journal.refusals.iter().filter(|r| r.day.0 > newest.0.saturating_sub(7));
    for refused in recent.filter(|refused| refused.reason != NotYetReason::Done) {
        let count = counts.entry(refused.reason).or_default();
        *count = count.saturating_add(refused.count);
    }
    let mut counts: Vec<(NotYetReason, u32)> = counts.into_iter().collect();
    order::sort_by_key(&mut counts, |(_, count)| std::cmp::Reverse(*count));
    let advice = counts.first().and_then(|(reason, _)| advice(*reason));
    let told = counts.iter().map(|(reason, count)| format!("{reason} ({count} times)"));
    let told = told.collect::<Vec<_>>().join(", ");
    (!told.is_empty()).then(|| {
        let text = format!("in the seven days up to {newest} no night was let run because {told}");
        Finding { level: Level::Note, about: ABOUT, text, advice }
    })
}

fn advice(reason: NotYetReason) -> Option<&'static str> {
    match reason {
        NotYetReason::NotCharging | NotYetReason::BatteryLow => Some(
            "The phone is not charged at night. Catch-ups while the app is open keep the most \
             needed slates fresh; a policy that does not need the charger is another way.",
        ),
        NotYetReason::NotIdle => Some("Ask again later in the night, when the phone is put away."),
        NotYetReason::Hot => Some("The phone is hot whenever it charges: ask again later."),
        NotYetReason::PowerSave => {
            Some("Power saving is always on: the user has to switch it off.")
        }
        NotYetReason::StorageLow => Some("The user has to free some space."),
        NotYetReason::TooShort => Some("Ask the platform for processing time, not for a refresh."),
        NotYetReason::NoRelease => Some("Install a release."),
        NotYetReason::Failed => Some("See the error of the newest night."),
        NotYetReason::Done => None,
    }
}

fn when(facts: &Facts, at_ms: i64) -> String {
    let minute = Day::minute(at_ms, facts.offset_minutes);
    let day = Day::at(at_ms, facts.offset_minutes);
    format!("{day} {:02}:{:02}", minute / 60, minute % 60)
}

fn ago(age_ms: i64) -> String {
    let hours = age_ms / HOUR_MS;
    match hours {
        0 => "within the last hour".into(),
        1..48 => format!("{hours} hours ago"),
        _ => format!("{} days ago", hours / 24),
    }
}
