//! Reading the collector's folder: `app=<app>/day=<YYYY-MM-DD>/*.parquet`, as
//! `tools/docs/feedback-schema.md` describes it. Likes that were told with noise are passed over.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noctule_core::base::{ContextId, ItemId, SurfaceId};
use noctule_core::feedback::private::RandomisedParts;
use noctule_core::feedback::{EventKind, FeedbackEvent};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use super::FeedbackLog;
use crate::{Error, Result};

/// The columns that are read, and whether a file must have them.
const COLUMNS: [(&str, bool); 14] = [
    ("installation", true),
    ("sequence", true),
    ("at_ms", true),
    ("kind", true),
    ("item", true),
    ("surface", false),
    ("context", false),
    ("position", false),
    ("generation", false),
    ("propensity", false),
    ("dwell_ms", false),
    ("visible_ms", false),
    ("undoes", false),
    ("randomised", false),
];

/// A column and what is wrong with its value.
type Wrong = (&'static str, String);

/// Reads all feedback of `app` in the collector's folder `directory`.
///
/// # Errors
/// [`Error::NoFeedback`] when there is no file of the app; [`Error::File`], [`Error::Parquet`];
/// [`Error::Field`] with file, row and column for what the schema forbids.
pub fn read_feedback(directory: &Path, app: &str) -> Result<FeedbackLog> {
    let none = || Error::NoFeedback { path: directory.to_path_buf(), app: app.to_owned() };
    // A name with a separator would leave the folder.
    if app.contains(['/', '\\']) || app.starts_with('.') {
        return Err(none());
    }
    let mut log = FeedbackLog::default();
    let mut files = 0;
    for day in entries(&directory.join(format!("app={app}")))? {
        let name = day.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with("day=")) {
            continue;
        }
        for path in entries(&day)? {
            if path.extension().is_some_and(|extension| extension == "parquet") {
                files += 1;
                read_file(&path, &mut log)?;
            }
        }
    }
    if files == 0 { Err(none()) } else { Ok(log) }
}

/// The entries of a folder by name; none when there is no such folder.
fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(path, "listing")(error)),
    };
    let paths: std::io::Result<Vec<_>> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::file(path, "listing"))?;
    paths.sort();
    Ok(paths)
}

/// Reads one file. The Parquet library's panics on damaged bytes become errors.
fn read_file(path: &Path, log: &mut FeedbackLog) -> Result<()> {
    // On a panic the caller drops the half-read log with the whole reading.
    catch_unwind(AssertUnwindSafe(|| read_rows(path, log)))
        .unwrap_or_else(|_| Err(Error::field(path, 0, "file", "damaged: its pages do not decode")))
}

fn read_rows(path: &Path, log: &mut FeedbackLog) -> Result<()> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let length = file.metadata().map_err(Error::file(path, "reading the length"))?.len();
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    check_ranges(path, reader.metadata(), length)?;
    let schema = reader.metadata().file_metadata().schema();
    let mut fields = Vec::with_capacity(COLUMNS.len());
    for (name, needed) in COLUMNS {
        match schema.get_fields().iter().find(|field| field.name() == name) {
            Some(field) => fields.push(Arc::clone(field)),
            None if needed => return Err(Error::field(path, 0, name, "the column is missing")),
            None => {}
        }
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(Error::parquet(path))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(Error::parquet(path))?;
    for (number, row) in (1..).zip(rows) {
        let row = row.map_err(Error::parquet(path))?;
        let at = |(column, reason): Wrong| Error::field(path, number, column, reason);
        let cells = Cells::of(&row);
        if cells.is_noise().map_err(at)? {
            continue;
        }
        let (installation, sequence, event) = cells.event().map_err(at)?;
        log.push(installation, sequence, &event)
            .map_err(|error| at(("event", error.to_string())))?;
    }
    Ok(())
}

/// Refuses column chunks that do not lie within the file: the Parquet library takes them as they
/// are, and panics.
pub(crate) fn check_ranges(path: &Path, metadata: &ParquetMetaData, length: u64) -> Result<()> {
    let within = |column: &ColumnChunkMetaData| {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        let end = end.and_then(|end| u64::try_from(end).ok());
        start >= 0 && column.compressed_size() >= 0 && end.is_some_and(|end| end <= length)
    };
    if metadata.row_groups().iter().all(|group| group.columns().iter().all(within)) {
        return Ok(());
    }
    Err(Error::field(path, 0, "file", "damaged: a column lies outside of the file"))
}

/// The values of one row by the number of their column.
struct Cells<'a>([Option<&'a Field>; COLUMNS.len()]);

impl<'a> Cells<'a> {
    fn of(row: &'a Row) -> Self {
        let mut values = [None; COLUMNS.len()];
        for (name, field) in row.get_column_iter() {
            let column = COLUMNS.iter().position(|(column, _)| column == name);
            if let (Some(column), false) = (column, matches!(field, Field::Null)) {
                values[column] = Some(field);
            }
        }
        Self(values)
    }

    /// Whether the kind was drawn with noise: a like that may be none is no label.
    fn is_noise(&self) -> Result<bool, Wrong> {
        let Some(json) = self.text(13)? else { return Ok(false) };
        let drawn: RandomisedParts =
            serde_json::from_str(json).map_err(|error| Self::wrong(13, &error))?;
        Ok(drawn.contains_key("kind"))
    }

    fn event(&self) -> Result<(&'a str, u64, FeedbackEvent), Wrong> {
        let sequence = self.needed(1, self.integer(1)?)?;
        let sequence = u64::try_from(sequence).map_err(|_| Self::wrong(1, &"is negative"))?;
        let kind = self.kind(3)?;
        let item = ItemId::new(self.needed(4, self.text(4)?)?);
        let generation = self.integer(8)?.map(u64::try_from).transpose();
        let undoes = if self.0[12].is_some() { Some(self.kind(12)?) } else { None };
        let surface = self.text(5)?.map(SurfaceId::new).transpose();
        let context = self.text(6)?.map(ContextId::new).transpose();
        let event = FeedbackEvent {
            surface: surface.map_err(|error| Self::wrong(5, &error))?,
            context: context.map_err(|error| Self::wrong(6, &error))?,
            position: self.integer(7)?,
            generation: generation.map_err(|_| Self::wrong(8, &"is negative"))?,
            propensity: self.float(9)?,
            dwell_ms: self.integer(10)?,
            visible_ms: self.integer(11)?,
            undoes,
            at_ms: Some(self.needed(2, self.integer(2)?)?),
            ..FeedbackEvent::new(kind, item.map_err(|error| Self::wrong(4, &error))?)
        };
        Ok((self.needed(0, self.text(0)?)?, sequence, event))
    }

    fn kind(&self, column: usize) -> Result<EventKind, Wrong> {
        let name = self.needed(column, self.text(column)?)?;
        EventKind::try_from(name.to_owned()).map_err(|reason| Self::wrong(column, &reason))
    }

    fn wrong(column: usize, reason: &dyn ToString) -> Wrong {
        (COLUMNS[column].0, reason.to_string())
    }

    fn needed<T>(&self, column: usize, value: Option<T>) -> Result<T, Wrong> {
        value.ok_or_else(|| Self::wrong(column, &"is missing"))
    }

    fn text(&self, column: usize) -> Result<Option<&'a str>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Str(text)) => Ok(Some(text)),
            Some(_) => Err(Self::wrong(column, &"is no text")),
        }
    }

    fn integer(&self, column: usize) -> Result<Option<i64>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Long(value)) => Ok(Some(*value)),
            Some(Field::Int(value)) => Ok(Some((*value).into())),
            Some(_) => Err(Self::wrong(column, &"is no integer")),
        }
    }

    fn float(&self, column: usize) -> Result<Option<f64>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Double(value)) => Ok(Some(*value)),
            Some(_) => Err(Self::wrong(column, &"is no floating-point number")),
        }
    }
}
