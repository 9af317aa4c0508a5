//! Behaviour of the pull queue.

use std::io::Read;

use super::*;
use crate::base::{ItemId, Seed};
use crate::feedback::rows::Stamp;
use crate::feedback::{EventKind, FeedbackEvent};
use crate::store::Store;

struct Device {
    store: Store,
    state: QueueState,
    _directory: tempfile::TempDir,
}

impl Device {
    fn with_events(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let event = FeedbackEvent::new(EventKind::Click, ItemId::new("a").unwrap());
        let events = vec![event; count];
        let stamp = Stamp { now_ms: 0, release: None, arm: None };
        store.write("test", |transaction| events::append(transaction, &events, stamp)).unwrap();
        Self { store, state: QueueState::default(), _directory: directory }
    }

    fn next(&mut self, now_ms: i64) -> Transfer {
        let installation = Uuid::from_u128(7);
        let sender = Sender { app: "town".into(), installation, experiment: None };
        let state = &mut self.state;
        self.store.write("test", |transaction| state.next(transaction, &sender, now_ms)).unwrap()
    }

    fn upload(&mut self, now_ms: i64) -> UploadRequest {
        match self.next(now_ms) {
            Transfer::Upload(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn finish(&mut self, id: &str, outcome: &TransferOutcome) -> bool {
        self.finish_at(id, outcome, 1_000)
    }

    fn finish_at(&mut self, id: &str, outcome: &TransferOutcome, now_ms: i64) -> bool {
        let mut random = SeededRandom::new(Seed(1));
        let state = &mut self.state;
        let finish = |t: &Transaction<'_>| state.finished(t, id, outcome, now_ms, &mut random);
        self.store.write("test", finish).unwrap()
    }
}

fn answer(status: u16, body: &str) -> TransferOutcome {
    TransferOutcome::Answer { status, body: body.into(), retry_after_s: None }
}

fn ack(id: &str, accepted: usize) -> TransferOutcome {
    answer(200, &format!(r#"{{"batch_id":"{id}","accepted":{accepted},"repeated":0}}"#))
}

fn lines(request: &UploadRequest) -> Vec<serde_json::Value> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*request.body).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn batches_leave_in_order_until_nothing_is_left() {
    let mut device = Device::with_events(BATCH_EVENTS_MAX + 3);
    let first = device.upload(0);
    let found = lines(&first);
    assert_eq!(found.len(), BATCH_EVENTS_MAX + 1);
    assert_eq!((&found[0]["first_sequence"], &found[1]["sequence"]), (&1.into(), &1.into()));
    assert!(device.finish(&first.id, &ack(&first.id, BATCH_EVENTS_MAX)));
    let second = device.upload(0);
    assert_eq!(lines(&second)[0]["events"], 3);
    assert!(device.finish(&second.id, &ack(&second.id, 3)));
    assert_eq!(device.next(0), Transfer::Done);
}

#[test]
fn a_retry_is_the_same_batch_also_after_a_restart_and_new_events() {
    let mut device = Device::with_events(3);
    let first = device.upload(0);
    let stored = device.store.read(QueueState::load).unwrap();
    assert_eq!(stored, device.state);
    device.state = stored;
    let event = FeedbackEvent::new(EventKind::Like, ItemId::new("b").unwrap());
    let stamp = Stamp { now_ms: 0, release: None, arm: None };
    device.store.write("test", |t| events::append(t, &[event], stamp)).unwrap();
    assert_eq!(device.upload(0), first);
}

#[test]
fn only_a_200_that_names_the_batch_removes_it() {
    let mut device = Device::with_events(1);
    let request = device.upload(0);
    let other = Uuid::from_u128(9).to_string();
    let mut outcomes: Vec<TransferOutcome> =
        (100..600).filter(|status| *status != 200).map(|status| answer(status, "")).collect();
    outcomes.extend([
        ack(&other, 1),
        ack(&request.id, 0),
        ack(&request.id, 2),
        answer(200, ""),
        answer(200, "<html>captive portal</html>"),
        answer(201, "{}"),
        TransferOutcome::NoAnswer { reason: "offline".into() },
    ]);
    for outcome in outcomes {
        assert!(!device.finish(&request.id, &outcome), "{outcome:?}");
        assert_eq!(device.state.acknowledged_through, 0);
    }
    let Transfer::Wait { until_ms } = device.next(1_000) else { panic!("no pause") };
    assert_eq!(device.upload(until_ms).id, request.id);
    assert!(!device.finish(&other, &ack(&other, 1)), "another transfer's outcome changes nothing");
    assert!(device.finish(&request.id, &ack(&request.id, 1)));
}

#[test]
fn a_batch_that_is_too_large_is_halved_down_to_one_event() {
    let mut device = Device::with_events(8);
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let request = device.upload(i64::MAX / 2);
        sizes.push(lines(&request)[0]["events"].as_u64().unwrap());
        device.finish(&request.id, &answer(413, ""));
    }
    assert_eq!(sizes, [8, 4, 2, 1, 1, 1]);
}

#[test]
fn a_pause_obeys_the_server() {
    let mut device = Device::with_events(1);
    let request = device.upload(0);
    let retry_after_s = Some(3_600);
    let later = TransferOutcome::Answer { status: 503, body: vec![], retry_after_s };
    device.finish(&request.id, &later);
    assert_eq!(device.next(1_000), Transfer::Wait { until_ms: 1_000 + 3_600_000 });
}

#[test]
fn a_clock_that_ran_ahead_makes_no_endless_pause() {
    let mut device = Device::with_events(1);
    let a_year = 365 * 24 * 3_600_000;
    let request = device.upload(a_year);
    device.finish_at(&request.id, &answer(500, ""), a_year);
    assert!(matches!(device.next(a_year), Transfer::Wait { .. }));
    assert_eq!(device.upload(0).id, request.id);
}

#[test]
fn a_damaged_queue_begins_anew_and_sends_what_is_there() {
    let mut device = Device::with_events(3);
    device.upload(0);
    device.store.write("test", |t| meta::put(t, STATE, b"damaged")).unwrap();
    device.state = device.store.read(QueueState::load).unwrap();
    assert_eq!(lines(&device.upload(0))[0]["events"], 3);
}
