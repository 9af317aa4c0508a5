//! The Parquet table of feedback: one row an event.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::feedback::{Details, EventKind};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::Type;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::journal::StoredEvent;

/// The schema of a feedback file. `tools/docs/feedback-schema.md` says what each column means.
pub const FEEDBACK_SCHEMA: &str = "\
message noctule_feedback {
  required binary installation (STRING);
  required binary event_id (STRING);
  required int64 sequence;
  required binary batch_id (STRING);
  required binary kind (STRING);
  required binary item (STRING);
  optional binary surface (STRING);
  optional binary context (STRING);
  optional int32 position;
  optional int64 generation;
  optional double propensity;
  optional int64 dwell_ms;
  required int64 at_ms;
  required int64 received_ms;
  optional binary release (STRING);
  optional binary arm (STRING);
  optional binary experiment (STRING);
  optional binary exam (STRING);
  optional int64 visible_ms;
  optional binary undoes (STRING);
  optional binary details (JSON);
  optional binary made_from (STRING);
  optional int32 zone_minutes;
  optional int32 session;
  optional int32 run;
  optional int64 run_ms;
  optional int64 dropped;
}
";

/// Version of [`FEEDBACK_SCHEMA`], in the file's metadata under `noctule.feedback`.
pub const FEEDBACK_SCHEMA_VERSION: u32 = 1;

/// Rows of a row group: some ten megabytes while it is written.
const ROW_GROUP_ROWS: usize = 1 << 16;

/// Writes the rows and gives the file back, not yet written through.
pub(crate) fn write(file: File, path: &Path, app: &str, rows: &[&StoredEvent<'_>]) -> Result<File> {
    try_write(file, app, rows).map_err(Error::parquet(path))
}

fn try_write(file: File, app: &str, rows: &[&StoredEvent<'_>]) -> ParquetResult<File> {
    let version = KeyValue::new("noctule.feedback".into(), FEEDBACK_SCHEMA_VERSION.to_string());
    // The folder is the column; this tells a file that was taken out of it where it belongs.
    let app = KeyValue::new("noctule.app".into(), app.to_owned());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("noctule-collector ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(vec![version, app]))
        .build();
    let schema = Arc::new(parse_message_type(FEEDBACK_SCHEMA)?);
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        write_columns(&mut group, rows)?;
        group.close()?;
    }
    writer.into_inner()
}

/// Writes the columns in the order of the schema.
fn write_columns(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: &[&StoredEvent<'_>],
) -> ParquetResult<()> {
    let mut columns = Columns { group, rows };
    columns.text(|row| row.installation.to_string().as_str().into())?;
    columns.text(|row| row.event.id.to_string().as_str().into())?;
    columns.required::<Int64Type>(|row| row.event.sequence.cast_signed())?;
    columns.text(|row| row.batch_id.to_string().as_str().into())?;
    columns.text(|row| row.event.kind.as_str().into())?;
    columns.text(|row| row.event.item.as_str().into())?;
    columns.maybe_text(|row| row.event.surface.as_ref().map(SurfaceId::as_str))?;
    columns.maybe_text(|row| row.event.context.as_ref().map(ContextId::as_str))?;
    columns.optional::<Int32Type>(|row| row.event.position.map(u32::cast_signed))?;
    columns.optional::<Int64Type>(|row| row.event.generation.map(u64::cast_signed))?;
    columns.optional::<DoubleType>(|row| row.event.propensity)?;
    columns.optional::<Int64Type>(|row| row.event.dwell_ms.map(u64::cast_signed))?;
    columns.required::<Int64Type>(|row| row.event.at_ms)?;
    columns.required::<Int64Type>(|row| row.received_ms)?;
    columns.maybe_text(|row| row.event.release.as_deref())?;
    columns.maybe_text(|row| row.event.arm.as_deref())?;
    columns.maybe_text(|row| row.experiment.as_deref())?;
    columns.maybe_text(|row| row.exam.as_deref())?;
    columns.optional::<Int64Type>(|row| row.event.visible_ms.map(u64::cast_signed))?;
    columns.maybe_text(|row| row.event.undoes.as_ref().map(EventKind::as_str))?;
    columns.optional::<ByteArrayType>(|row| details(&row.event.details))?;
    columns.maybe_text(|row| row.event.made_from.as_deref())?;
    columns.optional::<Int32Type>(|row| row.event.zone_minutes)?;
    columns.optional::<Int32Type>(|row| row.event.session.map(u32::cast_signed))?;
    columns.optional::<Int32Type>(|row| row.event.run.map(u32::cast_signed))?;
    columns.optional::<Int64Type>(|row| row.event.run_ms.map(u64::cast_signed))?;
    columns.optional::<Int64Type>(|row| row.dropped.map(u64::cast_signed))
}

/// The fields of an own kind as JSON; validation has let none in that cannot be written.
fn details(details: &Details) -> Option<ByteArray> {
    let json = (!details.is_empty()).then(|| serde_json::to_string(details).ok());
    json.flatten().map(|json| json.as_str().into())
}

/// Writes one column after the other.
struct Columns<'a, 'g> {
    group: &'a mut SerializedRowGroupWriter<'g, File>,
    rows: &'a [&'a StoredEvent<'a>],
}

impl Columns<'_, '_> {
    fn text(&mut self, value: impl Fn(&StoredEvent<'_>) -> ByteArray) -> ParquetResult<()> {
        self.required::<ByteArrayType>(value)
    }

    fn maybe_text(
        &mut self,
        value: impl for<'r> Fn(&'r StoredEvent<'_>) -> Option<&'r str>,
    ) -> ParquetResult<()> {
        self.optional::<ByteArrayType>(|row| value(row).map(ByteArray::from))
    }

    fn required<T: DataType>(
        &mut self,
        value: impl Fn(&StoredEvent<'_>) -> T::T,
    ) -> ParquetResult<()> {
        let values: Vec<T::T> = self.rows.iter().map(|row| value(row)).collect();
        self.column::<T>(|column| column.write_batch(&values, None, None))
    }

    fn optional<T: DataType>(
        &mut self,
        value: impl Fn(&StoredEvent<'_>) -> Option<T::T>,
    ) -> ParquetResult<()> {
        let values: Vec<Option<T::T>> = self.rows.iter().map(|row| value(row)).collect();
        // Definition level 1: the value is there; 0: it is not.
        let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        self.column::<T>(|column| column.write_batch(&values, Some(&levels), None))
    }

    fn column<T: DataType>(
        &mut self,
        write: impl FnOnce(&mut ColumnWriterImpl<'_, T>) -> ParquetResult<usize>,
    ) -> ParquetResult<()> {
        let next = self.group.next_column()?;
        let mut column = next.ok_or_else(|| ParquetError::General("no column is left".into()))?;
        write(column.typed::<T>())?;
        column.close()
    }
}

/// Calls `found` with installation and sequence number of every row of a file; the Parquet
/// library's panics on damaged bytes become errors.
pub(crate) fn read_identities(path: &Path, found: impl FnMut(Uuid, u64)) -> Result<()> {
    // What `found` has been told before a panic does not matter: the start fails.
    catch_unwind(AssertUnwindSafe(|| try_read_identities(path, found))).unwrap_or_else(|_| {
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

fn try_read_identities(path: &Path, mut found: impl FnMut(Uuid, u64)) -> Result<()> {
    const COLUMNS: [&str; 2] = ["installation", "sequence"];
    let foreign = |row: u64, column: usize, reason: String| Error::ForeignRow {
        path: path.to_path_buf(),
        row,
        column: COLUMNS[column],
        reason,
    };
    let file = File::open(path).map_err(Error::file(path, "open"))?;
    let length = file.metadata().map_err(Error::file(path, "read the length of"))?.len();
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    check_ranges(path, reader.metadata(), length)?;
    let schema = reader.metadata().file_metadata().schema();
    let mut fields = Vec::with_capacity(COLUMNS.len());
    for (column, name) in COLUMNS.iter().enumerate() {
        let field = schema.get_fields().iter().find(|field| field.name() == *name);
        fields.push(Arc::clone(field.ok_or_else(|| foreign(0, column, "is missing".into()))?));
    }
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(Error::parquet(path))?;
    let rows = reader.get_row_iter(Some(projection)).map_err(Error::parquet(path))?;
    for (number, row) in (0u64..).zip(rows) {
        let row = row.map_err(Error::parquet(path))?.into_columns();
        let (mut installation, mut sequence) = (None, None);
        for (name, field) in row {
            match (name.as_str(), field) {
                ("installation", Field::Str(text)) => installation = text.parse::<Uuid>().ok(),
                ("sequence", Field::Long(value)) => sequence = u64::try_from(value).ok(),
                _ => {}
            }
        }
        let missing = |column| foreign(number, column, "has another type or value".into());
        let installation = installation.ok_or_else(|| missing(0))?;
        found(installation, sequence.ok_or_else(|| missing(1))?);
    }
    Ok(())
}
