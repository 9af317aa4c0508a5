//! The Parquet table of rejected lines: one row a line that did not fit the schema of events.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, Int32Type, Int64Type};
use parquet::schema::parser::parse_message_type;

use crate::columns;
use crate::error::{Error, Result};
use crate::journal::StoredRejection;

/// The schema of a file of rejected lines. `tools/docs/feedback-schema.md` says what each column
/// means.
pub const REJECTIONS_SCHEMA: &str = "\
message noctule_rejections {
  required binary installation (STRING);
  required binary batch_id (STRING);
  required int32 index;
  required binary reason (STRING);
  required int64 received_ms;
  required binary line;
}
";

/// Version of [`REJECTIONS_SCHEMA`], in the file's metadata under `noctule.rejections`.
pub const REJECTIONS_SCHEMA_VERSION: u32 = 1;

/// Rows of a row group: with lines of 4 KiB it takes some tens of megabytes while it is written.
const ROW_GROUP_ROWS: usize = 1 << 13;

/// Writes the rows and gives the file back, not yet written through.
pub(crate) fn write(
    file: File,
    path: &Path,
    app: &str,
    rows: &[&StoredRejection<'_>],
) -> Result<File> {
    let schema = parse_message_type(REJECTIONS_SCHEMA).map_err(Error::parquet(path))?;
    let table = ("noctule.rejections", REJECTIONS_SCHEMA_VERSION);
    let writer =
        columns::begin(file, Arc::new(schema), table, app).map_err(Error::parquet(path))?;
    columns::write_rows(writer, path, rows, ROW_GROUP_ROWS, |columns| {
        columns.text(|row| row.installation.to_string().as_str().into())?;
        columns.text(|row| row.batch_id.to_string().as_str().into())?;
        columns.required::<Int32Type>(|row| row.index.cast_signed())?;
        columns.text(|row| (*row.reason).into())?;
        columns.required::<Int64Type>(|row| row.received_ms)?;
        columns.text(|row| ByteArray::from(row.line.to_vec()))
    })
}
