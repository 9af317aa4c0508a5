//! Feedback leaves the phone only when the collector has said that it is safe.

use noctule_core::upload::{Network, Transfer, TransferOutcome, UploadRequest};
use noctule_tests::collector::{acknowledgement, answer, lines};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Collector, Phone};

fn with_events(scratch: &tempfile::TempDir) -> Phone {
    let phone = Phone::open(scratch.path());
    phone.record(&[event("like", "a"), event("click", "b"), event("hide", "c")]).unwrap();
    phone
}

fn upload(phone: &Phone) -> UploadRequest {
    match phone.next_transfer(Network::Unmetered).unwrap() {
        Transfer::Upload(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whatever_is_no_acknowledgement_of_the_batch_keeps_the_data() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = with_events(&scratch);
    let first = upload(&phone);
    let portal = "<!DOCTYPE html><title>Free WiFi</title><p>Please accept our terms.";
    let other = "00000000-0000-4000-8000-000000000000";
    let TransferOutcome::Answer { body: of_another, .. } = acknowledgement(other, 3) else {
        unreachable!("an acknowledgement is an answer");
    };
    let outcomes = [
        answer(500, ""),
        answer(401, r#"{"error":"unauthorized"}"#),
        answer(200, portal),
        answer(302, portal),
        answer(200, "{}"),
        TransferOutcome::Answer { status: 200, body: of_another, retry_after_s: None },
        TransferOutcome::Answer { status: 429, body: vec![], retry_after_s: Some(u64::MAX) },
        TransferOutcome::NoAnswer { reason: "offline".into() },
    ];
    for (day, outcome) in (1..).zip(outcomes) {
        phone.transfer_finished(&first.id, &outcome).unwrap();
        phone = phone.reopen();
        let status = phone.status().unwrap();
        assert_eq!((status.recorded, status.pending_events), (3, 3), "{outcome:?}");
        let Transfer::Wait { until_ms } = phone.next_transfer(Network::Unmetered).unwrap() else {
            panic!("no pause after {outcome:?}");
        };
        assert!(until_ms <= NOW_MS + (2 * day + 2) * DAY_MS);
        phone.clock.set(NOW_MS + 2 * day * DAY_MS);
        let again = upload(&phone);
        assert_eq!(again.id, first.id);
        assert_eq!(lines(&again)[1..], lines(&first)[1..]);
    }
    phone.transfer_finished(other, &acknowledgement(other, 3)).unwrap();
    assert_eq!(phone.status().unwrap().pending_events, 3, "an outcome of another transfer");
    phone.transfer_finished(&first.id, &acknowledgement(&first.id, 3)).unwrap();
    let phone = phone.reopen();
    assert_eq!(phone.status().unwrap().pending_events, 0);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}

#[test]
fn a_batch_stays_the_same_over_restarts_new_events_and_nights() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = with_events(&scratch);
    let first = upload(&phone);
    let phone = phone.reopen();
    phone.record(&[event("like", "d")]).unwrap();
    let _ = phone.night();
    assert_eq!(upload(&phone), first);
    let mut collector = Collector::default();
    collector.drain(&phone);
    collector.check_contiguous(4);
}

#[test]
fn events_that_were_sent_but_not_learned_are_still_learned_and_the_other_way_round() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = with_events(&scratch);
    let mut collector = Collector::default();
    collector.drain(&phone);
    let phone = phone.reopen();
    assert_eq!(phone.night().learned_events, 3);
    phone.record(&[event("like", "d"), event("like", "e")]).unwrap();
    assert_eq!(phone.night().learned_events, 2);
    let phone = phone.reopen();
    collector.drain(&phone);
    collector.check_contiguous(5);
    assert_eq!((collector.repeated, phone.night().learned_events), (0, 0));
}

#[test]
fn mobile_data_carries_so_much_a_day_and_wi_fi_all() {
    let scratch = tempfile::tempdir().unwrap();
    let open = |bytes| {
        let allow = |config: &mut noctule_core::Config| config.upload.metered_bytes_a_day = bytes;
        Phone::open_as(scratch.path(), NOW_MS, allow).unwrap()
    };
    let phone = open(0);
    phone.record(&[event("like", "a")]).unwrap();
    let Transfer::WaitForUnmetered { bytes } = phone.next_transfer(Network::Metered).unwrap()
    else {
        panic!("nothing may leave over mobile data");
    };
    let held = upload(&phone);
    assert_eq!(bytes, held.body.len() as u64);
    drop(phone);
    // Twice fits, three times does not, and a failed attempt counts.
    let phone = open(2 * bytes + bytes / 2);
    for _ in 0..2 {
        let Transfer::Upload(request) = phone.next_transfer(Network::Metered).unwrap() else {
            panic!("it fits");
        };
        assert_eq!((&request.id, &request.body), (&held.id, &held.body), "the same batch");
    }
    for network in [Network::Metered, Network::Metered] {
        let next = phone.next_transfer(network).unwrap();
        assert_eq!(next, Transfer::WaitForUnmetered { bytes });
    }
    phone.clock.set(NOW_MS + DAY_MS);
    assert!(matches!(phone.next_transfer(Network::Metered).unwrap(), Transfer::Upload(_)));
    let request = upload(&phone);
    phone.transfer_finished(&request.id, &acknowledgement(&request.id, 1)).unwrap();
    assert_eq!(phone.next_transfer(Network::Metered).unwrap(), Transfer::Done);
}
