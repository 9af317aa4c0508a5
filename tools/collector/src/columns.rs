//! Parquet files written row group by row group, column by column.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::TypePtr;

use crate::error::{Error, Result};

/// Begins a file of `schema` that says what it holds: `table` is the key of its version, and the
/// app tells a file that was taken out of its folder where it belongs.
pub(crate) fn begin(
    file: File,
    schema: TypePtr,
    (table, version): (&str, u32),
    app: &str,
) -> ParquetResult<SerializedFileWriter<File>> {
    let version = KeyValue::new(table.to_owned(), version.to_string());
    let app = KeyValue::new("noctule.app".into(), app.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("noctule-collector ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(vec![version, app]))
        .build();
    SerializedFileWriter::new(file, schema, Arc::new(properties))
}

/// Writes rows in row groups of at most `rows_of_group` and gives the file back, not yet written
/// through.
pub(crate) fn write_rows<R>(
    mut writer: SerializedFileWriter<File>,
    path: &Path,
    rows: &[&R],
    rows_of_group: usize,
    write_columns: impl Fn(&mut Columns<'_, '_, R>) -> ParquetResult<()>,
) -> Result<File> {
    let mut write = || {
        for rows in rows.chunks(rows_of_group) {
            let mut group = writer.next_row_group()?;
            write_columns(&mut Columns { group: &mut group, rows })?;
            group.close()?;
        }
        Ok(())
    };
    write().and_then(|()| writer.into_inner()).map_err(Error::parquet(path))
}

/// Writes one column after the other, in the order of the schema.
pub(crate) struct Columns<'a, 'g, R> {
    group: &'a mut SerializedRowGroupWriter<'g, File>,
    rows: &'a [&'a R],
}

impl<R> Columns<'_, '_, R> {
    pub(crate) fn text(&mut self, value: impl Fn(&R) -> ByteArray) -> ParquetResult<()> {
        self.required::<ByteArrayType>(value)
    }

    pub(crate) fn maybe_text(
        &mut self,
        value: impl for<'r> Fn(&'r R) -> Option<&'r str>,
    ) -> ParquetResult<()> {
        self.optional::<ByteArrayType>(|row| value(row).map(ByteArray::from))
    }

    pub(crate) fn required<T: DataType>(
        &mut self,
        value: impl Fn(&R) -> T::T,
    ) -> ParquetResult<()> {
        let values: Vec<T::T> = self.rows.iter().map(|row| value(row)).collect();
        next_column::<T>(self.group, |column| column.write_batch(&values, None, None))
    }

    pub(crate) fn optional<T: DataType>(
        &mut self,
        value: impl Fn(&R) -> Option<T::T>,
    ) -> ParquetResult<()> {
        let values: Vec<Option<T::T>> = self.rows.iter().map(|row| value(row)).collect();
        // Definition level 1: the value is there; 0: it is not.
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        next_column::<T>(self.group, |column| column.write_batch(&values, Some(&levels), None))
    }
}

/// Writes the next column of a row group.
pub(crate) fn next_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> ParquetResult<usize>,
) -> ParquetResult<()> {
    let next = group.next_column()?;
    let mut column = next.ok_or_else(|| ParquetError::General("no column is left".into()))?;
    write(column.typed::<T>())?;
    column.close()
}
