//! Rows into groups.

use std::collections::HashMap;
use std::path::PathBuf;

use noctule_core::base::Day;

use super::matching::{Accepting, place};
use super::{Column, ReadOutSettings, Value};
use crate::error::{Error, Result};
use crate::estimates::Tally;
use crate::files::{Cells, Refused, Wrong, scan};
use crate::runs::Runs;

/// Groups of one read-out.
const GROUPS_MAX: usize = 100_000;

/// Tallies of an installation in a group, and installations: together some two gigabytes.
const TALLIES_MAX: usize = 1 << 24;

/// Runs of sequence numbers of one day: some four gigabytes if each is another installation's.
const RUNS_MAX: usize = 1 << 24;

const COLUMNS: [(&str, bool); 11] = [
    ("installation", true),
    ("sequence", true),
    ("kind", true),
    ("item", true),
    ("surface", false),
    ("context", false),
    ("position", false),
    ("generation", false),
    ("release", false),
    ("arm", false),
    ("experiment", false),
];

/// What is counted in one group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) events: u64,
    /// Accepted among all impressions, by the number of the installation.
    by_installation: HashMap<u32, Tally>,
}

impl Group {
    /// The tallies in the order of their installations: sums of floats depend on it.
    pub(super) fn tallies(&self) -> Vec<Tally> {
        let mut tallies: Vec<_> = self.by_installation.iter().collect();
        tallies.sort_by_key(|(installation, _)| **installation);
        tallies.into_iter().map(|(_, tally)| *tally).collect()
    }
}

/// All groups so far.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Vec<Value>, Group>,
    installations: HashMap<Box<str>, u32>,
    tallies: usize,
}

/// One row that is counted.
struct Counted {
    key: Vec<Value>,
    /// Of an impression: whether it was accepted.
    impression: Option<bool>,
}

/// Counts the rows of one day.
pub(super) fn count_day(
    files: &[PathBuf],
    day: Day,
    settings: &ReadOutSettings,
    accepting: &Accepting,
    groups: &mut Groups,
) -> Result<()> {
    let name = day.to_string();
    let mut seen: HashMap<u32, Runs<()>> = HashMap::new();
    let mut runs = 0;
    for path in files {
        scan(path, &COLUMNS, |cells| {
            let installation = groups.number(cells.needed_text(0)?)?;
            let sequence = cells.unsigned(1)?.ok_or_else(|| cells.missing(1))?;
            let of = seen.entry(installation).or_default();
            let before = of.len();
            let is_new = of.insert(sequence, ());
            runs = runs + of.len() - before;
            if runs > RUNS_MAX {
                return Err(too_many("runs of sequence numbers of one day", RUNS_MAX));
            }
            if is_new && let Some(counted) = choose(&cells, &name, settings, accepting)? {
                groups.count(installation, counted)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn too_many(what: &'static str, limit: usize) -> Refused {
    Error::TooManyGroups { what, limit }.into()
}

/// What a row counts as, unless it is left out.
fn choose(
    cells: &Cells<'_, 11>,
    day: &str,
    settings: &ReadOutSettings,
    accepting: &Accepting,
) -> Result<Option<Counted>, Wrong> {
    let (installation, kind) = (cells.needed_text(0)?, cells.needed_text(2)?);
    // Before anything is left out: who is left out may have been accepted all the same.
    let impression = if kind == "impression" {
        let item = cells.needed_text(3)?;
        let generation = cells.unsigned(7)?;
        let place = place(installation, cells.text(4)?, cells.text(5)?, item);
        Some(accepting.has(place, generation))
    } else {
        None
    };
    if !settings.kinds.is_empty() && !settings.kinds.iter().any(|wanted| wanted == kind) {
        return Ok(None);
    }
    for (column, wanted) in &settings.only {
        let same = match value(cells, *column, day)? {
            Value::Unknown => wanted.is_empty(),
            Value::Number(number) => wanted.parse() == Ok(number),
            Value::Text(text) => *text == **wanted,
        };
        if !same {
            return Ok(None);
        }
    }
    let key: Result<Vec<Value>, Wrong> =
        settings.by.iter().map(|column| value(cells, *column, day)).collect();
    Ok(Some(Counted { key: key?, impression }))
}

fn value(cells: &Cells<'_, 11>, column: Column, day: &str) -> Result<Value, Wrong> {
    let number = match column {
        Column::Day => return Ok(Value::Text(day.into())),
        Column::Position => {
            let position = cells.integer(6)?.map(u32::try_from).transpose();
            let position = position.map_err(|_| ("position", "is negative or too large"))?;
            return Ok(position.map_or(Value::Unknown, Value::Number));
        }
        Column::Kind => 2,
        Column::Item => 3,
        Column::Surface => 4,
        Column::Context => 5,
        Column::Release => 8,
        Column::Arm => 9,
        Column::Experiment => 10,
    };
    Ok(cells.text(number)?.map_or(Value::Unknown, |text| Value::Text(text.into())))
}

impl Groups {
    /// The number of an installation, from 0.
    fn number(&mut self, installation: &str) -> Result<u32, Refused> {
        if let Some(number) = self.installations.get(installation) {
            return Ok(*number);
        }
        if self.installations.len() >= TALLIES_MAX {
            return Err(too_many("installations", TALLIES_MAX));
        }
        // Below 2^24, as was just seen.
        let number = self.installations.len() as u32;
        self.installations.insert(installation.into(), number);
        Ok(number)
    }

    fn count(&mut self, installation: u32, counted: Counted) -> Result<(), Refused> {
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&counted.key) {
            return Err(too_many("groups", GROUPS_MAX));
        }
        let group = self.groups.entry(counted.key).or_default();
        let before = group.by_installation.len();
        let tally = group.by_installation.entry(installation).or_default();
        if let Some(accepted) = counted.impression {
            tally.count(accepted);
        }
        group.events += 1;
        self.tallies += group.by_installation.len() - before;
        if self.tallies > TALLIES_MAX {
            return Err(too_many("installations, over all groups,", TALLIES_MAX));
        }
        Ok(())
    }

    /// The groups in the order of their values.
    pub(super) fn into_sorted(self) -> impl Iterator<Item = (Vec<Value>, Group)> {
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        groups.into_iter()
    }
}
