//! The Parquet table of feedback: one row an event.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use noctule_core::base::{ContextId, SurfaceId};
use noctule_core::feedback::EventKind;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::schema::parser::parse_message_type;
use serde::Serialize;

use crate::columns;
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
  optional binary randomised (JSON);
}
";

/// Version of [`FEEDBACK_SCHEMA`], in the file's metadata under `noctule.feedback`.
pub const FEEDBACK_SCHEMA_VERSION: u32 = 1;

/// Rows of a row group: some ten megabytes while it is written.
const ROW_GROUP_ROWS: usize = 1 << 16;

/// Writes the rows and gives the file back, not yet written through.
pub(crate) fn write(file: File, path: &Path, app: &str, rows: &[&StoredEvent<'_>]) -> Result<File> {
    let schema = parse_message_type(FEEDBACK_SCHEMA).map_err(Error::parquet(path))?;
    let table = ("noctule.feedback", FEEDBACK_SCHEMA_VERSION);
    let writer =
        columns::begin(file, Arc::new(schema), table, app).map_err(Error::parquet(path))?;
    columns::write_rows(writer, path, rows, ROW_GROUP_ROWS, |columns| {
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
        columns.optional::<ByteArrayType>(|row| json(&row.event.details))?;
        columns.maybe_text(|row| row.event.made_from.as_deref())?;
        columns.optional::<Int32Type>(|row| row.event.zone_minutes)?;
        columns.optional::<Int32Type>(|row| row.event.session.map(u32::cast_signed))?;
        columns.optional::<Int32Type>(|row| row.event.run.map(u32::cast_signed))?;
        columns.optional::<Int64Type>(|row| row.event.run_ms.map(u64::cast_signed))?;
        columns.optional::<Int64Type>(|row| row.dropped.map(u64::cast_signed))?;
        columns.optional::<ByteArrayType>(|row| json(&row.event.randomised))
    })
}

/// What is named as JSON, none without any; validation has let nothing in that cannot be written.
fn json<T: Serialize>(named: &BTreeMap<String, T>) -> Option<ByteArray> {
    let json = (!named.is_empty()).then(|| serde_json::to_string(named).ok());
    json.flatten().map(|json| json.as_str().into())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use noctule_core::base::{EventId, ItemId};
    use noctule_core::feedback::{Detail, EventKind, RecordedEvent};
    use uuid::Uuid;

    use super::*;

    /// A row that follows from its installation and sequence number.
    fn stored(installation: u128, sequence: u64) -> StoredEvent<'static> {
        let item = ItemId::new(format!("item-{}", sequence % 5)).unwrap();
        StoredEvent {
            app: "town".into(),
            installation: Uuid::from_u128(installation),
            batch_id: Uuid::from_u128(u128::from(sequence) / 10),
            experiment: sequence.is_multiple_of(3).then(|| "e".into()),
            exam: None,
            dropped: (sequence == 1).then_some(4),
            received_ms: 5,
            event: Cow::Owned(RecordedEvent {
                id: EventId(Uuid::from_u128(installation << 64 | u128::from(sequence))),
                position: sequence.is_multiple_of(2).then_some(3),
                propensity: sequence.is_multiple_of(7).then_some(0.25),
                visible_ms: sequence.is_multiple_of(3).then_some(1_200),
                undoes: sequence.is_multiple_of(5).then_some(EventKind::Hide),
                details: [("stars".to_owned(), Detail::Number(sequence as f64))].into(),
                zone_minutes: Some(-90),
                run: Some(sequence as u32),
                ..RecordedEvent::new(sequence, 1_000 + sequence as i64, EventKind::Click, item)
            }),
        }
    }

    /// Writes a file with rows of these installations and sequence numbers.
    pub(crate) fn write_file(path: &Path, rows: &[(u128, u64)]) {
        let rows: Vec<_> = rows.iter().map(|(name, number)| stored(*name, *number)).collect();
        let rows: Vec<_> = rows.iter().collect();
        write(File::create(path).unwrap(), path, "town", &rows).unwrap();
    }
}
