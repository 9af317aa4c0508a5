//! The journal of nights.

use rusqlite::{Transaction, params};

use super::{NightOutcome, NightReport};
use crate::base::{Error, Result, StopReason};

/// Nights that the journal keeps.
const RUNS_KEPT: u32 = 100;

/// Notes that a night began and gives its number; a night that was killed stays without an end.
///
/// # Errors
/// [`Error::Storage`].
pub fn begin(transaction: &Transaction<'_>, now_ms: i64) -> Result<i64> {
    let failed = || Error::storage("opening the night's journal");
    transaction
        .execute("INSERT INTO night_runs (began_ms) VALUES (?1)", [now_ms])
        .map_err(failed())?;
    let id = transaction.last_insert_rowid();
    let oldest = "DELETE FROM night_runs WHERE id <= ?1";
    transaction.execute(oldest, [id - i64::from(RUNS_KEPT)]).map_err(failed())?;
    Ok(id)
}

/// Notes how night `id` ended.
///
/// # Errors
/// [`Error::Storage`].
pub fn end(
    transaction: &Transaction<'_>,
    id: i64,
    now_ms: i64,
    ended: Result<&NightReport, &Error>,
) -> Result<()> {
    let (outcome, published, kept, remaining) = match ended {
        Ok(report) => {
            let outcome = match report.outcome {
                NightOutcome::Finished => "finished".to_owned(),
                NightOutcome::NoRelease => "no release".to_owned(),
                NightOutcome::Stopped(StopReason::Cancelled) => "cancelled".to_owned(),
                NightOutcome::Stopped(StopReason::OutOfTime) => "out of time".to_owned(),
                NightOutcome::Stopped(StopReason::OutOfCpu) => "out of cpu".to_owned(),
            };
            (outcome, report.published, report.kept, report.remaining)
        }
        Err(error) => (format!("failed: {error}"), 0, 0, 0),
    };
    transaction
        .execute(
            "UPDATE night_runs SET ended_ms = ?2, outcome = ?3, published = ?4, kept = ?5, \
             remaining = ?6 WHERE id = ?1",
            params![id, now_ms, outcome, published, kept, remaining],
        )
        .map(drop)
        .map_err(Error::storage("closing the night's journal"))
}

/// Notes something that happened beside a night.
///
/// # Errors
/// [`Error::Storage`].
pub fn note(transaction: &Transaction<'_>, now_ms: i64, what: &str) -> Result<()> {
    let id = begin(transaction, now_ms)?;
    let sql = "UPDATE night_runs SET ended_ms = ?2, outcome = ?3 WHERE id = ?1";
    let noted = transaction.execute(sql, params![id, now_ms, what]);
    noted.map(drop).map_err(Error::storage("noting in the night's journal"))
}

/// Removes the whole journal.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute("DELETE FROM night_runs", []);
    removed.map(drop).map_err(Error::storage("removing the night's journal"))
}
