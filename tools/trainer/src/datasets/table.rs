//! CSV tables, read row by row with every complaint at its file, line and column.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use csv::StringRecord;

use super::FILE_BYTES_MAX;
use crate::{Error, Result};

/// The encoding of a layout's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; anything else is an error.
    Utf8,
    /// UTF-8 where the line is valid UTF-8, else ISO 8859-1: for layouts that circulate in both.
    Utf8OrLatin1,
}

/// An open CSV file with a header.
pub struct Table {
    path: PathBuf,
    encoding: Encoding,
    reader: csv::Reader<File>,
    columns: Vec<usize>,
    names: Vec<&'static str>,
    rows: u64,
}

/// Opens `path`, bounded by [`FILE_BYTES_MAX`].
///
/// # Errors
/// [`Error::File`] and [`Error::TooLarge`].
pub fn open(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let metadata = file.metadata().map_err(Error::file(path, "asking for its length"))?;
    if metadata.is_dir() {
        let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Error::File { path: path.to_path_buf(), action: "opening", source });
    }
    // The length of a pipe or a device says nothing of what it would give.
    if !metadata.is_file() {
        let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
        return Err(Error::File { path: path.to_path_buf(), action: "opening", source });
    }
    let found = metadata.len();
    if found > FILE_BYTES_MAX {
        let (path, what) = (path.to_path_buf(), "length in bytes");
        return Err(Error::TooLarge { path, what, found, limit: FILE_BYTES_MAX });
    }
    Ok(file)
}

/// Reads all of `path` as UTF-8 text.
///
/// # Errors
/// [`Error::File`], [`Error::TooLarge`], [`Error::Encoding`], and [`Error::Empty`] when nothing
/// but white space is there.
pub fn read_text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(Error::file(path, "reading"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count() as u64;
        Error::Encoding { path: path.to_path_buf(), line }
    })?;
    if text.trim().is_empty() {
        return Err(Error::Empty { path: path.to_path_buf() });
    }
    Ok(text)
}

impl Table {
    /// Opens the CSV file at `path` and finds `columns` in its header.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Empty`], [`Error::Encoding`] and [`Error::MissingColumn`].
    pub fn open(path: &Path, encoding: Encoding, columns: &[&'static str]) -> Result<Self> {
        let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(open(path)?);
        let (path, names) = (path.to_path_buf(), columns.to_vec());
        let mut table = Self { path, encoding, reader, columns: Vec::new(), names, rows: 0 };
        let Some((header, _)) = table.record()? else {
            return Err(Error::Empty { path: table.path });
        };
        for column in columns {
            // Spreadsheets put a byte order mark before the first name.
            let found = header
                .iter()
                .position(|name| name.trim_start_matches('\u{feff}').trim() == *column);
            let Some(place) = found else {
                let found = header.iter().collect::<Vec<_>>().join(", ");
                let column = (*column).to_owned();
                return Err(Error::MissingColumn { path: table.path, column, found });
            };
            table.columns.push(place);
        }
        Ok(table)
    }

    /// The next row, or none at the end.
    ///
    /// # Errors
    /// [`Error::Empty`] when the file ends without any row, [`Error::Encoding`], and
    /// [`Error::Field`] when the row has another number of fields than the header.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        match self.record()? {
            None if self.rows == 0 => Err(Error::Empty { path: self.path.clone() }),
            None => Ok(None),
            Some((record, line)) => {
                self.rows += 1;
                Ok(Some(Row { table: self, record, line }))
            }
        }
    }

    fn record(&mut self) -> Result<Option<(StringRecord, u64)>> {
        let mut bytes = csv::ByteRecord::new();
        match self.reader.read_byte_record(&mut bytes) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(error) => return Err(self.csv_error(error)),
        }
        let line = bytes.position().map_or(0, csv::Position::line);
        let record = match StringRecord::from_byte_record(bytes) {
            Ok(record) => record,
            Err(error) if self.encoding == Encoding::Utf8OrLatin1 => {
                // ISO 8859-1 maps each byte to the code point of the same number.
                let latin = |field: &[u8]| field.iter().map(|byte| char::from(*byte)).collect();
                error.into_byte_record().iter().map(latin).collect::<Vec<String>>().into()
            }
            Err(_) => return Err(Error::Encoding { path: self.path.clone(), line }),
        };
        Ok(Some((record, line)))
    }

    fn csv_error(&self, error: csv::Error) -> Error {
        let line = error.position().map_or(0, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Io(source) => {
                Error::File { path: self.path.clone(), action: "reading", source }
            }
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                let reason = format!("{len} fields, the header has {expected_len}");
                Error::field(&self.path, line, "row", reason)
            }
            other => Error::field(&self.path, line, "row", format!("{other:?}")),
        }
    }
}

/// One row; fields are asked for by their place in the list of columns that was opened.
pub struct Row<'a> {
    table: &'a Table,
    record: StringRecord,
    line: u64,
}

impl Row<'_> {
    /// The text of column `column`, without white space around it.
    #[must_use]
    pub fn text(&self, column: usize) -> &str {
        self.record.get(self.table.columns[column]).unwrap_or_default().trim()
    }

    /// The value of column `column`.
    ///
    /// # Errors
    /// [`Error::Field`] when the text does not parse.
    pub fn value<T: FromStr>(&self, column: usize) -> Result<T> {
        let text = self.text(column);
        text.parse().map_err(|_| {
            let kind = match std::any::type_name::<T>() {
                "f32" | "f64" => "a number",
                _ => "a whole number in range",
            };
            self.error(column, format!("{:?} is not {kind}", shortened(text)))
        })
    }

    /// The finite number of column `column`.
    ///
    /// # Errors
    /// [`Error::Field`] when the text is not a number, or is NaN or infinite.
    pub fn number(&self, column: usize) -> Result<f64> {
        let value: f64 = self.value(column)?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.error(column, format!("{value} is not a finite number")))
    }

    /// An [`Error::Field`] at column `column` of this row.
    pub fn error(&self, column: usize, reason: impl Into<String>) -> Error {
        Error::field(&self.table.path, self.line, self.table.names[column], reason)
    }
}

/// At most 40 characters of `text`, for messages.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.csv");
        std::fs::write(&path, bytes).unwrap();
        (directory, path)
    }

    fn first_error(bytes: &[u8]) -> Error {
        let (_directory, path) = write(bytes);
        let read = || -> Result<()> {
            let mut table = Table::open(&path, Encoding::Utf8, &["a", "b"])?;
            while let Some(row) = table.next_row()? {
                row.number(1)?;
            }
            Ok(())
        };
        read().unwrap_err()
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let (_directory, path) = write("\u{feff}b,x,a\n1,2, 3 \n".as_bytes());
        let mut table = Table::open(&path, Encoding::Utf8, &["a", "b"]).unwrap();
        let row = table.next_row().unwrap().unwrap();
        assert_eq!((row.text(0), row.number(1).unwrap()), ("3", 1.0));
        assert!(table.next_row().unwrap().is_none());
    }

    #[test]
    fn every_complaint_names_the_line_and_the_column() {
        let number = first_error(b"a,b\n1,2\n1,x\n");
        assert!(matches!(&number, Error::Field { line: 3, field, .. } if field == "b"), "{number}");
        assert!(matches!(first_error(b"a,b\n1,NaN\n"), Error::Field { line: 2, .. }));
        assert!(matches!(first_error(b"a,b\n1,2\n1\n"), Error::Field { line: 3, .. }));
        assert!(matches!(first_error(b"a,b\n1,2\n\xff,2\n"), Error::Encoding { line: 3, .. }));
    }

    #[test]
    fn an_empty_file_a_lone_header_and_a_wrong_header_are_told_apart() {
        assert!(matches!(first_error(b""), Error::Empty { .. }));
        assert!(matches!(first_error(b"a,b\n"), Error::Empty { .. }));
        let wrong = first_error(b"a,c\n1,2\n");
        assert!(
            matches!(&wrong, Error::MissingColumn { column, found, .. }
                if column == "b" && found == "a, c"),
            "{wrong}"
        );
    }

    #[test]
    fn a_layout_known_as_latin_1_is_decoded() {
        let (_directory, path) = write(b"a,b\nCaf\xe9,1\n");
        let mut table = Table::open(&path, Encoding::Utf8OrLatin1, &["a", "b"]).unwrap();
        assert_eq!(table.next_row().unwrap().unwrap().text(0), "Café");
    }

    #[test]
    fn text_that_is_not_utf_8_names_its_line() {
        let (_directory, path) = write(b"1 2\n3 \xff\n");
        assert!(matches!(read_text(&path), Err(Error::Encoding { line: 2, .. })));
        assert!(matches!(read_text(path.parent().unwrap()), Err(Error::File { .. })));
    }
}
