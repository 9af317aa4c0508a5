//! The pseudonyms under which feedback is sent, and which events belong to which.

use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use crate::base::{Error, Result};

const COLUMNS: &str = "number, installation, base, since_ms, handed_out, dropped";

/// A pseudonym of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pseudonym {
    /// Grows with each of them, from 1.
    pub number: u64,
    /// What is sent.
    pub installation: Uuid,
    /// Sequence number of the last event before it: on the wire its own begin at 1.
    pub base: u64,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// Whether a batch under it was ever handed out, so that a collector may have something.
    pub handed_out: bool,
    /// Events under it that are never sent.
    pub dropped: u64,
}

/// All that are known, the oldest first.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn all(connection: &Connection) -> Result<Vec<Pseudonym>> {
    let failed = || Error::storage("reading the pseudonyms");
    let sql = format!("SELECT {COLUMNS} FROM pseudonyms ORDER BY number");
    let mut query = connection.prepare_cached(&sql).map_err(failed())?;
    let mut rows = query.query([]).map_err(failed())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        found.push(pseudonym(row)?);
    }
    Ok(found)
}

/// The one in use: the newest.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn current(connection: &Connection) -> Result<Option<Pseudonym>> {
    one(connection, "ORDER BY number DESC LIMIT 1", &[])
}

/// The one to which the event `sequence` belongs, and the sequence number of the last event that
/// does, when a newer one begins behind it.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn of_event(
    connection: &Connection,
    sequence: u64,
) -> Result<Option<(Pseudonym, Option<u64>)>> {
    let own = one(connection, "WHERE base < ?1 ORDER BY number DESC LIMIT 1", &[sequence])?;
    let Some(own) = own else { return Ok(None) };
    let next = one(connection, "WHERE number > ?1 ORDER BY number LIMIT 1", &[own.number])?;
    Ok(Some((own, next.map(|next| next.base))))
}

/// The sequence number where the first one begins that the event `sequence` is older than.
///
/// # Errors
/// [`Error::Storage`], [`Error::Damaged`].
pub fn base_from(connection: &Connection, sequence: u64) -> Result<Option<u64>> {
    let next = one(connection, "WHERE base >= ?1 ORDER BY number LIMIT 1", &[sequence])?;
    Ok(next.map(|next| next.base))
}

/// Begins to use `installation` for the events that come.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn add(transaction: &Transaction<'_>, installation: Uuid, since_ms: i64) -> Result<()> {
    let sql = "INSERT INTO pseudonyms (installation, base, since_ms) VALUES (?1, \
               max((SELECT last_sequence FROM recorder), \
               coalesce((SELECT max(sequence) FROM events), 0)), ?2)";
    let added = transaction.execute(sql, params![installation.as_bytes().as_slice(), since_ms]);
    added.map(drop).map_err(Error::storage("storing a pseudonym"))
}

/// Notes that a batch under `pseudonym` is handed out.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn note_handed_out(transaction: &Transaction<'_>, pseudonym: &Pseudonym) -> Result<()> {
    let sql = "UPDATE pseudonyms SET handed_out = 1 WHERE number = ?1";
    let noted = transaction.execute(sql, [pseudonym.number]);
    noted.map(drop).map_err(Error::storage("noting the use of a pseudonym"))
}

/// Notes that `count` events of `pseudonym` are never sent.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn note_dropped(
    transaction: &Transaction<'_>,
    pseudonym: &Pseudonym,
    count: u64,
) -> Result<()> {
    let sql = "UPDATE pseudonyms SET dropped = dropped + ?2 WHERE number = ?1";
    let noted = transaction.execute(sql, params![pseudonym.number, count]);
    noted.map(drop).map_err(Error::storage("counting events that are not sent"))
}

/// Removes older pseudonyms under which no event above `sent_through` waits; tells whether there
/// was one.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_delivered(transaction: &Transaction<'_>, sent_through: u64) -> Result<bool> {
    let sql = "DELETE FROM pseudonyms WHERE number < (SELECT max(number) FROM pseudonyms) \
               AND NOT EXISTS (SELECT 1 FROM events WHERE sequence > max(?1, base) \
               AND sequence <= (SELECT min(newer.base) FROM pseudonyms AS newer \
               WHERE newer.number > pseudonyms.number))";
    let removed = transaction.execute(sql, [sent_through]);
    removed.map(|count| count > 0).map_err(Error::storage("removing older pseudonyms"))
}

/// Removes all of them.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove_all(transaction: &Transaction<'_>) -> Result<()> {
    let removed = transaction.execute("DELETE FROM pseudonyms", []);
    removed.map(drop).map_err(Error::storage("removing the pseudonyms"))
}

fn one(connection: &Connection, which: &str, arguments: &[u64]) -> Result<Option<Pseudonym>> {
    let failed = || Error::storage("reading a pseudonym");
    let sql = format!("SELECT {COLUMNS} FROM pseudonyms {which}");
    let mut query = connection.prepare_cached(&sql).map_err(failed())?;
    let mut rows = query.query(rusqlite::params_from_iter(arguments)).map_err(failed())?;
    rows.next().map_err(failed())?.map(pseudonym).transpose()
}

fn pseudonym(row: &Row<'_>) -> Result<Pseudonym> {
    let failed = || Error::storage("reading a pseudonym");
    let bytes: Vec<u8> = row.get(1).map_err(failed())?;
    let installation = Uuid::from_slice(&bytes)
        .map_err(|error| Error::damaged("the installation's pseudonym", error.to_string()))?;
    Ok(Pseudonym {
        number: row.get(0).map_err(failed())?,
        installation,
        base: row.get(2).map_err(failed())?,
        since_ms: row.get(3).map_err(failed())?,
        handed_out: row.get(4).map_err(failed())?,
        dropped: row.get(5).map_err(failed())?,
    })
}
