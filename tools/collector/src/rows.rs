//! The two tables of the output, and the files that hold their rows.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::basic::Repetition;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{FileReader, SerializedFileReader};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::rejections::{REJECTIONS_SCHEMA, REJECTIONS_SCHEMA_VERSION};
use crate::table::{FEEDBACK_SCHEMA, FEEDBACK_SCHEMA_VERSION};

/// A table of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Events,
    Rejections,
}

impl Table {
    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Events => FEEDBACK_SCHEMA,
            Self::Rejections => REJECTIONS_SCHEMA,
        }
    }

    /// Key and value of the file's metadata that say what it holds.
    pub(crate) fn version(self) -> (&'static str, u32) {
        match self {
            Self::Events => ("noctule.feedback", FEEDBACK_SCHEMA_VERSION),
            Self::Rejections => ("noctule.rejections", REJECTIONS_SCHEMA_VERSION),
        }
    }
}

/// By what a row is found and sorted: its installation and, of an event, its sequence number.
pub(crate) type Key = (Uuid, u64);

/// A file of rows, open for reading.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) reader: SerializedFileReader<File>,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file(path, "open"))?;
        let length = file.metadata().map_err(Error::file(path, "read the length of"))?.len();
        let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
        check_ranges(path, reader.metadata(), length)?;
        Ok(Self { path: path.to_path_buf(), reader })
    }

    /// Number of a column by its name; none where the file has none or a nested one.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().position(|column| column.path().parts() == [name])
    }

    /// The values of rows `from..to` of a column, absent ones as none.
    pub(crate) fn read<T: DataType>(
        &self,
        column: usize,
        from: usize,
        to: usize,
    ) -> Result<Vec<Option<T::T>>> {
        let descriptor = self.reader.metadata().file_metadata().schema_descr().column(column);
        if descriptor.physical_type() != T::get_physical_type() || descriptor.max_rep_level() > 0 {
            return Err(self.foreign(0, column, "has another type"));
        }
        let optional = descriptor.self_type().get_basic_info().repetition() != Repetition::REQUIRED;
        let (mut found, mut begin) = (Vec::with_capacity(to.saturating_sub(from)), 0);
        for group in 0..self.reader.metadata().num_row_groups() {
            // The Parquet library bounds no count of rows; a file with a wrong one fails to read.
            let rows = self.reader.metadata().row_group(group).num_rows();
            let end = begin + usize::try_from(rows).unwrap_or(0);
            let (first, last) = (from.max(begin), to.min(end));
            if first < last {
                let reader = self.reader.get_row_group(group).map_err(self.failed())?;
                let reader = reader.get_column_reader(column).map_err(self.failed())?;
                let mut reader = get_typed_column_reader::<T>(reader);
                let skipped = reader.skip_records(first - begin).map_err(self.failed())?;
                let read = read_some(&mut reader, last - first, optional).map_err(self.failed())?;
                if skipped != first - begin || read.len() != last - first {
                    return Err(self.damaged("a column has fewer rows than its group"));
                }
                found.extend(read);
            }
            begin = end;
        }
        Ok(found)
    }

    pub(crate) fn rows(&self) -> usize {
        let groups = self.reader.metadata().row_groups();
        groups.iter().map(|group| usize::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// The keys of all rows, in the order of the file.
    pub(crate) fn keys(&self, table: Table) -> Result<Vec<Key>> {
        let (installation, number) = ("installation", "sequence");
        let column = |name: &'static str| {
            self.column(name).ok_or_else(|| self.foreign_named(0, name, "is missing"))
        };
        let rows = self.rows();
        let installations = self.read::<ByteArrayType>(column(installation)?, 0, rows)?;
        // Sequence numbers of events; rejected lines keep the order in which they stand.
        let numbers: Vec<Option<u64>> = match table {
            Table::Events => {
                let numbers = self.read::<Int64Type>(column(number)?, 0, rows)?;
                let unsigned = |number: Option<i64>| number.and_then(|one| u64::try_from(one).ok());
                numbers.into_iter().map(unsigned).collect()
            }
            Table::Rejections => {
                self.read::<Int32Type>(column("index")?, 0, 0)?;
                vec![Some(0); rows]
            }
        };
        let mut keys = Vec::with_capacity(installations.len());
        for (row, (name, sequence)) in (0u64..).zip(installations.iter().zip(&numbers)) {
            let wrong = |column| self.foreign_named(row, column, "has another type or value");
            let parsed = name.as_ref().and_then(|name| Uuid::try_parse_ascii(name.data()).ok());
            keys.push((
                parsed.ok_or_else(|| wrong(installation))?,
                sequence.ok_or_else(|| wrong(number))?,
            ));
        }
        Ok(keys)
    }

    fn failed(&self) -> impl FnOnce(ParquetError) -> Error {
        Error::parquet(&self.path)
    }

    fn damaged(&self, reason: &'static str) -> Error {
        Error::Damaged { path: self.path.clone(), reason }
    }

    fn foreign(&self, row: u64, column: usize, reason: &str) -> Error {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        self.foreign_named(row, schema.column(column).name(), reason)
    }

    fn foreign_named(&self, row: u64, column: &str, reason: &str) -> Error {
        let (column, reason) = (column.to_owned(), reason.to_owned());
        Error::ForeignRow { path: self.path.clone(), row, column, reason }
    }
}

fn read_some<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    optional: bool,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let buffer = optional.then_some(&mut levels);
        let (records, _, _) = reader.read_records(rows - read, buffer, None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    if !optional {
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    Ok(levels.iter().map(|level| if *level > 0 { values.next() } else { None }).collect())
}

/// Runs `read`; the Parquet library's panics on damaged bytes of `path` become errors.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T>) -> Result<T> {
    // What `read` has changed before a panic is dropped by the caller together with its work.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::Damaged { path: path.to_path_buf(), reason: "its pages do not decode" })
    })
}

/// The keys of all rows of a file.
pub(crate) fn read_keys(path: &Path, table: Table) -> Result<Vec<Key>> {
    guarded(path, || Source::open(path)?.keys(table))
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
