//! The first connection of a process.

use std::sync::{Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, Result};

static READY: OnceLock<()> = OnceLock::new();
static FIRST: Mutex<()> = Mutex::new(());

/// Opens a connection; one at a time until the first one stands.
///
/// At its first connection and its first random number SQLite makes itself ready, and leaves it to
/// plain variables that other threads see it: well on all processors that it knows, but a race by
/// the rules of C and Rust, and ThreadSanitizer says so.
pub(super) fn first_alone(open: impl FnOnce() -> Result<Connection>) -> Result<Connection> {
    if READY.get().is_some() {
        return open();
    }
    let _alone = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let connection = open()?;
    if READY.get().is_none() {
        connection.query_row("SELECT random()", [], |_| Ok(()))?;
        READY.get_or_init(|| ());
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_opening_is_told_and_the_next_one_stands() {
        let missing = || Connection::open("/no/such/folder/file.sqlite");
        assert!(first_alone(missing).is_err());
        for _ in 0..2 {
            let connection = first_alone(Connection::open_in_memory).unwrap();
            let one: i64 = connection.query_row("SELECT 1", [], |row| row.get(0)).unwrap();
            assert_eq!(one, 1);
        }
    }
}
