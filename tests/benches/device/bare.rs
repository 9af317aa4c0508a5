//! What a start is measured against: a process that opens the SQLite file of a profile and reads a
//! row, `noctule-tests-bare FILE`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use rusqlite::Connection;

fn main() {
    let file = std::env::args().nth(1).unwrap();
    let connection = Connection::open(file).unwrap();
    let slates: i64 =
        connection.query_row("SELECT count(*) FROM slates", [], |row| row.get(0)).unwrap();
    assert!(slates > 0);
}
