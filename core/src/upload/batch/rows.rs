//! The request that carries a batch.

use std::io::Write;

use rusqlite::{Connection, Transaction};
use uuid::Uuid;

use super::gzip::Gzip;
use crate::base::{Error, Result, Transfer, UploadRequest};
use crate::exam::rows as exam;
use crate::feedback::RecordedEvent;
use crate::store::pseudonyms;
use crate::upload::Sender;
use crate::upload::wire::{BATCH_SCHEMA, BatchHeader, ExamSummary};
use crate::upload::withheld::rows as withheld;

/// Version of the library, as it is told to the collector.
pub(crate) const LIBRARY: &str = env!("CARGO_PKG_VERSION");

/// Under which pseudonym the events of a batch go out.
pub(crate) struct Scope {
    installation: Uuid,
    /// Their sequence numbers on the wire are less by this.
    base: u64,
    /// Sequence number of the last event that may be among them.
    pub(crate) end: u64,
    /// None in a store without an identity.
    pseudonym: Option<pseudonyms::Pseudonym>,
}

impl Scope {
    pub(crate) fn of(connection: &Connection, sender: &Sender, first: u64) -> Result<Self> {
        let installation = sender.installation;
        let Some((pseudonym, end)) = pseudonyms::of_event(connection, first)? else {
            return Ok(Self { installation, base: 0, end: u64::MAX, pseudonym: None });
        };
        let installation = pseudonym.installation;
        let end = end.unwrap_or(u64::MAX);
        Ok(Self { installation, base: pseudonym.base, end, pseudonym: Some(pseudonym) })
    }
}

/// The request that carries `batch`.
pub(crate) fn request(
    transaction: &Transaction<'_>,
    sender: &Sender,
    scope: &Scope,
    id: Uuid,
    mut batch: Vec<RecordedEvent>,
    now_ms: i64,
) -> Result<Transfer> {
    if let Some(pseudonym) = &scope.pseudonym {
        pseudonyms::note_handed_out(transaction, pseudonym)?;
    }
    let last = batch.last().map_or(scope.base, |event| event.sequence);
    let mut ranges = withheld::ranges(transaction, scope.base, last)?;
    ranges.iter_mut().for_each(|(first, last)| {
        (*first, *last) = (*first - scope.base, *last - scope.base);
    });
    batch.iter_mut().for_each(|event| event.sequence -= scope.base);
    let bounds = |event: Option<&RecordedEvent>| event.map_or(0, |event| event.sequence);
    let header = BatchHeader {
        schema: BATCH_SCHEMA,
        batch_id: id,
        app: sender.app.clone(),
        installation: scope.installation,
        first_sequence: bounds(batch.first()),
        last_sequence: bounds(batch.last()),
        events: batch.len() as u32,
        experiment: sender.experiment.clone(),
        exam: exam::load(transaction)?.map(|exam| Box::new(ExamSummary::from(&exam))),
        sent_at_ms: now_ms,
        library: LIBRARY.to_owned(),
        dropped: scope.pseudonym.map_or(0, |pseudonym| pseudonym.dropped),
        dropped_ranges: ranges,
    };
    Ok(Transfer::Upload(UploadRequest {
        id: id.to_string(),
        path: "/v1/batches",
        headers: vec![("content-type", "application/x-ndjson"), ("content-encoding", "gzip")],
        body: body(&header, &batch)
            .map_err(|error| Error::damaged("an upload batch", error.to_string()))?,
    }))
}

fn body(header: &BatchHeader, batch: &[RecordedEvent]) -> std::io::Result<Vec<u8>> {
    let mut gzip = Gzip::new();
    serde_json::to_writer(&mut gzip, header)?;
    gzip.write_all(b"\n")?;
    for event in batch {
        serde_json::to_writer(&mut gzip, event)?;
        gzip.write_all(b"\n")?;
    }
    gzip.finish()
}
