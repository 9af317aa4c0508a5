//! A read-out as text, CSV, JSON and Parquet.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, json};

use super::{Column, ReadOut, ReadOutRow, Value};
use crate::csv::field;
use crate::error::{Error, Result};

/// The columns behind those of the key that hold counts.
const COUNTS: [&str; 4] = ["events", "installations", "impressions", "accepted"];

/// The columns behind these.
const SHARES: [&str; 3] = ["rate", "low", "high"];

impl ReadOutRow {
    fn counts(&self) -> [u64; 4] {
        [self.events, self.installations, self.impressions, self.accepted]
    }

    fn shares(&self) -> [Option<f64>; 3] {
        [self.rate, self.low, self.high]
    }
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Unknown => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.as_ref().to_owned(),
        }
    }
}

impl ReadOut {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by.iter().map(|column| column.name()).chain(COUNTS).chain(SHARES)
    }

    /// As CSV (RFC 4180), with a header; what is not known is an empty field.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut csv = self.names().collect::<Vec<_>>().join(",") + "\r\n";
        for row in &self.rows {
            let keys = row.key.iter().map(|value| field(&value.text()));
            let counts = row.counts().into_iter().map(|count| count.to_string());
            let shares = row.shares().into_iter();
            let shares = shares.map(|share| share.map_or(String::new(), |share| share.to_string()));
            csv += &keys.chain(counts).chain(shares).collect::<Vec<_>>().join(",");
            csv += "\r\n";
        }
        csv
    }

    /// As JSON: `schema` 1, how it was made, and `rows` with a field for each column.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let row = |row: &ReadOutRow| {
            let keys = self.by.iter().zip(&row.key);
            let mut object: Map<String, serde_json::Value> =
                keys.map(|(column, value)| (column.name().to_owned(), json!(value))).collect();
            let counts = COUNTS.into_iter().zip(row.counts());
            object.extend(counts.map(|(name, count)| (name.to_owned(), json!(count))));
            let shares = SHARES.into_iter().zip(row.shares());
            object.extend(shares.map(|(name, share)| (name.to_owned(), json!(share))));
            serde_json::Value::Object(object)
        };
        json!({
            "schema": 1,
            "app": self.app,
            "by": self.by.iter().map(|column| column.name()).collect::<Vec<_>>(),
            "accepted_by": self.accepted_by,
            "interval": self.interval,
            "confidence": self.confidence,
            "orphans": self.orphans,
            "withheld": self.withheld,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    /// As a table for people; a dash stands for what is not known.
    #[must_use]
    pub fn to_table(&self) -> String {
        let dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
        let head = self.names().map(str::to_owned).collect();
        let mut lines: Vec<Vec<String>> = vec![head];
        for row in &self.rows {
            let keys = row.key.iter().map(|value| dash(printable(&value.text())));
            let counts = row.counts().into_iter().map(|count| count.to_string());
            let percent = |share: f64| format!("{:.2} %", share * 100.0);
            let shares = row.shares().map(|share| dash(share.map_or(String::new(), percent)));
            lines.push(keys.chain(counts).chain(shares).collect());
        }
        let columns = self.by.len() + COUNTS.len() + SHARES.len();
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut table = String::new();
        for line in &lines {
            for (column, (text, width)) in line.iter().zip(&widths).enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                // Writing to a string cannot fail.
                let _ = if column < self.by.len() {
                    write!(table, "{gap}{text:<width$}")
                } else {
                    write!(table, "{gap}{text:>width$}")
                };
            }
            table.push('\n');
        }
        if self.orphans > 0 {
            let _ = writeln!(table, "{} accepted without having been shown", self.orphans);
        }
        if self.withheld > 0 {
            let _ = writeln!(table, "{} groups withheld: too few installations", self.withheld);
        }
        table
    }

    /// Writes it as Parquet: the columns of the key as they are in the feedback (`day` as text),
    /// counts as int64, shares as optional doubles.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Parquet`].
    pub fn write_parquet(&self, path: &Path) -> Result<()> {
        let file = File::create(path).map_err(Error::file(path, "create"))?;
        self.try_write(file).map_err(Error::parquet(path))
    }

    fn try_write(&self, file: File) -> ParquetResult<()> {
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(file, self.schema()?, properties)?;
        let mut group = writer.next_row_group()?;
        for (at, column) in self.by.iter().enumerate() {
            let values = self.rows.iter().map(|row| &row.key[at]);
            if *column == Column::Position {
                write::<Int32Type>(&mut group, values.map(position))?;
            } else {
                write::<ByteArrayType>(&mut group, values.map(bytes))?;
            }
        }
        for at in 0..COUNTS.len() {
            let counts = self.rows.iter().map(|row| Some(row.counts()[at].cast_signed()));
            write::<Int64Type>(&mut group, counts)?;
        }
        for at in 0..SHARES.len() {
            write::<DoubleType>(&mut group, self.rows.iter().map(|row| row.shares()[at]))?;
        }
        group.close()?;
        writer.close()?;
        Ok(())
    }

    fn schema(&self) -> ParquetResult<TypePtr> {
        let optional = |name: &str, physical, logical| {
            Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(logical)
                .build()
                .map(Arc::new)
        };
        let mut fields = Vec::new();
        for column in &self.by {
            fields.push(match column {
                Column::Position => optional(column.name(), PhysicalType::INT32, None)?,
                _ => {
                    let text = Some(LogicalType::String);
                    optional(column.name(), PhysicalType::BYTE_ARRAY, text)?
                }
            });
        }
        for name in COUNTS {
            fields.push(optional(name, PhysicalType::INT64, None)?);
        }
        for name in SHARES {
            fields.push(optional(name, PhysicalType::DOUBLE, None)?);
        }
        let schema = Type::group_type_builder("noctule_read_out").with_fields(fields).build()?;
        Ok(Arc::new(schema))
    }
}

/// Names come from devices: what would move the cursor is shown as a question mark.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

fn position(value: &Value) -> Option<i32> {
    if let Value::Number(number) = value { i32::try_from(*number).ok() } else { None }
}

fn bytes(value: &Value) -> Option<ByteArray> {
    if let Value::Text(text) = value { Some(ByteArray::from(&**text)) } else { None }
}

fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: impl Iterator<Item = Option<T::T>>,
) -> ParquetResult<()> {
    let values: Vec<Option<T::T>> = values.collect();
    // Definition level 1: the value is there; 0: it is not.
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    let next = group.next_column()?;
    let mut column = next.ok_or_else(|| ParquetError::General("no column is left".into()))?;
    let typed: &mut ColumnWriterImpl<'_, T> = column.typed::<T>();
    typed.write_batch(&values, Some(&levels), None)?;
    column.close()
}
