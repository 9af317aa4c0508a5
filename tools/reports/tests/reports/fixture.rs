//! Feedback with a known truth, in memory and as Parquet.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use noctule_reports::{Feedback, FeedbackRow};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// Milliseconds of 2026-11-20T00:00:00Z.
pub(crate) const MIDNIGHT_MS: i64 = 20_777 * DAY_MS;
pub(crate) const DAY_MS: i64 = 86_400_000;

/// An event in words.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) installation: String,
    pub(crate) sequence: u64,
    pub(crate) kind: &'static str,
    pub(crate) item: String,
    pub(crate) context: Option<&'static str>,
    pub(crate) position: Option<u32>,
    pub(crate) generation: Option<u64>,
    pub(crate) propensity: Option<f64>,
    pub(crate) at_ms: i64,
    pub(crate) received_ms: i64,
    pub(crate) dropped: Option<u64>,
    pub(crate) arm: Option<&'static str>,
    pub(crate) experiment: Option<&'static str>,
}

/// Builds the events of an installation one after the other.
pub(crate) struct Phone {
    pub(crate) name: String,
    pub(crate) arm: Option<&'static str>,
    pub(crate) events: Vec<Event>,
}

impl Phone {
    pub(crate) fn new(name: impl Into<String>, arm: &'static str) -> Self {
        Self { name: name.into(), arm: Some(arm), events: Vec::new() }
    }

    pub(crate) fn event(
        &mut self,
        kind: &'static str,
        day: i64,
        context: &'static str,
        item: &str,
    ) {
        let hour = ["breakfast", "lunch", "dinner"].iter().position(|name| *name == context);
        let shown = kind == "impression";
        let hour = 8 + 5 * hour.unwrap_or(0) as i64;
        let at_ms = MIDNIGHT_MS + day * DAY_MS + hour * 3_600_000;
        self.events.push(Event {
            installation: self.name.clone(),
            sequence: self.events.len() as u64 + 1,
            kind,
            item: item.into(),
            context: Some(context),
            position: shown.then_some(0),
            generation: Some(day as u64 + 1),
            propensity: shown.then_some(0.9),
            at_ms,
            received_ms: at_ms,
            dropped: None,
            arm: self.arm,
            experiment: None,
        });
    }

    /// Shows items in their positions.
    pub(crate) fn show(&mut self, day: i64, context: &'static str, items: &[&str]) {
        for (position, item) in (0u32..).zip(items) {
            self.event("impression", day, context, item);
            self.events.last_mut().unwrap().position = Some(position);
        }
    }
}

/// The events in memory.
pub(crate) fn feedback(events: &[Event]) -> Feedback {
    let mut feedback = Feedback::new("town");
    for event in events {
        let row = FeedbackRow {
            installation: feedback.word(&event.installation),
            sequence: event.sequence,
            at_ms: event.at_ms,
            kind: feedback.word(event.kind),
            item: feedback.word(&event.item),
            surface: Some(feedback.word("home")),
            context: event.context.map(|context| feedback.word(context)),
            position: event.position,
            generation: event.generation,
            propensity: event.propensity,
            arm: event.arm.map(|arm| feedback.word(arm)),
            experiment: event.experiment.map(|experiment| feedback.word(experiment)),
        };
        feedback.push(row);
    }
    feedback.sort();
    feedback
}

/// The schema as the documentation prints it: both sides of the format are held to that page.
pub(crate) fn documented_schema() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/feedback-schema.md");
    let page = fs::read_to_string(page).unwrap();
    let begin = page.find("message noctule_feedback {").unwrap();
    let end = begin + page[begin..].find('}').unwrap();
    page[begin..=end].to_owned()
}

/// Writes the events as the collector does, by the documented schema.
pub(crate) fn write_parquet(path: &Path, events: &[Event], schema: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::clone(&schema), properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for field in schema.get_fields() {
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<Value> = events.iter().map(|event| value(event, field.name())).collect();
        let levels: Vec<i16> =
            values.iter().map(|value| i16::from(!matches!(value, Value::None))).collect();
        let levels = field.is_optional().then_some(levels.as_slice());
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let text = |value: &Value| match value {
                    Value::Text(text) => Some(ByteArray::from(text.as_str())),
                    _ => None,
                };
                let texts: Vec<ByteArray> = values.iter().filter_map(text).collect();
                writer.write_batch(&texts, levels, None).unwrap();
            }
            ColumnWriter::Int64ColumnWriter(writer) => {
                let numbers: Vec<i64> = values.iter().filter_map(Value::integer).collect();
                writer.write_batch(&numbers, levels, None).unwrap();
            }
            ColumnWriter::Int32ColumnWriter(writer) => {
                let number = |value: &Value| value.integer().map(|number| number as i32);
                let numbers: Vec<i32> = values.iter().filter_map(number).collect();
                writer.write_batch(&numbers, levels, None).unwrap();
            }
            ColumnWriter::DoubleColumnWriter(writer) => {
                let number = |value: &Value| match value {
                    Value::Float(number) => Some(*number),
                    _ => None,
                };
                let numbers: Vec<f64> = values.iter().filter_map(number).collect();
                writer.write_batch(&numbers, levels, None).unwrap();
            }
            _ => panic!("{} has another type", field.name()),
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

enum Value {
    None,
    Text(String),
    Integer(i64),
    Float(f64),
}

impl Value {
    fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }
}

fn value(event: &Event, column: &str) -> Value {
    let text = |text: Option<&str>| text.map_or(Value::None, |text| Value::Text(text.to_owned()));
    let integer = |number: Option<i64>| number.map_or(Value::None, Value::Integer);
    match column {
        "installation" => text(Some(&event.installation)),
        "event_id" | "batch_id" => text(Some("0190a5c0-0000-7000-8000-000000000001")),
        "sequence" => integer(Some(event.sequence as i64)),
        "kind" => text(Some(event.kind)),
        "item" => text(Some(&event.item)),
        "surface" => text(Some("home")),
        "context" => text(event.context),
        "position" => integer(event.position.map(i64::from)),
        "generation" => integer(event.generation.map(|generation| generation as i64)),
        "propensity" => event.propensity.map_or(Value::None, Value::Float),
        "at_ms" => integer(Some(event.at_ms)),
        "received_ms" => integer(Some(event.received_ms)),
        "dropped" => integer(event.dropped.map(|dropped| dropped as i64)),
        "arm" => text(event.arm),
        "experiment" => text(event.experiment),
        _ => Value::None,
    }
}
