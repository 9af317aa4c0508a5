//! A request body becomes a batch: inflated within its budget, every line checked by itself.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use noctule_core::base::limits::LINE_BYTES_MAX;
use noctule_core::feedback::RecordedEvent;
use noctule_core::upload::{BATCH_SCHEMA, BatchHeader, RejectedEvent};
use serde::Deserialize;

use crate::access::{Credentials, Gate};
use crate::rates::Sender;
use crate::settings::{APP_NAME_RULE, Limits, app_name_is_plain};
use crate::validation;

/// Bytes of a rejected line that are kept for whoever looks for the fault.
const KEPT_LINE_BYTES: usize = 4_096;

/// Ranges of dropped events in one header: there is one at most between two events.
const RANGES_MAX: usize = 1_000;

/// How the body is encoded (RFC 9110, 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

/// A batch whose header holds; its events are sorted into good and bad.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) header: BatchHeader,
    pub(crate) events: Vec<RecordedEvent>,
    pub(crate) rejected: Vec<Rejection>,
}

/// An event line that does not fit the schema.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) answer: RejectedEvent,
    /// The begin of the line, byte for byte.
    pub(crate) line: Vec<u8>,
}

/// Why a whole batch or a deletion is refused. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the {what} is larger than {limit} bytes")]
    TooLarge { what: &'static str, limit: usize },
    #[error("{count} events are more than {limit}")]
    TooManyEvents { count: usize, limit: usize },
    #[error("the body does not inflate: {0}")]
    Damaged(io::Error),
    /// The header does not hold, in one field or as a whole.
    #[error("{}{}{reason}", field.unwrap_or_default(), if field.is_some() { ": " } else { "" })]
    Header { field: Option<&'static str>, reason: String },
    /// The device is ahead of this collector: it keeps its events until that has caught up.
    #[error("schema: {found} is newer than {BATCH_SCHEMA}, which this collector knows")]
    NewerSchema { found: u64 },
    #[error("app: {app:?} is not served here")]
    UnknownApp { app: String },
    #[error("authorization: the app needs a bearer token of its own")]
    WrongToken,
    #[error("certificate: the app needs a client certificate of its own")]
    WrongCertificate,
    #[error("this {} sends too much: come again in {retry_after_s} s", sender.name())]
    TooMuch { sender: Sender, retry_after_s: u64 },
}

fn header(field: &'static str, reason: impl Into<String>) -> Refused {
    Refused::Header { field: Some(field), reason: reason.into() }
}

/// Reads a batch. The gate is asked as soon as the header is known, before the events are inflated.
pub(crate) fn read(
    body: &[u8],
    encoding: Encoding,
    limits: &Limits,
    gate: &Gate,
    shown: &Credentials,
) -> Result<Batch, Refused> {
    // One byte more than allowed tells a body that is too large from one that just fits.
    let budget = limits.inflated_bytes as u64 + 1;
    let plain: Box<dyn Read + '_> = match encoding {
        Encoding::Identity => Box::new(body),
        Encoding::Gzip => Box::new(MultiGzDecoder::new(body)),
    };
    let mut reader = BufReader::new(plain.take(budget));
    let first = read_header_line(&mut reader)?;
    let header = parse_header(&first)?;
    gate.admit(&header.app, shown)?;
    check_header(&header, limits)?;
    gate.allow(&header.app, header.installation, header.events)?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).map_err(Refused::Damaged)?;
    if first.len() + rest.len() > limits.inflated_bytes {
        return Err(Refused::TooLarge { what: "inflated batch", limit: limits.inflated_bytes });
    }
    sort_events(header, &rest)
}

fn read_header_line(reader: &mut impl BufRead) -> Result<Vec<u8>, Refused> {
    let mut line = Vec::new();
    let mut bounded = reader.take(LINE_BYTES_MAX as u64 + 1);
    bounded.read_until(b'\n', &mut line).map_err(Refused::Damaged)?;
    if line.len() > LINE_BYTES_MAX {
        return Err(Refused::TooLarge { what: "header line", limit: LINE_BYTES_MAX });
    }
    Ok(line)
}

/// What every version of the header has.
#[derive(Deserialize)]
struct AnyHeader {
    schema: u64,
}

fn parse_header(line: &[u8]) -> Result<BatchHeader, Refused> {
    let bad = |error| Refused::Header { field: None, reason: format!("header line: {error}") };
    let any: AnyHeader = serde_json::from_slice(line).map_err(bad)?;
    if any.schema > u64::from(BATCH_SCHEMA) {
        return Err(Refused::NewerSchema { found: any.schema });
    }
    if any.schema == 0 {
        return Err(header("schema", "0 is no version"));
    }
    let parsed: BatchHeader = serde_json::from_slice(line).map_err(bad)?;
    if app_name_is_plain(&parsed.app) {
        Ok(parsed)
    } else {
        Err(header("app", format!("{:.80?} {APP_NAME_RULE}", parsed.app)))
    }
}

fn check_header(batch: &BatchHeader, limits: &Limits) -> Result<(), Refused> {
    let count = batch.events as usize;
    if count > limits.events {
        return Err(Refused::TooManyEvents { count, limit: limits.events });
    }
    if count == 0 {
        return Err(header("events", "a batch has at least one event"));
    }
    if batch.first_sequence == 0 {
        return Err(header("first_sequence", "sequence numbers begin at 1"));
    }
    // Numbers may be left out (dropped events), but never used twice.
    let span = batch.last_sequence.checked_sub(batch.first_sequence);
    if span.is_none_or(|span| span < u64::from(batch.events) - 1) {
        let reason = format!(
            "{} leaves no room for {count} events from {}",
            batch.last_sequence, batch.first_sequence
        );
        return Err(header("last_sequence", reason));
    }
    if i64::try_from(batch.dropped).is_err() {
        return Err(header("dropped", "does not fit a signed 64-bit number"));
    }
    check_ranges(batch)?;
    if let Some(experiment) = &batch.experiment {
        validation::check_name(experiment).map_err(|reason| header("experiment", reason))?;
    }
    if let Some(exam) = &batch.exam {
        validation::check_exam(exam).map_err(|reason| header("exam", reason))?;
    }
    Ok(())
}

/// The ranges stand in order, and none is empty or beyond the batch.
fn check_ranges(batch: &BatchHeader) -> Result<(), Refused> {
    let wrong = |reason| Err(header("dropped_ranges", reason));
    if batch.dropped_ranges.len() > RANGES_MAX {
        return wrong(format!("{} are more than {RANGES_MAX}", batch.dropped_ranges.len()));
    }
    let mut before = 0;
    for (first, last) in &batch.dropped_ranges {
        if *first <= before || last < first || *last > batch.last_sequence {
            return wrong(format!("[{first}, {last}] is empty, out of order or beyond the batch"));
        }
        before = *last;
    }
    Ok(())
}

fn sort_events(batch: BatchHeader, text: &[u8]) -> Result<Batch, Refused> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = if text.is_empty() { 0 } else { text.split(|byte| *byte == b'\n').count() };
    if lines != batch.events as usize {
        let reason = format!("the header says {}, and {lines} lines follow it", batch.events);
        return Err(header("events", reason));
    }
    let mut events: Vec<RecordedEvent> = Vec::with_capacity(lines);
    let mut rejected = Vec::new();
    let mut seen = std::collections::HashSet::with_capacity(lines);
    for (index, line) in (0u32..).zip(text.split(|byte| *byte == b'\n')) {
        let event = validation::parse_event(&batch, line).and_then(|event| {
            let sequence = event.sequence;
            let new = seen.insert(sequence);
            new.then_some(event).ok_or(format!("sequence: {sequence} is twice in this batch"))
        });
        match event {
            Ok(event) => events.push(event),
            Err(reason) => {
                let kept = &line[..line.len().min(KEPT_LINE_BYTES)];
                let line = kept.to_vec();
                rejected.push(Rejection { answer: RejectedEvent { index, reason }, line });
            }
        }
    }
    Ok(Batch { header: batch, events, rejected })
}
