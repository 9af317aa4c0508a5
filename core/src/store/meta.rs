//! Values of which a profile has exactly one, by key.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::base::{Error, Result};

/// The value of `key`.
///
/// # Errors
/// [`Error::Storage`].
pub fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut query| query.query_row([key], |row| row.get(0)).optional())
        .map_err(Error::storage("reading a value"))
}

/// Replaces the value of `key`.
///
/// # Errors
/// [`Error::Storage`], [`Error::StorageFull`].
pub fn put(transaction: &Transaction<'_>, key: &str, value: &[u8]) -> Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![key, value]))
        .map(drop)
        .map_err(Error::storage("writing a value"))
}

/// The number under `key`; 0 when it was never written.
///
/// # Errors
/// [`Error::Storage`]; [`Error::Damaged`] when it is no number.
pub fn number(connection: &Connection, key: &str) -> Result<u64> {
    let Some(bytes) = get(connection, key)? else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes.as_slice())
        .map_err(|_| Error::damaged(format!("the value {key}"), "is no number"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// Replaces the number under `key`.
///
/// # Errors
/// As [`put`].
pub fn put_number(transaction: &Transaction<'_>, key: &str, value: u64) -> Result<()> {
    put(transaction, key, &value.to_le_bytes())
}

/// Removes the value of `key`, if there is one.
///
/// # Errors
/// [`Error::Storage`].
pub fn remove(transaction: &Transaction<'_>, key: &str) -> Result<()> {
    transaction
        .execute("DELETE FROM meta WHERE key = ?1", [key])
        .map(drop)
        .map_err(Error::storage("removing a value"))
}
