//! Request bodies as devices make them: 20 to 200 events, screens of 20 impressions with a click in
//! between, each event with an id of its own; gzip at the level that devices use.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use noctule_core::base::{Seed, SeededRandom};

/// 2026-11-20T08:00:00Z.
const MORNING_MS: u64 = 1_795_161_600_000;

/// Mean of the events of a batch.
pub(crate) const EVENTS_MEAN: f64 = 110.0;

/// A complete HTTP request and what is in it.
pub(crate) struct Made {
    pub(crate) request: Vec<u8>,
    pub(crate) events: u32,
    /// The device; it sends this batch and no other.
    pub(crate) device: u64,
}

/// To whom requests are made, and so in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Form {
    /// The collector's own batches.
    Batch,
    /// The same event lines as the bodies of OTLP log records, in protobuf.
    Otlp,
}

/// The request of a device.
pub(crate) fn make(device: u64, form: Form) -> Made {
    let mut random = SeededRandom::new(Seed(device));
    let count = 20 + random.below(181);
    let lines = events(&mut random, count);
    let (plain, head) = match form {
        Form::Batch => (
            text(device, &lines),
            "POST /v1/batches HTTP/1.1\r\nhost: c\r\ncontent-type: application/x-ndjson\r\n",
        ),
        Form::Otlp => (
            otlp(&lines),
            "POST /v1/logs HTTP/1.1\r\nhost: c\r\ncontent-type: application/x-protobuf\r\n",
        ),
    };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&plain).unwrap();
    let body = encoder.finish().unwrap();
    let mut request = Vec::with_capacity(body.len() + 160);
    request.extend_from_slice(head.as_bytes());
    let length = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len());
    request.extend_from_slice(length.as_bytes());
    request.extend_from_slice(&body);
    Made { request, events: count as u32, device }
}

/// The installation of a device, as text.
pub(crate) fn installation(device: u64) -> String {
    format!("00000000-0000-4000-8000-{device:012x}")
}

/// The plain text of a batch.
fn text(device: u64, lines: &[String]) -> Vec<u8> {
    let (count, installation) = (lines.len(), installation(device));
    let mut text = format!(
        "{{\"schema\":1,\"batch_id\":\"00000000-0000-4000-9000-{device:012x}\",\"app\":\"town\",\
         \"installation\":\"{installation}\",\"first_sequence\":1,\"last_sequence\":{count},\
         \"events\":{count},\"experiment\":\"town-1\",\"sent_at_ms\":{MORNING_MS},\
         \"library\":\"0.1.0\",\"dropped\":0}}\n"
    );
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text.into_bytes()
}

fn events(random: &mut SeededRandom, count: usize) -> Vec<String> {
    let surfaces = ["home", "lunch", "similar", "search"];
    let contexts = ["breakfast", "midday", "evening"];
    let (mut surface, mut context, mut at_ms) = ("home", "breakfast", MORNING_MS);
    (0..count)
        .map(|number| {
            if number % 20 == 0 {
                surface = surfaces[random.below(surfaces.len())];
                context = contexts[random.below(contexts.len())];
                at_ms += 1_000 + random.below(600_000) as u64;
            }
            let id = random.next_u64();
            let mut line = format!(
                "{{\"id\":\"{:08x}-{:04x}-7{:03x}-a{:03x}-{:012x}\",\"sequence\":{},\
                 \"at_ms\":{at_ms},\"kind\":\"{}\",\"item\":\"restaurant-{}\",\
                 \"surface\":\"{surface}\",\"context\":\"{context}\"",
                at_ms >> 16,
                at_ms & 0xffff,
                id & 0xfff,
                (id >> 12) & 0xfff,
                id >> 16,
                number + 1,
                if random.chance(0.05) { "click" } else { "impression" },
                random.below(20_000),
            );
            let _ = write!(
                line,
                ",\"position\":{},\"generation\":{},\"propensity\":{},\"release\":\"town@3\",\
                 \"arm\":\"model\"}}",
                number % 20,
                1 + random.below(30),
                1.0 - random.uniform() * 0.9,
            );
            line
        })
        .collect()
}

/// `ExportLogsServiceRequest` of opentelemetry-proto: one resource, one scope, a record a line.
fn otlp(lines: &[String]) -> Vec<u8> {
    let mut records = Vec::new();
    for line in lines {
        let body = field(1, line.as_bytes());
        field_into(&mut records, 2, &field(5, &body));
    }
    field(1, &field(2, &records))
}

/// A length-delimited protobuf field.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 6);
    field_into(&mut out, number, value);
    out
}

fn field_into(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(value);
}
