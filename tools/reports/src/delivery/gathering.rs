//! One pass over the rows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use noctule_core::base::Day;

use super::Clock;
use crate::error::{Error, Result};
use crate::files::{Cells, Refused, day_folders, entries, scan};
use crate::runs::Runs;
use crate::sketch::Sketch;

/// Runs, days and bins of lateness that are held: some three gigabytes.
const PARTS_MAX: usize = 1 << 26;

/// A step back of the clock that counts. Events of one screen may be told in any order.
const STEP_BACK_MS: i64 = 60_000;

const COLUMNS: [(&str, bool); 4] =
    [("installation", true), ("sequence", true), ("at_ms", true), ("received_ms", true)];

/// Everything that the rows say.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: u64,
    pub(super) set_aside: u64,
    pub(super) installations: BTreeMap<Box<str>, Installation>,
    /// Runs, days and bins held.
    parts: usize,
}

/// What came of one installation.
#[derive(Debug, Default)]
pub(super) struct Installation {
    /// What was received, by the day of its first arrival.
    pub(super) runs: Runs<Day>,
    pub(super) days: BTreeMap<Day, Received>,
    pub(super) last_received_ms: i64,
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
                gathered.check(path).map_err(Refused::from)
            })?;
        }
    }
    gathered.set_aside = lines_set_aside(directory, app)?;
    Ok(gathered)
}

fn decode<'a>(cells: &Cells<'a, 4>) -> Result<Arrival<'a>, Refused> {
    let sequence = cells.unsigned(1)?.ok_or_else(|| cells.missing(1))?;
    if sequence == 0 {
        return Err(("sequence", "is 0, and numbers begin at 1").into());
    }
    Ok(Arrival {
        installation: cells.needed_text(0)?,
        sequence,
        at_ms: cells.needed_integer(2)?,
        received_ms: cells.needed_integer(3)?,
    })
}

impl Gathered {
    fn take(&mut self, arrival: &Arrival<'_>, before: &mut Option<Before>) {
        self.rows += 1;
        let day = Day::at(arrival.at_ms, 0);
        if !self.installations.contains_key(arrival.installation) {
            self.installations.insert(arrival.installation.into(), Installation::default());
            self.parts += 1;
        }
        // It was inserted above when it was not there.
        let Some(installation) = self.installations.get_mut(arrival.installation) else { return };
        let held = installation.runs.len() + installation.days.len();
        installation.last_received_ms = installation.last_received_ms.max(arrival.received_ms);
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
        let more = received.lateness.len() - bins;
        // A number that closes a gap makes two runs one.
        self.parts += more + installation.runs.len() + installation.days.len();
        self.parts -= held;
        remember(before, arrival);
    }

    fn check(&self, path: &Path) -> Result<()> {
        let (path, limit) = (path.to_path_buf(), PARTS_MAX);
        if self.parts > limit { Err(Error::TooManyParts { path, limit }) } else { Ok(()) }
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

/// Lines below `_rejected`.
fn lines_set_aside(directory: &Path, app: &str) -> Result<u64> {
    let mut lines = 0;
    for day in entries(&directory.join("_rejected").join(format!("app={app}")))? {
        let is_day = day.file_name().and_then(|name| name.to_str());
        if !is_day.is_some_and(|name| name.starts_with("day=")) {
            continue;
        }
        for path in entries(&day)? {
            if path.extension().is_some_and(|extension| extension == "ndjson") {
                lines += lines_of(&path)?;
            }
        }
    }
    Ok(lines)
}

fn lines_of(path: &Path) -> Result<u64> {
    let mut file = File::open(path).map_err(Error::file(path, "open"))?;
    let (mut lines, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(Error::file(path, "read"))?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}
