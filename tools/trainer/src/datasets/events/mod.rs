//! Events from tables: CSV, TSV, JSON lines and Parquet, with columns found by name.
//!
//! ```
//! use noctule_trainer::datasets::events::{TableSettings, read_events};
//!
//! let path = std::env::temp_dir().join(format!("noctule-events-{}.csv", std::process::id()));
//! std::fs::write(&path, "userId,movieId,rating,timestamp\nada,7,4.5,1790000000\n")?;
//! let settings = TableSettings { positive_rating: Some(4.0), ..TableSettings::default() };
//! let table = read_events(&path, &settings)?;
//! assert_eq!(table.data.events[0].at_ms, Some(1_790_000_000_000));
//! assert!(table.warnings.is_empty());
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builder;
mod columnar;
mod columns;
mod delimited;
mod json_lines;
pub mod moment;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use noctule_core::base::ContextId;
use noctule_core::catalogue::Item;
use serde::{Deserialize, Serialize};

use super::Interactions;
use crate::{Error, Result};
pub use columns::{Columns, Role};
pub use moment::{TimeUnit, date_ms};

/// Warnings of one kind that are told one by one; the rest is counted.
const WARNINGS_MAX: usize = 20;

/// How a table is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableSettings {
    /// Names of the columns; those that are not given are looked for by usual names.
    pub columns: Columns,
    /// Ratings from here count as choices, others are counted and left out; none: all count.
    pub positive_rating: Option<f64>,
    /// What a number in the column of times counts.
    pub time_unit: TimeUnit,
    /// Names of the contexts of the plan, in its order; without any the column is not read.
    #[serde(skip)]
    pub contexts: Vec<ContextId>,
    /// The catalogue, where there is one: an event of another item is an error.
    #[serde(skip)]
    pub catalogue: Option<Vec<Item>>,
}

/// Something to know about a file that was read all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadWarning {
    /// The file.
    pub path: PathBuf,
    /// Its line or row, from 1; 0 for the whole file.
    pub line: u64,
    /// What, in words.
    pub what: String,
}

impl std::fmt::Display for ReadWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// A table of events that was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventTable {
    /// The events; in time order where all have a time, else in the order of the file.
    pub data: Interactions,
    /// What to know about it.
    pub warnings: Vec<ReadWarning>,
}

/// Layout of a file of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Delimited(u8),
    JsonLines,
    Parquet,
}

/// Whether the ending of `path` says that it is a table that [`read_events`] reads.
#[must_use]
pub fn is_table(path: &Path) -> bool {
    format_of(path).is_some()
}

fn format_of(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match ending.as_str() {
        "csv" => Format::Delimited(b','),
        "tsv" | "tab" => Format::Delimited(b'\t'),
        "jsonl" | "ndjson" => Format::JsonLines,
        "parquet" => Format::Parquet,
        _ => return None,
    })
}

/// Reads the events in `path`: CSV (`.csv`), tab-separated (`.tsv`), JSON lines (`.jsonl`,
/// `.ndjson`) or Parquet (`.parquet`).
///
/// A row that repeats user, item, time and context of an earlier one is counted and left out. Ids
/// that are numbers are taken as text. The sort by time is stable: events at the same time keep the
/// order of the file.
///
/// # Errors
/// [`Error::Setting`] for another ending; [`Error::File`], [`Error::Empty`], [`Error::TooLarge`],
/// [`Error::MissingColumn`], [`Error::Encoding`], [`Error::Parquet`], and [`Error::Field`] with
/// line and column for a value that does not fit: no user or item, a rating or weight that is not
/// a finite number, a time that is none, a row that is cut off.
pub fn read_events(path: &Path, settings: &TableSettings) -> Result<EventTable> {
    if settings.positive_rating.is_some_and(|least| !least.is_finite()) {
        return Err(Error::setting("positive_rating", "is not a finite number"));
    }
    match format_of(path) {
        Some(Format::Delimited(delimiter)) => delimited::read(path, delimiter, settings),
        Some(Format::JsonLines) => json_lines::read(path, settings),
        Some(Format::Parquet) => columnar::read(path, settings),
        None => {
            let reason = format!("{}: the ending is none of {ENDINGS}", path.display());
            Err(Error::setting("file", reason))
        }
    }
}

/// Endings of the files that are read.
pub const ENDINGS: &str = "csv, tsv, jsonl, ndjson, parquet";
