//! The journal of nights on disk: runs, and how often the schedule let none run.

use rusqlite::{Connection, Row, Transaction, params};

use super::journal::{NightRun, Refusals, RunOutcome, of_words};
use super::schedule::NotYetReason;
use crate::base::{Day, Error, Result};

/// Runs that the journal keeps.
pub const RUNS_KEPT: u32 = 200;

/// Counts of refusals that it keeps, each of one day and one reason: some weeks.
pub const REFUSALS_KEPT: u32 = 200;

/// Bytes of a text that it keeps.
const TEXT_BYTES_MAX: usize = 500;

/// What a run has spent and what was told of its end.
#[derive(Debug, Clone, Default)]
pub struct Spent {
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Time in milliseconds.
    pub wall_ms: u64,
    /// The platform's reason to stop it.
    pub stop_told: Option<String>,
}

/// Notes that a night began under these `conditions` and gives its number; a night that was killed
/// stays without an end.
///
/// # Errors
/// [`Error::Storage`].
pub fn begin(transaction: &Transaction<'_>, now_ms: i64, conditions: Option<&str>) -> Result<i64> {
    let failed = || Error::storage("opening the night's journal");
    let sql = "INSERT INTO night_runs (began_ms, conditions) VALUES (?1, ?2)";
    transaction.execute(sql, params![now_ms, conditions.map(cut)]).map_err(failed())?;
    let id = transaction.last_insert_rowid();
    let oldest = "DELETE FROM night_runs WHERE id <= ?1";
    transaction.execute(oldest, [id - i64::from(RUNS_KEPT)]).map_err(failed())?;
    Ok(id)
}

/// Counts a slate of night `id`: in the transaction that publishes it.
///
/// # Errors
/// [`Error::Storage`].
pub fn count_published(transaction: &Transaction<'_>, id: i64) -> Result<()> {
    transaction
        .prepare_cached("UPDATE night_runs SET published = published + 1 WHERE id = ?1")
        .and_then(|mut update| update.execute([id]))
        .map(drop)
        .map_err(Error::storage("counting a slate"))
}

/// Notes how night `id` ended; `left` are the slates that it kept and those that it left.
///
/// # Errors
/// [`Error::Storage`].
pub fn end(
    transaction: &Transaction<'_>,
    id: i64,
    now_ms: i64,
    outcome: &RunOutcome,
    left: (u32, u32),
    spent: &Spent,
) -> Result<()> {
    let (word, text) = outcome.words();
    let sql = "UPDATE night_runs SET ended_ms = ?2, outcome = ?3, text = ?4, kept = ?5, \
               remaining = ?6, cpu_ms = ?7, wall_ms = ?8, stop_told = ?9 WHERE id = ?1";
    let Spent { cpu_ms, wall_ms, stop_told } = spent;
    let (cpu, wall) = (*cpu_ms as i64, *wall_ms as i64);
    let (told, text) = (stop_told.as_deref().map(cut), text.map(cut));
    transaction
        .execute(sql, params![id, now_ms, word, text, left.0, left.1, cpu, wall, told])
        .map(drop)
        .map_err(Error::storage("closing the night's journal"))
}

/// Notes something that happened beside a night.
///
/// # Errors
/// [`Error::Storage`].
pub fn note(transaction: &Transaction<'_>, now_ms: i64, what: &str) -> Result<()> {
    let id = begin(transaction, now_ms, None)?;
    end(transaction, id, now_ms, &RunOutcome::Noted(what.to_owned()), (0, 0), &Spent::default())
}

/// The runs, the newest first, at most `limit`.
///
/// # Errors
/// [`Error::Storage`].
pub fn runs(connection: &Connection, limit: usize) -> Result<Vec<NightRun>> {
    let failed = || Error::storage("reading the night's journal");
    let sql = "SELECT id, began_ms, ended_ms, outcome, text, published, kept, remaining, cpu_ms, \
               wall_ms, stop_told, conditions FROM night_runs ORDER BY id DESC LIMIT ?1";
    let mut query = connection.prepare_cached(sql).map_err(failed())?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query.query_map([limit], run).map_err(failed())?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed())
}

fn run(row: &Row<'_>) -> rusqlite::Result<NightRun> {
    let word: Option<String> = row.get(3)?;
    Ok(NightRun {
        id: row.get(0)?,
        began_ms: row.get(1)?,
        ended_ms: row.get(2)?,
        outcome: of_words(word.as_deref(), row.get(4)?),
        published: row.get(5)?,
        kept: row.get(6)?,
        remaining: row.get(7)?,
        cpu_ms: row.get::<_, i64>(8)?.unsigned_abs(),
        wall_ms: row.get::<_, i64>(9)?.unsigned_abs(),
        stop_told: row.get(10)?,
        conditions: row.get(11)?,
    })
}

/// Counts that the schedule let no night run on `day` for `reason`.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn refuse(transaction: &Transaction<'_>, day: Day, reason: NotYetReason) -> Result<()> {
    let failed = || Error::storage("noting why no night ran");
    let sql = "INSERT INTO night_refusals (day, reason, count) VALUES (?1, ?2, 1) \
               ON CONFLICT (day, reason) DO UPDATE SET count = min(count + 1, 1000000)";
    transaction.execute(sql, params![day.0, reason.word()]).map_err(failed())?;
    // By the order of their arrival, not by their day: a clock may have been anywhere.
    let old = "DELETE FROM night_refusals WHERE id <= (SELECT max(id) FROM night_refusals) - ?1";
    transaction.execute(old, [REFUSALS_KEPT]).map(drop).map_err(failed())
}

/// Why and how often no night ran, the newest day and reason first.
///
/// # Errors
/// [`Error::Storage`].
pub fn refusals(connection: &Connection) -> Result<Vec<Refusals>> {
    let failed = || Error::storage("reading why no night ran");
    let sql = "SELECT day, reason, count FROM night_refusals ORDER BY id DESC";
    let mut query = connection.prepare_cached(sql).map_err(failed())?;
    let mut rows = query.query([]).map_err(failed())?;
    let mut refusals = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let word: String = row.get(1).map_err(failed())?;
        // A reason of another version of the library is passed over.
        if let Some(reason) = NotYetReason::of_word(&word) {
            let day = Day(row.get(0).map_err(failed())?);
            refusals.push(Refusals { day, reason, count: row.get(2).map_err(failed())? });
        }
    }
    Ok(refusals)
}

/// Removes the whole journal.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute_batch("DELETE FROM night_runs; DELETE FROM night_refusals;");
    removed.map_err(Error::storage("removing the night's journal"))
}

fn cut(text: &str) -> &str {
    let bound = TEXT_BYTES_MAX.min(text.len());
    let end = (0..=bound).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StopReason;
    use crate::night::NightOutcome;
    use crate::store::Store;

    #[test]
    fn a_run_comes_back_with_all_that_was_noted_and_one_that_was_cut_with_its_slates() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let outcome = RunOutcome::Ended(NightOutcome::Stopped(StopReason::OutOfCpu));
        let spent = Spent { cpu_ms: 11, wall_ms: 12, stop_told: Some("battery".into()) };
        store
            .write("test", |transaction| {
                let first = begin(transaction, 5, Some("charging"))?;
                count_published(transaction, first)?;
                end(transaction, first, 9, &outcome, (2, 3), &spent)?;
                let cut = begin(transaction, 10, None)?;
                count_published(transaction, cut)?;
                count_published(transaction, cut)
            })
            .unwrap();
        let runs = store.read(|connection| runs(connection, 10)).unwrap();
        assert_eq!((&runs[0].outcome, runs[0].published), (&RunOutcome::Cut, 2));
        let expected = NightRun {
            id: 1,
            began_ms: 5,
            ended_ms: Some(9),
            outcome,
            published: 1,
            kept: 2,
            remaining: 3,
            cpu_ms: 11,
            wall_ms: 12,
            stop_told: Some("battery".into()),
            conditions: Some("charging".into()),
        };
        assert_eq!(runs[1], expected);
    }

    #[test]
    fn the_journal_and_the_refusals_are_bounded() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store
            .write("test", |transaction| {
                for number in 0..i64::from(RUNS_KEPT) + 20 {
                    note(transaction, number, &"\u{20ac}".repeat(400))?;
                    refuse(transaction, Day(-number), NotYetReason::NotIdle)?;
                    refuse(transaction, Day(-number), NotYetReason::NotIdle)?;
                }
                Ok(())
            })
            .unwrap();
        let runs = store.read(|connection| runs(connection, 1_000)).unwrap();
        assert_eq!((runs.len(), runs[0].began_ms), (RUNS_KEPT as usize, 219));
        assert!(matches!(&runs[0].outcome, RunOutcome::Noted(text) if text.len() == 498));
        let refusals = store.read(refusals).unwrap();
        assert!(refusals.len() <= REFUSALS_KEPT as usize);
        let newest = Refusals { day: Day(-219), reason: NotYetReason::NotIdle, count: 2 };
        assert_eq!(refusals[0], newest);
    }
}
