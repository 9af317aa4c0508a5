//! Releases and metadata that come and are refused.

use noctule_core::base::{Clock, Error, Network, Transfer};
use noctule_tests::Town;
use noctule_tests::server::fetch;
use noctule_tests::town::DAY_MS;

use crate::delivery::Stage;

#[test]
fn a_release_that_is_refused_is_told_once_and_not_fetched_again() {
    let mut stage = Stage::with_first(&Town::default());
    let mut input = Town { version: 2, ..Town::default() }.input();
    input.app = "another".into();
    let out = stage.path().join("other");
    noctule_releases::pack(&input, &Town::key(), &out).unwrap();
    stage.repository.publish(&out, 100);
    let refused = loop {
        match stage.phone.next_transfer(Network::Unmetered) {
            Ok(Transfer::Fetch(request)) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                stage.phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            other => break other,
        }
    };
    assert!(matches!(refused, Err(Error::ReleaseRefused { .. })), "{refused:?}");
    let _ = stage.server.take_served();
    for _ in 0..3 {
        stage.settle();
        stage.next_day();
    }
    let blobs = stage.server.take_served().into_iter().filter(|s| s.path.starts_with("blobs/"));
    assert_eq!(blobs.count(), 0);
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn a_release_refused_for_a_wrong_clock_comes_when_the_clock_is_right() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    let now_ms = stage.phone.clock.now_ms();
    stage.phone.clock.set(now_ms - 3 * DAY_MS);
    let refused = loop {
        match stage.phone.next_transfer(Network::Unmetered) {
            Ok(Transfer::Fetch(request)) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                stage.phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            other => break other,
        }
    };
    assert!(matches!(refused, Err(Error::ReleaseRefused { .. })), "{refused:?}");
    stage.phone.clock.set(now_ms);
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn metadata_that_is_refused_keeps_the_release_and_is_tried_later() {
    let stage = Stage::with_first(&Town::default());
    let timestamp = stage.repository.folder().join("metadata/timestamp.json");
    let good = std::fs::read(&timestamp).unwrap();
    std::fs::write(&timestamp, b"{}").unwrap();
    let error = loop {
        match stage.phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Fetch(request) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                if let Err(error) = stage.phone.transfer_finished(&request.id, &outcome) {
                    break error;
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(error, Error::TrustRefused { .. }), "{error:?}");
    assert!(matches!(stage.drive().0, Transfer::Wait { .. }));
    std::fs::write(&timestamp, good).unwrap();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}
