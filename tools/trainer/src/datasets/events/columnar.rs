//! Parquet files of flat columns, as pandas, Spark and DuckDB write them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::builder::{Builder, Row};
use super::moment::{self, Moment};
use super::{EventTable, Role, TableSettings};
use crate::clicks::check_ranges;
use crate::datasets::table;
use crate::{Error, Result};

/// Reads a file. The Parquet library's panics on damaged bytes become errors.
pub(super) fn read(path: &Path, settings: &TableSettings) -> Result<EventTable> {
    catch_unwind(AssertUnwindSafe(|| read_rows(path, settings)))
        .unwrap_or_else(|_| Err(Error::field(path, 0, "file", "damaged: its pages do not decode")))
}

fn read_rows(path: &Path, settings: &TableSettings) -> Result<EventTable> {
    let file = table::open(path)?;
    let length = file.metadata().map_err(Error::file(path, "asking for its length"))?.len();
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    check_ranges(path, reader.metadata(), length)?;
    let schema = reader.metadata().file_metadata().schema();
    let header: Vec<String> =
        schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let places = settings.columns.find(path, &header)?;
    let mut wanted = Vec::new();
    for (role, place) in Role::ALL.into_iter().zip(places) {
        if let Some(place) = place {
            let field = &schema.get_fields()[place];
            if !field.is_primitive() {
                let reason = "is a group of columns, not a plain one";
                return Err(Error::field(path, 0, role.name(), reason));
            }
            wanted.push((role, Arc::clone(field)));
        }
    }
    let fields = wanted.iter().map(|(_, field)| Arc::clone(field)).collect();
    let projection = Type::group_type_builder(schema.name())
        .with_fields(fields)
        .build()
        .map_err(Error::parquet(path))?;
    let mut builder = Builder::new(path, settings);
    if let Some(time) = places[Role::Time as usize] {
        builder.time_column(&header[time]);
    }
    let rows = reader.get_row_iter(Some(projection)).map_err(Error::parquet(path))?;
    for (number, row) in (1..).zip(rows) {
        let row = row.map_err(Error::parquet(path))?;
        let mut values: [Option<&Field>; Role::ALL.len()] = [None; Role::ALL.len()];
        for (name, field) in row.get_column_iter() {
            let role = wanted.iter().find(|(_, wanted)| wanted.name() == name);
            if let (Some((role, _)), false) = (role, matches!(field, Field::Null)) {
                values[*role as usize] = Some(field);
            }
        }
        push(&mut builder, path, number, &values)?;
    }
    builder.finish()
}

fn push(
    builder: &mut Builder<'_>,
    path: &Path,
    number: u64,
    values: &[Option<&Field>; Role::ALL.len()],
) -> Result<()> {
    let value = |role: Role| values[role as usize].map(|field| (role, field));
    let read_text = |(role, field): (Role, &Field)| match text(field) {
        Some(text) => Ok(text),
        None => Err(wrong(path, number, role, field, "text or a whole number")),
    };
    let read_number = |(role, field): (Role, &Field)| match float(field) {
        Some(number) => Ok(number),
        None => Err(wrong(path, number, role, field, "a number")),
    };
    let read_time = |(role, field): (Role, &Field)| match time(field) {
        Some(moment) => Ok(moment),
        None => Err(wrong(path, number, role, field, "a time")),
    };
    let user = value(Role::User).map(read_text).transpose()?.unwrap_or_default();
    let item = value(Role::Item).map(read_text).transpose()?.unwrap_or_default();
    let context = value(Role::Context).map(read_text).transpose()?;
    let row = Row {
        user: user.trim(),
        item: item.trim(),
        time: value(Role::Time).map(read_time).transpose()?,
        rating: value(Role::Rating).map(read_number).transpose()?,
        context: context.as_deref(),
        weight: value(Role::Weight).map(read_number).transpose()?,
        kinds: None,
    };
    builder.push(number, &row)
}

fn whole(field: &Field) -> Option<i64> {
    Some(match field {
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => *value,
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => i64::try_from(*value).ok()?,
        _ => return None,
    })
}

fn text(field: &Field) -> Option<String> {
    match field {
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).ok(),
        Field::ULong(value) => Some(value.to_string()),
        other => whole(other).map(|value| value.to_string()),
    }
}

fn float(field: &Field) -> Option<f64> {
    match field {
        Field::Double(value) => Some(*value),
        Field::Float(value) => Some((*value).into()),
        Field::Bool(value) => Some(f64::from(u8::from(*value))),
        other => whole(other).map(|value| value as f64),
    }
}

fn time(field: &Field) -> Option<Moment> {
    match field {
        Field::TimestampMillis(at) => Some(Moment::Milliseconds(*at)),
        Field::TimestampMicros(at) => Some(Moment::Milliseconds(at.div_euclid(1_000))),
        Field::Date(days) => Some(Moment::Milliseconds(i64::from(*days) * 86_400_000)),
        Field::Double(value) => moment::of_float(*value),
        Field::Float(value) => moment::of_float((*value).into()),
        Field::Str(text) => moment::parse(text.trim()),
        other => whole(other).map(Moment::Number),
    }
}

fn wrong(path: &Path, number: u64, role: Role, field: &Field, needed: &str) -> Error {
    let text = table::shortened(&field.to_string());
    Error::field(path, number, role.name(), format!("{text} is not {needed}"))
}
