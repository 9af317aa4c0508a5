//! From what was gathered to the audit.

use std::collections::BTreeMap;

use noctule_core::base::Day;

use super::gathering::{Gathered, Installation, Received};
use super::{DayDelivery, DeliveryAudit, InstallationDay, InstallationDelivery, Lateness, Loss};
use crate::audit::share_at_most;
use crate::estimates::{Tally, rate};
use crate::sketch::Sketch;

/// One day over all installations, while it is summed.
#[derive(Default)]
struct DaySum {
    installations: u64,
    events: u64,
    repeated: u64,
    missing: u64,
    lateness: Sketch,
}

pub(super) fn sum(app: &str, gathered: Gathered, confidence: f64) -> DeliveryAudit {
    let mut days: BTreeMap<Day, DaySum> = BTreeMap::new();
    let mut all = Sketch::default();
    let mut installations = Vec::with_capacity(gathered.installations.len());
    for (name, installation) in gathered.installations {
        let told = tell(name.into(), &installation);
        for (day, received) in told.days.iter().zip(installation.days.values()) {
            let sum = days.entry(day.day).or_default();
            sum.installations += 1;
            sum.events += day.events;
            sum.repeated += day.repeated;
            sum.missing = sum.missing.saturating_add(day.missing);
            sum.lateness.merge(&received.lateness);
            all.merge(&received.lateness);
        }
        installations.push(told);
    }
    let count = |of: fn(&InstallationDelivery) -> u64| installations.iter().map(of).sum::<u64>();
    let has = |of: fn(&InstallationDay) -> bool| {
        installations.iter().filter(|one| one.days.iter().any(of)).count() as u64
    };
    DeliveryAudit {
        schema: 1,
        app: app.to_owned(),
        rows: gathered.rows,
        events: count(|one| one.events),
        repeated: count(|one| one.repeated),
        set_aside: gathered.set_aside,
        loss: loss(&installations, confidence),
        lateness: lateness(&all),
        installations_ahead: has(|day| day.clock.events_ahead > 0),
        installations_set_back: has(|day| day.clock.set_back > 0),
        days: days.into_iter().filter_map(|(day, sum)| told_day(day, &sum)).collect(),
        installations,
    }
}

/// A day, unless nothing but repeats of other days' events fell on it.
fn told_day(day: Day, sum: &DaySum) -> Option<DayDelivery> {
    let DaySum { installations, events, repeated, missing, .. } = *sum;
    let lateness = lateness(&sum.lateness)?;
    Some(DayDelivery { day, installations, events, repeated, missing, lateness })
}

/// Runs by their first and last number.
type ReceivedAndGaps = (Vec<[u64; 2]>, Vec<[u64; 2]>);

fn tell(installation: String, gathered: &Installation) -> InstallationDelivery {
    let mut runs: BTreeMap<Day, ReceivedAndGaps> = BTreeMap::new();
    let mut before = 0;
    for (first, last, day) in gathered.runs.iter() {
        let (received, gaps) = runs.entry(day).or_default();
        received.push([first, last]);
        // Numbers begin at 1, and runs do not overlap.
        if first - before > 1 {
            gaps.push([before + 1, first - 1]);
        }
        before = last;
    }
    let mut days = Vec::with_capacity(gathered.days.len());
    for (day, of) in &gathered.days {
        let (received, gaps) = runs.remove(day).unwrap_or_default();
        days.push(told(*day, of, received, gaps));
    }
    let events = days.iter().map(|day| day.events).sum();
    InstallationDelivery {
        installation,
        events,
        repeated: days.iter().map(|day| day.repeated).sum(),
        last_sequence: before,
        missing: before - events,
        given_up: gathered.dropped.min(before - events),
        last_received_ms: gathered.last_received_ms,
        days,
    }
}

fn told(day: Day, of: &Received, received: Vec<[u64; 2]>, gaps: Vec<[u64; 2]>) -> InstallationDay {
    let missing = gaps.iter().map(|[first, last]| last - first + 1).sum();
    // A day of nothing but repeats has no lateness of its own.
    let lateness = lateness(&of.lateness).unwrap_or_default();
    let mut clock = of.clock;
    clock.behind_at_most_ms = u64::try_from(lateness.least_ms).unwrap_or(0);
    let (events, repeated) = (of.events, of.repeated);
    InstallationDay { day, received, gaps, missing, events, repeated, lateness, clock }
}

fn lateness(sketch: &Sketch) -> Option<Lateness> {
    let (least_ms, most_ms) = sketch.range()?;
    Some(Lateness {
        least_ms,
        p50_ms: sketch.quantile(0.5)?,
        p90_ms: sketch.quantile(0.9)?,
        p99_ms: sketch.quantile(0.99)?,
        most_ms,
    })
}

fn loss(installations: &[InstallationDelivery], confidence: f64) -> Loss {
    let sum = |of: fn(&InstallationDelivery) -> u64| {
        installations.iter().map(of).fold(0u64, u64::saturating_add)
    };
    let (missing, of) = (sum(|one| one.missing), sum(|one| one.last_sequence));
    let given_up = sum(|one| one.given_up);
    let with_gaps = installations.iter().filter(|one| one.missing > 0).count() as u64;
    let tally = |one: &InstallationDelivery| Tally {
        successes: one.missing as f64,
        trials: one.last_sequence as f64,
    };
    let tallies: Vec<Tally> = installations.iter().map(tally).collect();
    Loss {
        missing,
        given_up,
        unexplained: missing - given_up,
        unexplained_share_at_most: share_at_most(missing - given_up, of, confidence),
        of,
        installations_with_gaps: with_gaps,
        share: rate(&tallies, confidence),
        share_at_most: share_at_most(missing, of, confidence),
        installations_share_at_most: share_at_most(
            with_gaps,
            installations.len() as u64,
            confidence,
        ),
    }
}
