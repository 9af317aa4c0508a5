//! What can be read of a damaged database, copied row by row into a new one.

use std::fmt;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, Transaction, params};

use crate::base::{Error, Result};

/// Tables of which every row is worth what it is, with their keys; events are apart.
const TABLES: [(&str, &str); 14] = [
    ("meta", "key"),
    ("pseudonyms", "number"),
    ("withheld", "first"),
    ("forgotten", "number"),
    ("recorder", "one"),
    ("stamps", "id"),
    ("deletions", "installation"),
    ("releases_seen", "name"),
    ("releases_installed", "rank"),
    ("slates", "surface, context"),
    ("slate_inputs", "id"),
    ("slate_origins", "surface, context"),
    ("night_runs", "id"),
    ("night_refusals", "id"),
];
/// As many of the first of these say what may leave the device, and as whom.
const DECIDING: usize = 4;

/// Rows of one table that are read, at most: pages that lead to each other have no end.
const ROWS_MAX: u64 = 1_000_000;
/// Ranges of events that are tried, at most: some for each event that a profile keeps.
const RANGES_MAX: u32 = 250_000;
/// By so much the mark is behind at most: one call of recording.
const BEHIND_MARK: u64 = 100_000;

/// How much of it was kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Rows that were copied.
    pub(super) rows: u64,
    /// Events that could not be read, or had to go: at most so many were there.
    pub(super) events_gone: u64,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows were kept, at most {} events are gone", self.rows, self.events_gone)
    }
}

/// What SQLite finds wrong with a database, each in its words.
pub(super) fn findings(connection: &Connection) -> Result<Vec<String>> {
    let failed = || Error::storage("checking the database");
    let mut query = connection.prepare("PRAGMA quick_check(20)").map_err(failed())?;
    let rows = query.query_map([], |row| row.get::<_, String>(0)).map_err(failed())?;
    let found: Vec<String> = rows.collect::<rusqlite::Result<_>>().map_err(failed())?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// Copies what can be read of the database at `damaged` into the new one, in one transaction.
///
/// Where a table that says what may leave is not whole, no event is kept: better lose feedback than
/// send what was not allowed. Numbering goes on behind the last event that was read, or behind
/// `mark` when that cannot be told.
pub(super) fn copy(connection: &mut Connection, damaged: &Path, mark: u64) -> Result<Kept> {
    let failed = || Error::storage("keeping what can be read of a damaged database");
    let damaged = Connection::open(damaged).map_err(failed())?;
    let transaction = connection.transaction().map_err(failed())?;
    let mut kept = Kept::default();
    for (table, key) in TABLES {
        kept.rows += copy_table(&damaged, &transaction, table, key).map_err(failed())?;
    }
    let (first, last) = ends(&damaged, mark).map_err(failed())?;
    if TABLES[..DECIDING].iter().all(|(table, _)| is_whole(&damaged, table)) {
        copy_events(&damaged, &transaction, (first, last), &mut kept).map_err(failed())?;
    } else {
        kept.events_gone = (last + 1).saturating_sub(first);
    }
    // A number beyond all that were used rots like the rest, and would leave none for what comes.
    let sql = "UPDATE recorder SET lost = min(lost, ?3) + ?1, \
               last_sequence = max(min(last_sequence, ?3), ?2)";
    let values = params![kept.events_gone, last, highest(mark)];
    transaction.execute(sql, values).map_err(failed())?;
    transaction.commit().map_err(failed())?;
    Ok(kept)
}

/// Copies a table: to its end, or from both ends up to what cannot be read.
fn copy_table(
    damaged: &Connection,
    new: &Transaction<'_>,
    table: &str,
    key: &str,
) -> rusqlite::Result<u64> {
    let backwards = format!("{} DESC", key.replace(", ", " DESC, "));
    let mut count = 0;
    for order in [key, &backwards] {
        let select = format!("SELECT * FROM {table} ORDER BY {order}");
        let copied = copy_rows(damaged, new, table, &select, &[])?;
        count += copied.rows;
        if copied.to_the_end {
            break;
        }
    }
    Ok(count)
}

/// Copies events by halves: behind what cannot be read, the rest is tried in two parts.
fn copy_events(
    damaged: &Connection,
    new: &Transaction<'_>,
    (first, last): (u64, u64),
    kept: &mut Kept,
) -> rusqlite::Result<()> {
    let select = "SELECT * FROM events WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence";
    let mut waiting = if first <= last { vec![(first, last)] } else { Vec::new() };
    let mut tried = 0;
    while let Some((first, last)) = waiting.pop() {
        tried += 1;
        if tried > RANGES_MAX {
            kept.events_gone += last - first + 1;
            continue;
        }
        let copied = copy_rows(damaged, new, "events", select, &[first, last])?;
        kept.rows += copied.rows;
        kept.events_gone += copied.refused;
        if copied.to_the_end {
            continue;
        }
        let first = copied.last.and_then(|last| u64::try_from(last).ok()).map_or(first, |n| n + 1);
        if first < last {
            let middle = first.midpoint(last);
            waiting.extend([(middle + 1, last), (first, middle)]);
        } else {
            kept.events_gone += 1;
        }
    }
    Ok(())
}

/// How far a reading came.
#[derive(Default)]
struct Copied {
    rows: u64,
    /// Rows that no longer are what their table takes.
    refused: u64,
    /// The first column of the last row, when it is a number.
    last: Option<i64>,
    to_the_end: bool,
}

/// Copies the rows of `select` up to the first that cannot be read.
fn copy_rows(
    damaged: &Connection,
    new: &Transaction<'_>,
    table: &str,
    select: &str,
    arguments: &[u64],
) -> rusqlite::Result<Copied> {
    let mut copied = Copied::default();
    let query = damaged.prepare_cached(select);
    let Some(mut query) = readable(query)? else { return Ok(copied) };
    let columns = query.column_count();
    let places = vec!["?"; columns].join(", ");
    let insert = format!("INSERT OR REPLACE INTO {table} VALUES ({places})");
    let mut insert = new.prepare_cached(&insert)?;
    let Some(mut rows) = readable(query.query(rusqlite::params_from_iter(arguments)))? else {
        return Ok(copied);
    };
    while copied.rows + copied.refused < ROWS_MAX {
        let values = match readable(rows.next())? {
            None => return Ok(copied),
            Some(None) => return Ok(Copied { to_the_end: true, ..copied }),
            Some(Some(row)) => {
                (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()
            }
        };
        // What is not text in a column of text, or takes a place that is taken, is a row that rots.
        let Ok(values) = values else {
            copied.refused += 1;
            continue;
        };
        if let Some(Value::Integer(number)) = values.first() {
            // A tree that leads back would never end.
            if copied.last.is_some_and(|last| table == "events" && *number <= last) {
                return Ok(copied);
            }
            copied.last = Some(*number);
        }
        match insert.execute(rusqlite::params_from_iter(values)) {
            Ok(_) => copied.rows += 1,
            Err(error) if is_of_the_row(&error) => copied.refused += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(copied)
}

/// The numbers of the first and the last event, as far as they can be told.
fn ends(damaged: &Connection, mark: u64) -> rusqlite::Result<(u64, u64)> {
    let end = |function: &str| {
        let sql = format!("SELECT {function}(sequence) FROM events");
        readable(damaged.query_row(&sql, [], |row| row.get::<_, Option<u64>>(0)))
    };
    let last = end("max")?;
    if last == Some(None) {
        return Ok((1, 0));
    }
    let first = end("min")?.flatten().unwrap_or(1);
    Ok((first, last.flatten().unwrap_or(mark).min(highest(mark))))
}

/// The highest number that an event can have; without a mark nothing tells.
fn highest(mark: u64) -> u64 {
    if mark == 0 { u64::from(u32::MAX) } else { mark.saturating_add(BEHIND_MARK) }
}

/// Whether nothing is wrong with a table.
fn is_whole(damaged: &Connection, table: &str) -> bool {
    let sql = format!("PRAGMA quick_check('{table}')");
    damaged.query_row(&sql, [], |row| row.get::<_, String>(0)).is_ok_and(|said| said == "ok")
}

/// Tells what cannot be read, which is none, from an error of the system, which stays one: after
/// that the same may be read.
fn readable<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Option<T>> {
    let of_the_system = [
        ErrorCode::DiskFull,
        ErrorCode::SystemIoFailure,
        ErrorCode::ReadOnly,
        ErrorCode::CannotOpen,
        ErrorCode::OutOfMemory,
        ErrorCode::DatabaseBusy,
        ErrorCode::DatabaseLocked,
        ErrorCode::PermissionDenied,
        ErrorCode::OperationInterrupted,
    ];
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) => match error.sqlite_error_code() {
            Some(code) if of_the_system.contains(&code) => Err(error),
            _ => Ok(None),
        },
    }
}

fn is_of_the_row(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch))
}
