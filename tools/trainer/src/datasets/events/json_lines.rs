//! One JSON object a line.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use noctule_core::base::limits::LINE_BYTES_MAX;
use serde_json::{Map, Value};

use super::builder::{Builder, IdKind, Row};
use super::moment::{self, Moment};
use super::{EventTable, Role, TableSettings};
use crate::datasets::table::{self, shortened};
use crate::{Error, Result};

pub(super) fn read(path: &Path, settings: &TableSettings) -> Result<EventTable> {
    let mut reader = BufReader::new(table::open(path)?);
    let mut builder = Builder::new(path, settings);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let bounded = reader.by_ref().take(LINE_BYTES_MAX as u64 + 1);
        let read = { bounded }.read_until(b'\n', &mut bytes);
        if read.map_err(Error::file(path, "reading"))? == 0 {
            break;
        }
        if bytes.len() > LINE_BYTES_MAX {
            let (what, limit) = ("length of a line", LINE_BYTES_MAX as u64);
            let path = path.to_path_buf();
            return Err(Error::TooLarge { path, what, found: limit + 1, limit });
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::Encoding { path: path.to_path_buf(), line })?;
        if text.trim().is_empty() {
            continue;
        }
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            let cut = error.is_eof() && !text.ends_with('\n');
            let reason = if cut {
                "the file ends in the middle of this line".to_owned()
            } else {
                error.to_string()
            };
            Error::field(path, line, "row", reason)
        })?;
        push(&mut builder, settings, path, line, &object)?;
    }
    builder.finish()
}

fn push(
    builder: &mut Builder<'_>,
    settings: &TableSettings,
    path: &Path,
    line: u64,
    object: &Map<String, Value>,
) -> Result<()> {
    let mut values: [Option<&Value>; Role::ALL.len()] = [None; Role::ALL.len()];
    for (name, value) in object {
        if let Some(role) = settings.columns.role_of(name).filter(|_| !value.is_null()) {
            values[role as usize].get_or_insert(value);
            if role == Role::Time {
                builder.time_column(name);
            }
        }
    }
    let value = |role: Role| values[role as usize];
    let (user, user_kind) = id(path, line, Role::User, value(Role::User))?;
    let (item, item_kind) = id(path, line, Role::Item, value(Role::Item))?;
    let context = match value(Role::Context) {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(other) => return Err(wrong(path, line, Role::Context, other, "text")),
    };
    let row = Row {
        user: &user,
        item: &item,
        time: value(Role::Time).map(|value| time(path, line, value)).transpose()?,
        rating: value(Role::Rating)
            .map(|value| number(path, line, Role::Rating, value))
            .transpose()?,
        context: context.as_deref(),
        weight: value(Role::Weight)
            .map(|value| number(path, line, Role::Weight, value))
            .transpose()?,
        kinds: Some([user_kind, item_kind]),
    };
    builder.push(line, &row)
}

/// An id as text: text as it is, a whole number in decimal digits.
fn id(path: &Path, line: u64, role: Role, value: Option<&Value>) -> Result<(String, IdKind)> {
    match value {
        None => Err(Error::field(path, line, role.name(), "is missing")),
        Some(Value::String(text)) => Ok((text.trim().to_owned(), IdKind::Text)),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok((number.to_string(), IdKind::Number))
        }
        Some(other) => Err(wrong(path, line, role, other, "text or a whole number")),
    }
}

fn time(path: &Path, line: u64, value: &Value) -> Result<Moment> {
    let moment = match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(Moment::Number(whole)),
            None => number.as_f64().and_then(moment::of_float),
        },
        Value::String(text) => moment::parse(text.trim()),
        _ => None,
    };
    moment.ok_or_else(|| wrong(path, line, Role::Time, value, "a number or a date"))
}

fn number(path: &Path, line: u64, role: Role, value: &Value) -> Result<f64> {
    value.as_f64().ok_or_else(|| wrong(path, line, role, value, "a number"))
}

fn wrong(path: &Path, line: u64, role: Role, value: &Value, needed: &str) -> Error {
    let text = shortened(&value.to_string());
    Error::field(path, line, role.name(), format!("{text} is not {needed}"))
}
