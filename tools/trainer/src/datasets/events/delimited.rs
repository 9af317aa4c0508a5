//! CSV and tab-separated files with a header.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::builder::{Builder, Row};
use super::moment::{self, Moment};
use super::{EventTable, Role, TableSettings};
use crate::datasets::table::{self, shortened};
use crate::{Error, Result};

pub(super) fn read(path: &Path, delimiter: u8, settings: &TableSettings) -> Result<EventTable> {
    let mut file = table::open(path)?;
    let whole = ends_with_a_line(&mut file).map_err(Error::file(path, "reading"))?;
    let mut reader = ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(file);
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| -> Result<bool> {
        reader.read_byte_record(record).map_err(|error| refused(path, error, whole))
    };
    if !next(&mut record)? {
        return Err(Error::Empty { path: path.to_path_buf() });
    }
    let header = texts(path, 1, &record)?;
    // Spreadsheets put a byte order mark before the first name.
    let header: Vec<String> =
        header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
    let places = settings.columns.find(path, &header)?;
    let mut builder = Builder::new(path, settings);
    if let Some(time) = places[Role::Time as usize] {
        builder.time_column(&header[time]);
    }
    let mut line = 1;
    while next(&mut record)? {
        line = record.position().map_or(line + 1, csv::Position::line);
        let fields = texts(path, line, &record)?;
        let field = |role: Role| {
            let place = places[role as usize];
            place.and_then(|place| fields.get(place)).map_or("", |text| text.trim())
        };
        let row = Row {
            user: field(Role::User),
            item: field(Role::Item),
            time: time(&builder, line, field(Role::Time))?,
            rating: number(&builder, line, Role::Rating, field(Role::Rating))?,
            context: Some(field(Role::Context)),
            weight: number(&builder, line, Role::Weight, field(Role::Weight))?,
            kinds: None,
        };
        builder.push(line, &row)?;
    }
    if !whole && !builder.is_empty() {
        builder.warn(line, "the last line has no line end: the file may be cut off");
    }
    builder.finish()
}

/// Whether the last byte is a line end; the file is at its begin afterwards.
fn ends_with_a_line(file: &mut File) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(last == [b'\n'] || last == [b'\r'])
}

fn texts<'a>(path: &Path, line: u64, record: &'a ByteRecord) -> Result<Vec<&'a str>> {
    let text = |field| {
        std::str::from_utf8(field).map_err(|_| Error::Encoding { path: path.to_path_buf(), line })
    };
    record.iter().map(text).collect()
}

fn time(builder: &Builder<'_>, line: u64, text: &str) -> Result<Option<Moment>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refusal = || {
        let reason = format!("{:?} is neither a number nor a date", shortened(text));
        builder.error(line, Role::Time, reason)
    };
    moment::parse(text).map(Some).ok_or_else(refusal)
}

fn number(builder: &Builder<'_>, line: u64, role: Role, text: &str) -> Result<Option<f64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refusal = |_| builder.error(line, role, format!("{:?} is not a number", shortened(text)));
    text.parse().map(Some).map_err(refusal)
}

fn refused(path: &Path, error: csv::Error, whole: bool) -> Error {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(source) => {
            Error::File { path: path.to_path_buf(), action: "reading", source }
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let cut = if whole { "" } else { "; the file has no last line end and may be cut off" };
            let reason = format!("{len} fields, the header has {expected_len}{cut}");
            Error::field(path, line, "row", reason)
        }
        other => Error::field(path, line, "row", format!("{other:?}")),
    }
}
