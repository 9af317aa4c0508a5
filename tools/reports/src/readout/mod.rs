//! Counts and acceptance rates by any columns: what product teams ask of feedback first.
//!
//! Rows are read one at a time, day by day, and not kept; memory grows with the groups, the
//! installations in each, and the accepting events of one day.

mod columns;
mod counting;
mod matching;
mod outputs;

use std::path::Path;

use noctule_core::base::Day;
use serde::Serialize;

pub use columns::Column;

use crate::distributions::wilson;
use crate::error::{Error, Result};
use crate::estimates::{Tally, rate};
use crate::files::{day_folders, parse_day};
use counting::{Group, Groups};

/// How an interval of a rate is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// By installation: impressions of one person are alike.
    #[default]
    Clustered,
    /// Wilson's (JASA 22, 1927), as if every impression were another person's. Too narrow where
    /// people have more than one; of use where no installation differs from the others.
    Wilson,
}

/// What to read out.
#[derive(Debug, Clone)]
pub struct ReadOutSettings {
    /// The columns to group by; without one everything is one group.
    pub by: Vec<Column>,
    /// Only rows of these kinds are counted; of all when empty.
    pub kinds: Vec<String>,
    /// Only rows with this value in this column are counted.
    pub only: Vec<(Column, String)>,
    /// The first day, UTC.
    pub since: Option<Day>,
    /// The last day, UTC.
    pub until: Option<Day>,
    /// Kind of event by which an impression counts as accepted.
    pub accepted_by: String,
    /// How intervals are made.
    pub interval: Interval,
    /// Probability with which they hold the truth.
    pub confidence: f64,
    /// Groups of fewer installations are withheld, so that nobody is read off a row (k-anonymity;
    /// Sweeney, 2002): 1 shows all.
    pub installations_min: u64,
}

impl Default for ReadOutSettings {
    fn default() -> Self {
        Self {
            by: Vec::new(),
            kinds: Vec::new(),
            only: Vec::new(),
            since: None,
            until: None,
            accepted_by: "conversion".into(),
            interval: Interval::default(),
            confidence: 0.95,
            installations_min: 1,
        }
    }
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// The rows do not say.
    Unknown,
    /// A number: a position.
    Number(u32),
    /// A word.
    Text(Box<str>),
}

/// What is counted in one group.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOutRow {
    /// The values of the columns of `by`, in their order.
    pub key: Vec<Value>,
    /// Distinct events.
    pub events: u64,
    /// Installations that they come from.
    pub installations: u64,
    /// Impressions among them.
    pub impressions: u64,
    /// Impressions that were accepted.
    pub accepted: u64,
    /// Their share; absent without an impression.
    pub rate: Option<f64>,
    /// Lower end of its interval, where there is one.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// A table of groups.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadOut {
    /// The app.
    pub app: String,
    /// The columns of the groups.
    pub by: Vec<Column>,
    /// The kind of event by which impressions were accepted.
    pub accepted_by: String,
    /// How the intervals were made.
    pub interval: Interval,
    /// Probability with which they hold the truth.
    pub confidence: f64,
    /// Places where something was accepted, of the accepting kind, on a day without an impression
    /// of it there: kept, and in no rate. All groups together, whatever is left out.
    pub orphans: u64,
    /// Groups that were withheld, since they have too few installations.
    pub withheld: u64,
    /// The groups in the order of their values.
    pub rows: Vec<ReadOutRow>,
}

/// Counts the feedback of `app` below the collector's output folder.
///
/// An impression is accepted when an event of the accepting kind has the same installation,
/// surface, context, item and day, and the same generation where it names one. Such events are
/// looked for among all rows of the day, whatever `kinds` and `only` leave out.
///
/// # Errors
/// Those of [`read_feedback`](crate::read_feedback); [`Error::InvalidSetting`];
/// [`Error::TooManyGroups`] above 100,000 groups, 16 million tallies of a group and an
/// installation, 16 million runs of sequence numbers a day, or 8 million accepting events a day.
///
/// ```no_run
/// use noctule_reports::{Column, ReadOutSettings, read_out};
/// let settings = ReadOutSettings { by: vec![Column::Arm], ..Default::default() };
/// let table = read_out("collected".as_ref(), "town", &settings)?;
/// print!("{}", table.to_csv());
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn read_out(directory: &Path, app: &str, settings: &ReadOutSettings) -> Result<ReadOut> {
    check(settings)?;
    let (mut groups, mut orphans) = (Groups::default(), 0);
    for folder in day_folders(directory, app)? {
        let day = folder.day()?;
        let wanted = settings.since.is_none_or(|since| since <= day)
            && settings.until.is_none_or(|until| day <= until);
        if wanted {
            let accepting = matching::accepting(&folder.files, &settings.accepted_by)?;
            counting::count_day(&folder.files, day, settings, &accepting, &mut groups)?;
            orphans += accepting.orphans();
        }
    }
    let rows = groups.into_sorted().map(|(key, group)| row(key, &group, settings));
    let (rows, withheld): (Vec<_>, Vec<_>) =
        rows.partition(|row| row.installations >= settings.installations_min);
    Ok(ReadOut {
        app: app.to_owned(),
        by: settings.by.clone(),
        accepted_by: settings.accepted_by.clone(),
        interval: settings.interval,
        confidence: settings.confidence,
        orphans,
        withheld: withheld.len() as u64,
        rows,
    })
}

/// A day of the settings, as `YYYY-MM-DD`.
///
/// # Errors
/// [`Error::InvalidSetting`] with the text when it is no day.
///
/// ```
/// assert_eq!(noctule_reports::day_of("2026-11-20")?.to_string(), "2026-11-20");
/// assert!(noctule_reports::day_of("20.11.2026").is_err());
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn day_of(text: &str) -> Result<Day> {
    parse_day(text).ok_or_else(|| Error::InvalidSetting {
        setting: "day",
        reason: format!("{text:?} is not a day as YYYY-MM-DD"),
    })
}

fn check(settings: &ReadOutSettings) -> Result<()> {
    let wrong = |setting, reason| Err(Error::InvalidSetting { setting, reason });
    let mut seen = Vec::new();
    for column in &settings.by {
        if seen.contains(column) {
            return wrong("by", format!("{column} is there twice"));
        }
        seen.push(*column);
    }
    for (setting, kind) in settings
        .kinds
        .iter()
        .map(|kind| ("kind", kind))
        .chain([("accepted-by", &settings.accepted_by)])
    {
        let of_a_kind =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if kind.is_empty() || kind.len() > 32 || !kind.bytes().all(of_a_kind) {
            return wrong(setting, format!("{kind:?} is no kind: 1 to 32 of a-z, 0-9 and _"));
        }
    }
    for (column, wanted) in &settings.only {
        if *column == Column::Position && !wanted.is_empty() && wanted.parse::<u32>().is_err() {
            return wrong("only", format!("position={wanted}: a position is a number from 0"));
        }
    }
    if let (Some(since), Some(until)) = (settings.since, settings.until)
        && since > until
    {
        return wrong("since", format!("{since} is after {until}, which --until names"));
    }
    if !(settings.confidence > 0.0 && settings.confidence < 1.0) {
        let reason = format!("{} is not above 0 and below 1", settings.confidence);
        return wrong("confidence", reason);
    }
    Ok(())
}

fn row(key: Vec<Value>, group: &Group, settings: &ReadOutSettings) -> ReadOutRow {
    let tallies: Vec<Tally> = group.tallies();
    let sum = |part: fn(&Tally) -> f64| tallies.iter().map(part).sum::<f64>();
    let (accepted, impressions) = (sum(|tally| tally.successes), sum(|tally| tally.trials));
    let estimate = rate(&tallies, settings.confidence);
    let ends = match settings.interval {
        Interval::Clustered => estimate.and_then(|estimate| estimate.low.zip(estimate.high)),
        Interval::Wilson => wilson(accepted, impressions, settings.confidence),
    };
    ReadOutRow {
        key,
        events: group.events,
        installations: tallies.len() as u64,
        // Sums of ones: exact far beyond any number of events.
        impressions: impressions as u64,
        accepted: accepted as u64,
        rate: estimate.map(|estimate| estimate.value),
        low: ends.map(|(low, _)| low),
        high: ends.map(|(_, high)| high),
    }
}
