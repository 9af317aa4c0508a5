//! Behaviour of the pull queue.

use std::io::Read;

use super::*;
use crate::base::{ItemId, Seed, UploadRequest};
use crate::feedback::recorder::Stamp;
use crate::feedback::{EventKind, FeedbackEvent};
use crate::store::Store;

struct Device {
    store: Store,
    state: QueueState,
    keys: Vec<[u8; 32]>,
    _directory: tempfile::TempDir,
}

impl Device {
    fn with_events(count: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let event = FeedbackEvent::new(EventKind::Click, ItemId::new("a").unwrap());
        let events = vec![event; count];
        let stamp = Stamp { now_ms: 0, ..Stamp::default() };
        store.write("test", |transaction| events::append(transaction, &events, stamp)).unwrap();
        Self { store, state: QueueState::default(), keys: vec![], _directory: directory }
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

    fn delivered(&self) -> u64 {
        self.store.read(|connection| self.state.delivered_through(connection)).unwrap()
    }

    fn finish(&mut self, id: &str, outcome: &TransferOutcome) -> bool {
        self.finish_at(id, outcome, 1_000)
    }

    fn finish_at(&mut self, id: &str, outcome: &TransferOutcome, now_ms: i64) -> bool {
        let mut random = SeededRandom::new(Seed(1));
        let state = &mut self.state;
        let keys = &self.keys;
        let finish =
            |t: &Transaction<'_>| state.finished(t, (id, outcome), keys, now_ms, &mut random);
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
    let stamp = Stamp { now_ms: 0, ..Stamp::default() };
    device.store.write("test", |t| events::append(t, &[event], stamp)).unwrap();
    assert_eq!(device.upload(0), first);
}

#[test]
fn only_a_200_that_names_the_batch_removes_it() {
    let mut device = Device::with_events(1);
    let request = device.upload(0);
    let other = Uuid::from_u128(9).to_string();
    // Those by which the collector says that a batch never succeeds have tests of their own.
    let others = (100..600).filter(|status| ![200, 400, 413, 415, 422].contains(status));
    let mut outcomes: Vec<TransferOutcome> = others.map(|status| answer(status, "")).collect();
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
    assert_eq!(sizes, [8, 4, 2, 1, 1, 1], "the last three times it is the same event");
    assert_eq!(lines(&device.upload(2_000))[1]["sequence"], 2, "it is set aside for the next");
    assert_eq!(device.state.kept(), [(1, 1)]);
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

/// Answers the batch at the head three times with 400, and gives its first sequence number.
fn refuse(device: &mut Device, now_ms: i64) -> u64 {
    let mut first = 0;
    for _ in 0..REFUSALS_MAX {
        let request = device.upload(now_ms);
        first = lines(&request)[0]["first_sequence"].as_u64().unwrap();
        assert!(!device.finish_at(&request.id, &answer(400, ""), now_ms));
        device.state.pause.over();
    }
    first
}

#[test]
fn a_batch_that_is_refused_as_a_whole_is_set_aside_and_comes_again_after_a_week() {
    let mut device = Device::with_events(BATCH_EVENTS_MAX + 3);
    let now_ms = 20_000 * 86_400_000;
    assert_eq!(refuse(&mut device, now_ms), 1);
    let kept = (1, BATCH_EVENTS_MAX as u64);
    assert_eq!(device.state.kept(), [kept]);
    assert_eq!((device.state.acknowledged_through, device.delivered()), (kept.1, 0));
    let next = device.upload(now_ms);
    assert_eq!(lines(&next)[1]["sequence"], kept.1 + 1);
    assert!(device.finish_at(&next.id, &ack(&next.id, 3), now_ms));
    assert_eq!(device.next(now_ms), Transfer::Done);
    let again = device.upload(now_ms + SET_ASIDE_MS);
    assert_eq!(lines(&again)[0]["events"], BATCH_EVENTS_MAX);
    assert!(device.finish(&again.id, &ack(&again.id, BATCH_EVENTS_MAX)));
    assert_eq!(device.state.kept(), []);
    assert_eq!(device.delivered(), kept.1 + 3);
}

#[test]
fn an_update_of_the_library_brings_what_was_set_aside_again() {
    let mut device = Device::with_events(2);
    let now_ms = 20_000 * 86_400_000;
    assert_eq!(refuse(&mut device, now_ms), 1);
    assert_eq!(device.next(now_ms), Transfer::Done);
    device.state.set_aside[0].library = "0.0.1".into();
    let again = device.upload(now_ms);
    assert_eq!(lines(&again)[0]["events"], 2);
    assert_eq!(refuse(&mut device, now_ms), 1);
    assert_eq!(device.next(now_ms), Transfer::Done, "refused again: kept for another week");
    assert_eq!(device.state.kept(), [(1, 2)]);
}

#[test]
fn a_collector_that_refuses_everything_stops_the_queue_and_costs_nothing() {
    let mut device = Device::with_events(20);
    device.state.events_max = Some(1);
    for expected in 1..=SET_ASIDE_MAX as u64 {
        assert_eq!(refuse(&mut device, 0), expected);
    }
    for _ in 0..3 {
        assert_eq!(refuse(&mut device, 0), SET_ASIDE_MAX as u64 + 1);
    }
    let here = device.store.read(|c| events::count_in(c, 0, u64::MAX)).unwrap();
    assert_eq!((here, device.state.acknowledged_through), (20, SET_ASIDE_MAX as u64));
}

#[test]
fn a_batch_from_which_events_were_given_up_is_still_acknowledged() {
    let mut device = Device::with_events(6);
    device.state.events_max = Some(3);
    let request = device.upload(0);
    let remove = |t: &Transaction<'_>| events::remove_through(t, 2, &[]);
    device.store.write("test", remove).unwrap();
    let again = device.upload(0);
    assert_eq!((&again.id, &lines(&again)[0]["events"]), (&request.id, &1.into()));
    assert!(!device.finish(&again.id, &ack(&again.id, 3)), "no longer what was sent last");
    assert!(device.finish(&again.id, &ack(&again.id, 1)));
    device.upload(i64::MAX / 2);
    let remove = |t: &Transaction<'_>| events::remove_through(t, 6, &[]);
    device.store.write("test", remove).unwrap();
    assert_eq!(device.next(i64::MAX / 2), Transfer::Done, "nothing is left of it");
    assert_eq!(device.state.acknowledged_through, 6);
}

#[test]
fn with_keys_only_a_signed_acknowledgement_counts() {
    use ed25519_dalek::{Signer, SigningKey};
    let key = SigningKey::from_bytes(&[3; 32]);
    let stranger = SigningKey::from_bytes(&[4; 32]);
    let mut device = Device::with_events(2);
    device.keys = [SigningKey::from_bytes(&[5; 32]), key.clone()]
        .iter()
        .map(|key| key.verifying_key().to_bytes())
        .collect();
    let request = device.upload(0);
    let unsigned = Acknowledgement {
        batch_id: request.id.parse().unwrap(),
        accepted: 2,
        repeated: 0,
        rejected: vec![],
        signature: None,
    };
    let signed = |key: &SigningKey, of: &Acknowledgement| {
        let signature = key.sign(of.signed_text().as_bytes()).to_bytes();
        let signature = Some(crate::base::digest::hex_of(&signature));
        Acknowledgement { signature, ..unsigned.clone() }
    };
    let another = Acknowledgement { repeated: 1, ..unsigned.clone() };
    let bodies = [unsigned.clone(), signed(&stranger, &unsigned), signed(&key, &another)];
    for body in bodies {
        let outcome = answer(200, &serde_json::to_string(&body).unwrap());
        assert!(!device.finish(&request.id, &outcome), "{body:?}");
    }
    let body = signed(&key, &unsigned);
    assert!(device.finish(&request.id, &answer(200, &serde_json::to_string(&body).unwrap())));
}
