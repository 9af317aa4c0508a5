//! The schema, step by step.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::base::{Error, Result};

/// The steps; step n brings `user_version` from n to n + 1. A step that has shipped never changes.
const STEPS: [&str; 1] = [include_str!("migrations/001_first.sql")];

/// Brings the schema to the newest version in one transaction.
///
/// A file of a newer library is refused and left as it is.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let supported = STEPS.len() as i64;
    let found = version(connection)?;
    if found == supported {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(Error::storage("beginning the migration"))?;
    // Another process may have been here between the first look and the lock.
    let found = version(&transaction)?;
    check_version(found, path)?;
    for step in STEPS.iter().skip(found as usize) {
        transaction.execute_batch(step).map_err(Error::storage("migrating the schema"))?;
    }
    transaction
        .pragma_update(None, "user_version", supported)
        .map_err(Error::storage("writing the schema version"))?;
    transaction.commit().map_err(Error::storage("committing the migration"))
}

/// Refuses a version that this library does not know.
pub(super) fn check_version(found: i64, path: &Path) -> Result<()> {
    let supported = STEPS.len() as i64;
    if (0..=supported).contains(&found) {
        return Ok(());
    }
    Err(Error::SchemaTooNew { path: path.to_path_buf(), found, supported })
}

fn version(connection: &Connection) -> Result<i64> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(Error::storage("reading the schema version"))
}
