//! A collector in memory: keeps what it was sent and refuses to believe contradictions.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use noctule_core::upload::{Network, Transfer, TransferOutcome, UploadRequest};
use serde_json::Value;

use crate::Phone;

/// What is known of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Its id.
    pub id: String,
    /// The generation it was recorded with: tests put a number there that no other event has.
    pub generation: Option<u64>,
}

/// All events delivered by one installation.
#[derive(Debug, Default)]
pub struct Collector {
    /// By sequence number.
    pub events: BTreeMap<u64, Delivered>,
    /// How many events were delivered more than once.
    pub repeated: u64,
    /// The pseudonyms whose deletion was requested, in the order of the answers.
    pub deleted: Vec<String>,
    sequences: HashMap<String, u64>,
    batches: HashMap<String, (u64, u64)>,
}

impl Collector {
    /// Takes one event; panics when its sequence number or its id is known for another event.
    pub fn take(&mut self, sequence: u64, event: Delivered) {
        let known = *self.sequences.entry(event.id.clone()).or_insert(sequence);
        assert_eq!(known, sequence, "id {} under two sequence numbers", event.id);
        match self.events.get(&sequence) {
            Some(before) => {
                assert_eq!(*before, event, "two events with sequence number {sequence}");
                self.repeated += 1;
            }
            None => {
                self.events.insert(sequence, event);
            }
        }
    }

    /// Notes which events a batch holds; panics when it held others before.
    pub fn batch(&mut self, id: &str, first: u64, last: u64) {
        let known = *self.batches.entry(id.to_owned()).or_insert((first, last));
        assert_eq!(known, (first, last), "batch {id} with other events than before");
    }

    /// Takes a whole batch or a request to delete, and acknowledges it.
    pub fn receive(&mut self, request: &UploadRequest) -> TransferOutcome {
        if request.path == "/v1/deletions" {
            let installation = deletion(request)["installation"].as_str().unwrap().to_owned();
            let answered = deletion_answer(&installation);
            self.deleted.push(installation);
            return answered;
        }
        let lines = lines(request);
        let number = |line: &Value, field: &str| line[field].as_u64();
        let (first, last) =
            (number(&lines[0], "first_sequence"), number(&lines[0], "last_sequence"));
        self.batch(&request.id, first.unwrap(), last.unwrap());
        for (line, expected) in lines[1..].iter().zip(first.unwrap()..) {
            let sequence = number(line, "sequence").unwrap();
            assert_eq!(sequence, expected, "a gap in batch {}", request.id);
            self.take(sequence, delivered(line));
        }
        acknowledgement(&request.id, lines.len() - 1)
    }

    /// Takes everything that `phone` has to send; its clock goes on where it waits.
    pub fn drain(&mut self, phone: &Phone) {
        loop {
            match phone.next_transfer(Network::Unmetered).unwrap() {
                Transfer::Upload(request) => {
                    let waiting = || {
                        let status = phone.status().unwrap();
                        status.pending_events + u64::from(status.deletions_pending)
                    };
                    let before = waiting();
                    let outcome = self.receive(&request);
                    phone.transfer_finished(&request.id, &outcome).unwrap();
                    let after = waiting();
                    assert!(after < before, "{after} wait after an acknowledgement");
                }
                Transfer::Wait { until_ms } => phone.clock.set(until_ms),
                Transfer::Done => return,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Panics unless exactly the sequence numbers from 1 to `last` were delivered.
    pub fn check_contiguous(&self, last: u64) {
        let expected = 1..=last;
        assert!(self.events.keys().copied().eq(expected), "of {last}: {:?}", self.gaps(last));
    }

    /// Sequence numbers from 1 to `last` that were not delivered.
    #[must_use]
    pub fn gaps(&self, last: u64) -> Vec<u64> {
        (1..=last).filter(|sequence| !self.events.contains_key(sequence)).collect()
    }
}

/// What the line of an event says.
#[must_use]
pub fn delivered(line: &Value) -> Delivered {
    let id = line["id"].as_str().unwrap().to_owned();
    Delivered { id, generation: line["generation"].as_u64() }
}

/// The lines of a batch, the header first.
#[must_use]
pub fn lines(request: &UploadRequest) -> Vec<Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*request.body).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The body of a request to delete.
#[must_use]
pub fn deletion(request: &UploadRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The answer that ends a request to delete.
#[must_use]
pub fn deletion_answer(installation: &str) -> TransferOutcome {
    answer(200, &format!(r#"{{"installation":"{installation}"}}"#))
}

/// An answer of an HTTP server.
#[must_use]
pub fn answer(status: u16, body: &str) -> TransferOutcome {
    TransferOutcome::Answer { status, body: body.into(), retry_after_s: None }
}

/// The answer that makes a batch of so many events safe.
#[must_use]
pub fn acknowledgement(id: &str, accepted: usize) -> TransferOutcome {
    answer(200, &format!(r#"{{"batch_id":"{id}","accepted":{accepted},"repeated":0}}"#))
}
