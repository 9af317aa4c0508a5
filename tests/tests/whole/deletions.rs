//! The request to delete goes first, again and again, until the collector names the pseudonym.

use noctule_core::base::Clock;
use noctule_core::consent::DataConsent::NotGiven;
use noctule_core::upload::{Network, Transfer, TransferOutcome, UploadRequest};
use noctule_tests::collector::{answer, deletion, deletion_answer};
use noctule_tests::phone::event;
use noctule_tests::town::{APP, DAY_MS, NOW_MS};
use noctule_tests::{Collector, Phone};

fn upload(phone: &Phone) -> UploadRequest {
    match phone.next_transfer(Network::Metered).unwrap() {
        Transfer::Upload(request) => request,
        other => panic!("{other:?}"),
    }
}

/// A phone that was erased after a batch was handed out, and the pseudonym of before.
fn erased(scratch: &std::path::Path) -> (Phone, String) {
    let phone = Phone::open(scratch);
    phone.record(&[event("like", "item-1")]).unwrap();
    assert_eq!(upload(&phone).path, "/v1/batches");
    let installation = phone.status().unwrap().installation;
    phone.erase().unwrap();
    (phone, installation)
}

#[test]
fn a_request_says_what_the_format_says() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, installation) = erased(scratch.path());
    let request = upload(&phone);
    assert_eq!(request.headers, [("content-type", "application/json")]);
    let expected = serde_json::json!({
        "schema": 1, "app": APP, "installation": installation, "requested_at_ms": NOW_MS,
    });
    assert_eq!(deletion(&request), expected);
}

#[test]
fn only_a_200_that_names_the_pseudonym_ends_a_request() {
    let scratch = tempfile::tempdir().unwrap();
    let (mut phone, installation) = erased(scratch.path());
    phone.set_consent(NotGiven).unwrap();
    let first = upload(&phone);
    let other = "00000000-0000-4000-8000-000000000000";
    let TransferOutcome::Answer { body: named, .. } = deletion_answer(&installation) else {
        unreachable!("an answer is an answer");
    };
    let mut outcomes: Vec<TransferOutcome> =
        [100, 201, 204, 302, 400, 401, 404, 408, 410, 413, 429, 500, 503]
            .into_iter()
            .map(|status| TransferOutcome::Answer {
                status,
                body: named.clone(),
                retry_after_s: None,
            })
            .collect();
    outcomes.extend([
        answer(200, ""),
        answer(200, "<html>captive portal</html>"),
        answer(200, "{}"),
        deletion_answer(other),
        TransferOutcome::NoAnswer { reason: "offline".into() },
    ]);
    for (round, outcome) in (1..).zip(outcomes) {
        phone.transfer_finished(&first.id, &outcome).unwrap();
        phone = phone.reopen();
        assert_eq!(phone.status().unwrap().deletions_pending, 1, "{outcome:?}");
        let transfer = phone.next_transfer(Network::Unmetered).unwrap();
        assert!(matches!(transfer, Transfer::Wait { .. }), "no pause after {outcome:?}");
        phone.clock.set(NOW_MS + 2 * round * DAY_MS);
        assert_eq!(upload(&phone), first);
    }
    phone.transfer_finished("deletion-x", &deletion_answer(&installation)).unwrap();
    assert_eq!(phone.status().unwrap().deletions_pending, 1, "an outcome of another transfer");
    phone.transfer_finished(&first.id, &deletion_answer(&installation)).unwrap();
    assert_eq!(phone.status().unwrap().deletions_pending, 0);
    assert_eq!(phone.reopen().next_transfer(Network::Metered).unwrap(), Transfer::Done);
}

#[test]
fn a_request_goes_before_feedback_and_keeps_none_back_while_it_waits() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, installation) = erased(scratch.path());
    phone.record(&[event("like", "item-2")]).unwrap();
    let request = upload(&phone);
    assert_eq!(request.path, "/v1/deletions");
    phone.transfer_finished(&request.id, &answer(503, "")).unwrap();
    let batch = upload(&phone);
    assert_eq!(batch.path, "/v1/batches");
    let mut collector = Collector::default();
    let acknowledged = collector.receive(&batch);
    phone.transfer_finished(&batch.id, &acknowledged).unwrap();
    let Transfer::Wait { until_ms } = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("the request is forgotten");
    };
    assert!(until_ms > phone.clock.now_ms());
    collector.drain(&phone);
    assert_eq!(collector.deleted, [installation]);
}

#[test]
fn each_pseudonym_under_which_something_was_handed_out_has_a_request_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, first) = erased(scratch.path());
    phone.record(&[event("like", "item-2")]).unwrap();
    let request = upload(&phone);
    phone.transfer_finished(&request.id, &answer(503, "")).unwrap();
    assert_eq!(upload(&phone).path, "/v1/batches");
    let second = phone.status().unwrap().installation;
    phone.erase().unwrap();
    phone.erase().unwrap();
    assert_eq!(phone.status().unwrap().deletions_pending, 2);
    let mut collector = Collector::default();
    collector.drain(&phone);
    collector.deleted.sort();
    let mut expected = [first, second];
    expected.sort();
    assert_eq!(collector.deleted, expected);
}
