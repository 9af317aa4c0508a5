//! The collector's folder: which files hold the feedback of an app, and their rows one by one.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noctule_core::base::Day;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use crate::error::{Error, Result};

/// A column and what is wrong with its value.
pub(crate) type Wrong = (&'static str, &'static str);

/// Why a row ends the reading.
pub(crate) enum Refused {
    /// A value that the schema forbids; the reader adds file and row.
    Value(Wrong),
    /// Anything else, told in full.
    Whole(Error),
}

impl From<Wrong> for Refused {
    fn from(wrong: Wrong) -> Self {
        Self::Value(wrong)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Whole(error)
    }
}

/// The files of one day.
#[derive(Debug)]
pub(crate) struct DayFolder {
    /// The folder.
    pub(crate) path: PathBuf,
    /// Its Parquet files by name.
    pub(crate) files: Vec<PathBuf>,
}

impl DayFolder {
    /// The day in the folder's name, `day=YYYY-MM-DD`.
    pub(crate) fn day(&self) -> Result<Day> {
        let name = self.path.file_name().and_then(|name| name.to_str());
        let day = name.and_then(|name| name.strip_prefix("day=")).and_then(parse_day);
        day.ok_or_else(|| Error::Damaged {
            path: self.path.clone(),
            reason: "the name of the folder is no day (day=YYYY-MM-DD)",
        })
    }
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn parse_day(text: &str) -> Option<Day> {
    let mut parts = text.splitn(3, '-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        let good = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| part.parse::<i64>().ok()).flatten()
    };
    Day::of_date(number(4)?, number(2)?, number(2)?)
}

/// The folders of the days of `app` that have files, by name.
///
/// # Errors
/// [`Error::NoFeedback`] when there is no file at all, [`Error::File`].
pub(crate) fn day_folders(directory: &Path, app: &str) -> Result<Vec<DayFolder>> {
    let none = || Error::NoFeedback { path: directory.to_path_buf(), app: app.to_owned() };
    // A name with a separator would leave the folder.
    if app.contains(['/', '\\']) || app.starts_with('.') {
        return Err(none());
    }
    let mut folders = Vec::new();
    for path in entries(&directory.join(format!("app={app}")))? {
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with("day=")) {
            continue;
        }
        let mut files = entries(&path)?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
        if !files.is_empty() {
            folders.push(DayFolder { path, files });
        }
    }
    if folders.is_empty() { Err(none()) } else { Ok(folders) }
}

/// The entries of a folder by name; none when there is no such folder.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(path, "list")(error)),
    };
    let paths: std::io::Result<Vec<_>> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::file(path, "list"))?;
    paths.sort();
    Ok(paths)
}

/// Calls `visit` with every row of a file, one row group at a time; `columns` names the columns to
/// read and says whether a file must have them. The Parquet library's panics on damaged bytes
/// become errors.
pub(crate) fn scan<const N: usize>(
    path: &Path,
    columns: &'static [(&'static str, bool); N],
    visit: impl FnMut(Cells<'_, N>) -> Result<(), Refused>,
) -> Result<()> {
    // On a panic the caller drops what `visit` has gathered together with the whole reading.
    catch_unwind(AssertUnwindSafe(|| scan_rows(path, columns, visit))).unwrap_or_else(|_| {
        Err(Error::Damaged { path: path.to_path_buf(), reason: "its pages do not decode" })
    })
}

/// Refuses column chunks that do not lie within the file: the Parquet library takes them as they
/// are, and panics.
fn check_ranges(path: &Path, metadata: &ParquetMetaData, length: u64) -> Result<()> {
    let within = |column: &ColumnChunkMetaData| {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        let end = end.and_then(|end| u64::try_from(end).ok());
        start >= 0 && column.compressed_size() >= 0 && end.is_some_and(|end| end <= length)
    };
    if metadata.row_groups().iter().all(|group| group.columns().iter().all(within)) {
        return Ok(());
    }
    Err(Error::Damaged { path: path.to_path_buf(), reason: "a column lies outside of the file" })
}

fn scan_rows<const N: usize>(
    path: &Path,
    columns: &'static [(&'static str, bool); N],
    mut visit: impl FnMut(Cells<'_, N>) -> Result<(), Refused>,
) -> Result<()> {
    let file = File::open(path).map_err(Error::file(path, "open"))?;
    let length = file.metadata().map_err(Error::file(path, "read the length of"))?.len();
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    check_ranges(path, reader.metadata(), length)?;
    let wrong =
        |row, (column, reason)| Error::Row { path: path.to_path_buf(), row, column, reason };
    let schema = reader.metadata().file_metadata().schema();
    let mut fields = Vec::with_capacity(N);
    for (name, needed) in *columns {
        let found = schema.get_fields().iter().find(|field| field.name() == name);
        match found {
            Some(field) => fields.push(Arc::clone(field)),
            None if needed => return Err(wrong(0, (name, "the column is missing"))),
            None => {}
        }
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(Error::parquet(path))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(Error::parquet(path))?;
    for (number, row) in (0u64..).zip(rows) {
        let row = row.map_err(Error::parquet(path))?;
        visit(Cells::of(&row, columns)).map_err(|refused| match refused {
            Refused::Value(value) => wrong(number, value),
            Refused::Whole(error) => error,
        })?;
    }
    Ok(())
}

/// The values of one row by the number of their column, still as Parquet has them.
pub(crate) struct Cells<'a, const N: usize> {
    columns: &'static [(&'static str, bool); N],
    values: [Option<&'a Field>; N],
}

impl<'a, const N: usize> Cells<'a, N> {
    fn of(row: &'a Row, columns: &'static [(&'static str, bool); N]) -> Self {
        let mut values = [None; N];
        for (name, field) in row.get_column_iter() {
            let column = columns.iter().position(|(column, _)| column == name);
            if let (Some(column), false) = (column, matches!(field, Field::Null)) {
                values[column] = Some(field);
            }
        }
        Self { columns, values }
    }

    /// What to say of a value that must be there and is not.
    pub(crate) fn missing(&self, column: usize) -> Wrong {
        (self.columns[column].0, "is missing")
    }

    pub(crate) fn text(&self, column: usize) -> Result<Option<&'a str>, Wrong> {
        match self.values[column] {
            None => Ok(None),
            Some(Field::Str(text)) => Ok(Some(text)),
            Some(_) => Err((self.columns[column].0, "is no text")),
        }
    }

    pub(crate) fn needed_text(&self, column: usize) -> Result<&'a str, Wrong> {
        self.text(column)?.ok_or_else(|| self.missing(column))
    }

    pub(crate) fn integer(&self, column: usize) -> Result<Option<i64>, Wrong> {
        match self.values[column] {
            None => Ok(None),
            Some(Field::Long(value)) => Ok(Some(*value)),
            Some(Field::Int(value)) => Ok(Some((*value).into())),
            Some(_) => Err((self.columns[column].0, "is no integer")),
        }
    }

    pub(crate) fn needed_integer(&self, column: usize) -> Result<i64, Wrong> {
        self.integer(column)?.ok_or_else(|| self.missing(column))
    }

    /// An integer from 0.
    pub(crate) fn unsigned(&self, column: usize) -> Result<Option<u64>, Wrong> {
        let value = self.integer(column)?.map(u64::try_from).transpose();
        value.map_err(|_| (self.columns[column].0, "is negative"))
    }

    pub(crate) fn float(&self, column: usize) -> Result<Option<f64>, Wrong> {
        match self.values[column] {
            None => Ok(None),
            Some(Field::Double(value)) => Ok(Some(*value)),
            Some(_) => Err((self.columns[column].0, "is no floating-point number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written_and_nothing_else_is_a_day() {
        assert_eq!(
            parse_day("2026-11-20").map(|day| day.to_string()).as_deref(),
            Some("2026-11-20")
        );
        assert_eq!(
            parse_day("2028-02-29").map(|day| day.to_string()).as_deref(),
            Some("2028-02-29")
        );
        for text in
            ["2026-02-29", "2026-13-01", "2026-1-1", "+026-01-01", "", "2026-11-20-1", "2026"]
        {
            assert_eq!(parse_day(text), None, "{text}");
        }
    }
}
