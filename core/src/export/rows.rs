//! The document, from the database.

use std::io::{self, Write};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};

use super::{Head, meaning};
use crate::base::{Error, Result};

/// Tables of SQLite's own, whose names it reserves: numbers and statistics, nothing of the user.
const RESERVED: &str = "sqlite_";
/// The table of the values of which there is one: written by their keys.
const VALUES: &str = "meta";

/// Writes the whole document; `wrote` turns a failure to write into an error.
///
/// # Errors
/// Those of `wrote`; [`Error::Storage`], [`Error::Damaged`] when the database cannot be read.
pub fn write(
    connection: &Connection,
    head: &Head<'_>,
    out: &mut dyn Write,
    wrote: &dyn Fn(io::Error) -> Error,
) -> Result<()> {
    let mut document = Document { out, wrote, begun: false };
    document.text("{")?;
    for (name, value) in head.fields() {
        document.member(name, &value)?;
    }
    document.key("values")?;
    document.open("{")?;
    each(connection, VALUES, |row| {
        let key: String = row.get(0).map_err(reading())?;
        let bytes = row.get_ref(1).map_err(reading())?.as_blob().unwrap_or_default();
        document.member(&key, &meaning::of_value(&key, bytes))
    })?;
    document.close("}")?;
    document.key("tables")?;
    document.open("{")?;
    for table in tables(connection)? {
        document.key(&table)?;
        document.open("[")?;
        each(connection, &table, |row| document.element(&object(&table, row)?))?;
        document.close("]")?;
    }
    document.close("}")?;
    document.close("}")?;
    document.text("\n")
}

/// The tables that are written row by row.
///
/// # Errors
/// [`Error::Storage`].
pub fn tables(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut query = connection.prepare(sql).map_err(reading())?;
    let names = query.query_map([], |row| row.get(0)).map_err(reading())?;
    let mut names: Vec<String> = names.collect::<rusqlite::Result<_>>().map_err(reading())?;
    names.retain(|name| !name.starts_with(RESERVED) && name != VALUES);
    Ok(names)
}

fn each(
    connection: &Connection,
    table: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    let quoted = table.replace('"', "\"\"");
    let sql = format!("SELECT * FROM \"{quoted}\"");
    let mut query = connection.prepare(&sql).map_err(reading())?;
    let mut rows = query.query([]).map_err(reading())?;
    while let Some(row) = rows.next().map_err(reading())? {
        take(row)?;
    }
    Ok(())
}

fn object(table: &str, row: &Row<'_>) -> Result<Value> {
    let mut object = Map::new();
    for (index, column) in row.as_ref().column_names().enumerate() {
        let value = match row.get_ref(index).map_err(reading())? {
            ValueRef::Null => continue,
            ValueRef::Integer(number) => Value::from(number),
            ValueRef::Real(number) => Value::from(number),
            ValueRef::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => meaning::of_column(table, column, bytes),
        };
        object.insert(column.to_owned(), value);
    }
    Ok(Value::Object(object))
}

fn reading() -> impl FnOnce(rusqlite::Error) -> Error {
    Error::storage("reading what is exported")
}

/// JSON that is written as it comes, a line for each member and element.
struct Document<'a> {
    out: &'a mut dyn Write,
    wrote: &'a dyn Fn(io::Error) -> Error,
    /// Whether something stands before what comes next in the same object or array.
    begun: bool,
}

impl Document<'_> {
    fn text(&mut self, text: &str) -> Result<()> {
        self.out.write_all(text.as_bytes()).map_err(self.wrote)
    }

    fn open(&mut self, bracket: &str) -> Result<()> {
        self.begun = false;
        self.text(bracket)
    }

    fn close(&mut self, bracket: &str) -> Result<()> {
        self.begun = true;
        self.text("\n")?;
        self.text(bracket)
    }

    fn separate(&mut self) -> Result<()> {
        let before = if self.begun { ",\n" } else { "\n" };
        self.begun = true;
        self.text(before)
    }

    fn key(&mut self, name: &str) -> Result<()> {
        self.separate()?;
        self.value(&Value::from(name))?;
        self.text(": ")
    }

    fn member(&mut self, name: &str, value: &Value) -> Result<()> {
        self.key(name)?;
        self.value(value)
    }

    fn element(&mut self, value: &Value) -> Result<()> {
        self.separate()?;
        self.value(value)
    }

    fn value(&mut self, value: &Value) -> Result<()> {
        serde_json::to_writer(&mut *self.out, value).map_err(|error| (self.wrote)(error.into()))
    }
}
