//! The database of a profile that nobody has open, looked at and spoiled from outside.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::{Connection, Params};

pub(crate) fn database(directory: &Path) -> Connection {
    Connection::open(directory.join("noctule.sqlite")).unwrap()
}

/// Rows of `tables`.
pub(crate) fn rows(directory: &Path, tables: &[&str]) -> u64 {
    tables.iter().map(|table| number(directory, &format!("SELECT count(*) FROM {table}"))).sum()
}

/// The one number that `sql` asks for.
pub(crate) fn number(directory: &Path, sql: &str) -> u64 {
    database(directory).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// The names that `sql` asks for.
pub(crate) fn names(directory: &Path, sql: &str) -> BTreeSet<String> {
    let database = database(directory);
    let mut query = database.prepare(sql).unwrap();
    let names = query.query_map([], |row| row.get(0)).unwrap();
    names.collect::<Result<_, _>>().unwrap()
}

/// Changes one row.
pub(crate) fn change(directory: &Path, sql: &str, values: impl Params) {
    assert_eq!(database(directory).execute(sql, values).unwrap(), 1, "{sql}");
}
