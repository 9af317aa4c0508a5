//! One pass over the rows.

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::base::Day;

use super::Clock;
use crate::error::{Error, Result};
use crate::files::{Cells, Refused, day_folders, entries, scan};
use crate::runs::Runs;
use crate::sketch::Sketch;

/// Bytes that may be held, by the estimates below: some five million installations of 100 events.
const HELD_MAX: u64 = 16 << 30;

/// What an installation takes with the first nodes of its maps, and what each run, day and bin of
/// lateness adds. Rounded up: 40,000 installations of 100 events take less than these say.
const INSTALLATION_BYTES: u64 = 2_048;
const RUN_BYTES: u64 = 48;
const DAY_BYTES: u64 = 160;
const BIN_BYTES: u64 = 32;

/// A step back of the clock that counts. Events of one screen may be told in any order.
const STEP_BACK_MS: i64 = 60_000;

const COLUMNS: [(&str, bool); 5] = [
    ("installation", true),
    ("sequence", true),
    ("at_ms", true),
    ("received_ms", true),
    ("dropped", false),
];

/// What is read of a rejected line: enough to count it.
const REJECTED_COLUMNS: [(&str, bool); 1] = [("installation", true)];

/// Everything that the rows say.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: u64,
    pub(super) set_aside: u64,
    pub(super) installations: BTreeMap<Box<str>, Installation>,
    /// Bytes held, by estimate.
    held: u64,
}

/// What came of one installation.
#[derive(Debug, Default)]
pub(super) struct Installation {
    /// What was received, by the day of its first arrival.
    pub(super) runs: Runs<Day>,
    pub(super) days: BTreeMap<Day, Received>,
    pub(super) last_received_ms: i64,
    /// How many events the device says it gave up, at most.
    pub(super) dropped: u64,
}

/// What came of one day of one installation.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) events: u64,
    pub(super) repeated: u64,
    pub(super) lateness: Sketch,
    pub(super) clock: Clock,
}

/// One row.
struct Arrival<'a> {
    installation: &'a str,
    sequence: u64,
    at_ms: i64,
    received_ms: i64,
    dropped: Option<u64>,
}

/// The row before in the same file: rows of an installation follow each other by their numbers.
struct Before {
    installation: Box<str>,
    sequence: u64,
    at_ms: i64,
}

/// Reads every row of `app`.
pub(super) fn gather(directory: &Path, app: &str) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    for folder in day_folders(directory, app)? {
        for path in &folder.files {
            let mut before = None;
            scan(path, &COLUMNS, |cells| {
                gathered.take(&decode(&cells)?, &mut before);
                gathered.check(path, HELD_MAX).map_err(Refused::from)
            })?;
        }
    }
    gathered.set_aside = lines_set_aside(directory, app)?;
    Ok(gathered)
}

fn decode<'a>(cells: &Cells<'a, 5>) -> Result<Arrival<'a>, Refused> {
    let sequence = cells.unsigned(1)?.ok_or_else(|| cells.missing(1))?;
    if sequence == 0 {
        return Err(("sequence", "is 0, and numbers begin at 1").into());
    }
    Ok(Arrival {
        installation: cells.needed_text(0)?,
        sequence,
        at_ms: cells.needed_integer(2)?,
        received_ms: cells.needed_integer(3)?,
        dropped: cells.unsigned(4)?,
    })
}

impl Gathered {
    fn take(&mut self, arrival: &Arrival<'_>, before: &mut Option<Before>) {
        self.rows += 1;
        let day = Day::at(arrival.at_ms, 0);
        if !self.installations.contains_key(arrival.installation) {
            self.installations.insert(arrival.installation.into(), Installation::default());
            self.held += INSTALLATION_BYTES;
        }
        // It was inserted above when it was not there.
        let Some(installation) = self.installations.get_mut(arrival.installation) else { return };
        let held = installation.bytes();
        installation.last_received_ms = installation.last_received_ms.max(arrival.received_ms);
        installation.dropped = installation.dropped.max(arrival.dropped.unwrap_or(0));
        let is_new = installation.runs.insert(arrival.sequence, day);
        let received = installation.days.entry(day).or_default();
        let bins = received.lateness.len();
        if is_new {
            received.events += 1;
            received.lateness.add(arrival.received_ms.saturating_sub(arrival.at_ms));
            received.clock.look_at(arrival, before.as_ref());
        } else {
            received.repeated += 1;
        }
        self.held += BIN_BYTES * (received.lateness.len() - bins) as u64;
        // A number that closes a gap makes two runs one.
        self.held = self.held + installation.bytes() - held;
        remember(before, arrival);
    }

    fn check(&self, path: &Path, limit: u64) -> Result<()> {
        if self.held <= limit {
            return Ok(());
        }
        Err(Error::TooManyParts { path: path.to_path_buf(), limit })
    }
}

impl Installation {
    /// What runs and days take.
    fn bytes(&self) -> u64 {
        RUN_BYTES * self.runs.len() as u64 + DAY_BYTES * self.days.len() as u64
    }
}

/// Keeps the name where it is the same, so that most rows allocate nothing.
fn remember(before: &mut Option<Before>, arrival: &Arrival<'_>) {
    let Arrival { sequence, at_ms, .. } = *arrival;
    match before {
        Some(before) if *before.installation == *arrival.installation => {
            (before.sequence, before.at_ms) = (sequence, at_ms);
        }
        _ => *before = Some(Before { installation: arrival.installation.into(), sequence, at_ms }),
    }
}

impl Clock {
    fn look_at(&mut self, arrival: &Arrival<'_>, before: Option<&Before>) {
        let ahead = arrival.at_ms.saturating_sub(arrival.received_ms);
        self.events_ahead += u64::from(ahead > 0);
        self.ahead_at_least_ms = self.ahead_at_least_ms.max(u64::try_from(ahead).unwrap_or(0));
        let Some(before) = before.filter(|before| {
            *before.installation == *arrival.installation && before.sequence < arrival.sequence
        }) else {
            return;
        };
        let step = before.at_ms.saturating_sub(arrival.at_ms);
        if step > STEP_BACK_MS {
            self.set_back += 1;
            let step = u64::try_from(step).unwrap_or(0);
            self.largest_step_back_ms = self.largest_step_back_ms.max(step);
        }
    }
}

/// Rows below `_rejected`.
fn lines_set_aside(directory: &Path, app: &str) -> Result<u64> {
    let mut lines = 0;
    for day in entries(&directory.join("_rejected").join(format!("app={app}")))? {
        let is_day = day.file_name().and_then(|name| name.to_str());
        if !is_day.is_some_and(|name| name.starts_with("day=")) {
            continue;
        }
        for path in entries(&day)? {
            if path.extension().is_some_and(|extension| extension == "parquet") {
                scan(&path, &REJECTED_COLUMNS, |_| {
                    lines += 1;
                    Ok(())
                })?;
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(arrivals: &[(&str, u64, i64)]) -> Gathered {
        let (mut gathered, mut before) = (Gathered::default(), None);
        for (installation, sequence, day) in arrivals {
            let at_ms = day * 86_400_000;
            let (sequence, received_ms) = (*sequence, at_ms + 1_000);
            let arrival = Arrival { installation, sequence, at_ms, received_ms, dropped: None };
            gathered.take(&arrival, &mut before);
        }
        gathered
    }

    #[test]
    fn what_is_held_grows_with_installations_days_and_gaps_and_not_with_events() {
        let one = held(&[("a", 1, 0)]).held;
        let many: Vec<_> = (1..=1_000).map(|sequence| ("a", sequence, 0)).collect();
        assert_eq!(held(&many).held, one);
        assert_eq!(held(&[("a", 1, 0), ("a", 3, 0)]).held, one + RUN_BYTES);
        assert_eq!(held(&[("a", 1, 0), ("a", 3, 0), ("a", 2, 0)]).held, one);
        let day = RUN_BYTES + DAY_BYTES + BIN_BYTES;
        assert_eq!(held(&[("a", 1, 0), ("a", 2, 1)]).held, one + day);
        assert_eq!(held(&[("a", 1, 0), ("b", 1, 0)]).held, 2 * one);
    }

    #[test]
    fn more_than_may_be_held_is_refused_with_the_file() {
        let gathered = held(&[("a", 1, 0)]);
        assert!(gathered.check("f.parquet".as_ref(), gathered.held).is_ok());
        let error = gathered.check("f.parquet".as_ref(), gathered.held - 1).unwrap_err();
        assert!(matches!(error, Error::TooManyParts { .. }), "{error}");
        assert!(error.to_string().starts_with("f.parquet: "), "{error}");
    }
}
