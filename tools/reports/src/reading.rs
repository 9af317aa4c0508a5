//! Feedback from the collector's Parquet files.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;

use crate::error::{Error, Result};
use crate::feedback::{Feedback, FeedbackRow};

/// Rows that are held in memory: about 20 GB, more than any machine of a report has to spare.
const ROWS_MAX: usize = 1 << 28;

/// The columns that reports need, and whether a file must have them.
const COLUMNS: [(&str, bool); 12] = [
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
    ("arm", false),
    ("experiment", false),
];

/// Reads all feedback of `app` below the collector's output folder, one row group at a time.
///
/// Columns are found by name, so that files of a later version, and files that another tool has
/// merged, are read too.
///
/// # Errors
/// [`Error::NoFeedback`] when there is no file, [`Error::File`] and [`Error::Parquet`] when one
/// cannot be read, [`Error::Row`] with file, row and column where a value is missing or out of
/// range, [`Error::TooMuch`] above 268 million events.
///
/// ```no_run
/// let feedback = noctule_reports::read_feedback("collected".as_ref(), "town")?;
/// println!("{} events", feedback.rows().len());
/// # Ok::<(), noctule_reports::Error>(())
/// ```
pub fn read_feedback(directory: &Path, app: &str) -> Result<Feedback> {
    let none = || Error::NoFeedback { path: directory.to_path_buf(), app: app.to_owned() };
    // A name with a separator would leave the folder.
    if app.contains(['/', '\\']) || app.starts_with('.') {
        return Err(none());
    }
    let mut feedback = Feedback::new(app);
    let mut files = 0;
    for day in entries(&directory.join(format!("app={app}")))? {
        let is_day = day.file_name().and_then(|name| name.to_str());
        if !is_day.is_some_and(|name| name.starts_with("day=")) {
            continue;
        }
        for path in entries(&day)? {
            if path.extension().is_some_and(|extension| extension == "parquet") {
                read_file(&path, &mut feedback)?;
                files += 1;
            }
        }
    }
    if files == 0 {
        return Err(none());
    }
    feedback.sort();
    Ok(feedback)
}

/// The entries of a folder by name; none when there is no such folder.
fn entries(path: &Path) -> Result<Vec<PathBuf>> {
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

/// Reads a file; the Parquet library's panics on damaged bytes become errors.
fn read_file(path: &Path, feedback: &mut Feedback) -> Result<()> {
    // On a panic the rows read so far are dropped together with the whole feedback.
    catch_unwind(AssertUnwindSafe(|| read_rows(path, feedback))).unwrap_or_else(|_| {
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

fn read_rows(path: &Path, feedback: &mut Feedback) -> Result<()> {
    let file = File::open(path).map_err(Error::file(path, "open"))?;
    let length = file.metadata().map_err(Error::file(path, "read the length of"))?.len();
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    check_ranges(path, reader.metadata(), length)?;
    let schema = reader.metadata().file_metadata().schema();
    let mut fields = Vec::with_capacity(COLUMNS.len());
    for (name, needed) in COLUMNS {
        let found = schema.get_fields().iter().find(|field| field.name() == name);
        match found {
            Some(field) => fields.push(Arc::clone(field)),
            None if needed => {
                let (path, reason) = (path.to_path_buf(), "the column is missing");
                return Err(Error::Row { path, row: 0, column: name, reason });
            }
            None => {}
        }
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(Error::parquet(path))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(Error::parquet(path))?;
    for (number, row) in (0u64..).zip(rows) {
        if feedback.rows().len() >= ROWS_MAX {
            return Err(Error::TooMuch { path: path.to_path_buf(), limit: ROWS_MAX });
        }
        let row = row.map_err(Error::parquet(path))?;
        let row = decode(&row, feedback).map_err(|(column, reason)| Error::Row {
            path: path.to_path_buf(),
            row: number,
            column,
            reason,
        })?;
        feedback.push(row);
    }
    Ok(())
}

type Wrong = (&'static str, &'static str);

/// The values of one row by column, still as Parquet has them.
struct Values<'a>([Option<&'a Field>; COLUMNS.len()]);

impl<'a> Values<'a> {
    fn of(row: &'a Row) -> Self {
        let mut values = [None; COLUMNS.len()];
        for (name, field) in row.get_column_iter() {
            let index = COLUMNS.iter().position(|(column, _)| column == name);
            if let Some(index) = index.filter(|_| !matches!(field, Field::Null)) {
                values[index] = Some(field);
            }
        }
        Self(values)
    }

    fn text(&self, column: usize) -> Result<Option<&'a str>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Str(text)) => Ok(Some(text)),
            Some(_) => Err((COLUMNS[column].0, "is no text")),
        }
    }

    fn integer(&self, column: usize) -> Result<Option<i64>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Long(value)) => Ok(Some(*value)),
            Some(Field::Int(value)) => Ok(Some((*value).into())),
            Some(_) => Err((COLUMNS[column].0, "is no integer")),
        }
    }

    fn float(&self, column: usize) -> Result<Option<f64>, Wrong> {
        match self.0[column] {
            None => Ok(None),
            Some(Field::Double(value)) => Ok(Some(*value)),
            Some(_) => Err((COLUMNS[column].0, "is no floating-point number")),
        }
    }
}

fn needed<T>(value: Option<T>, column: usize) -> Result<T, Wrong> {
    value.ok_or((COLUMNS[column].0, "is missing"))
}

fn decode(row: &Row, feedback: &mut Feedback) -> Result<FeedbackRow, Wrong> {
    let values = Values::of(row);
    let sequence = needed(values.integer(1)?, 1)?;
    let sequence = u64::try_from(sequence).map_err(|_| ("sequence", "is negative"))?;
    let position = values.integer(7)?.map(u32::try_from).transpose();
    let generation = values.integer(8)?.map(u64::try_from).transpose();
    let propensity = values.float(9)?;
    if propensity.is_some_and(|propensity| !(propensity > 0.0 && propensity <= 1.0)) {
        return Err(("propensity", "is not above 0 and at most 1"));
    }
    let mut word = |column| Ok::<_, Wrong>(values.text(column)?.map(|text| feedback.word(text)));
    Ok(FeedbackRow {
        installation: needed(word(0)?, 0)?,
        sequence,
        at_ms: needed(values.integer(2)?, 2)?,
        kind: needed(word(3)?, 3)?,
        item: needed(word(4)?, 4)?,
        surface: word(5)?,
        context: word(6)?,
        position: position.map_err(|_| ("position", "is negative or too large"))?,
        generation: generation.map_err(|_| ("generation", "is negative"))?,
        propensity,
        arm: word(10)?,
        experiment: word(11)?,
    })
}
