//! Releases and metadata that come and are refused.

use noctule_core::base::{Clock, Error, Network, Refusal, Transfer};
use noctule_core::delivery::DeliveryPolicy;
use noctule_core::{Noctule, Result};
use noctule_tests::Town;
use noctule_tests::phone::config;
use noctule_tests::server::fetch;
use noctule_tests::town::{DAY_MS, NOW_MS};

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

/// Opens the profile of `stage` with a plan of the app's own, and fetches what there is.
fn fetch_with_plan(
    stage: &Stage,
    directory: &std::path::Path,
    plan: &Town,
) -> (Noctule, Result<()>) {
    let (mut config, _) = config(directory, NOW_MS);
    config.trusted_root = Some(stage.repository.root());
    config.delivery = Some(DeliveryPolicy::following("town"));
    config.plan = Some(plan.plan());
    let noctule = Noctule::open(config).unwrap();
    noctule.look_for_release().unwrap();
    let ended = loop {
        match noctule.next_transfer(Network::Unmetered) {
            Ok(Transfer::Fetch(request)) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                noctule.transfer_finished(&request.id, &outcome).unwrap();
            }
            Ok(_) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (noctule, ended)
}

#[test]
fn a_release_refused_for_the_apps_plan_comes_when_the_app_has_another() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    let directory = stage.path().join("with-plan");
    let other = || Town { contexts: 2, ..Town::default() };
    let files = stage.repository.files();
    let (noctule, refused) = fetch_with_plan(&stage, &directory, &other());
    let Err(Error::ReleaseRefused { refusal, .. }) = refused else { panic!("{refused:?}") };
    assert!(matches!(refusal, Refusal::PlanContexts { .. }), "{refusal}");
    drop(noctule);
    let (noctule, again) = fetch_with_plan(&stage, &directory, &other());
    again.expect("it is remembered, and not asked for again");
    assert_eq!(noctule.status().unwrap().release, None);
    drop(noctule);
    let served = stage.server.take_served();
    let of_release = |path: &str| files.contains_key(path.trim_start_matches("blobs/"));
    assert!(!served.iter().any(|one| of_release(&one.path)), "only the manifest was fetched");
    let (noctule, welcome) = fetch_with_plan(&stage, &directory, &Town::default());
    welcome.unwrap();
    assert_eq!(noctule.status().unwrap().release.as_deref(), Some("town@1"));
}

#[test]
fn a_release_without_room_for_twice_its_bytes_waits_until_there_is_room() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town { items: 40_000, ..Town::default() }.pack(stage.path()), 100);
    let blob = |sha256: &String| std::fs::metadata(stage.repository.blob(sha256)).unwrap().len();
    let total: u64 = stage.repository.files().keys().map(blob).sum();
    stage.phone.set_free_bytes(Some(2 * total - 1));
    assert_eq!(stage.drive().0, Transfer::WaitForSpace { bytes: 2 * total });
    assert_eq!(stage.drive(), (Transfer::WaitForSpace { bytes: 2 * total }, 0));
    stage.phone.set_free_bytes(Some(2 * total));
    assert_eq!(stage.drive().0, Transfer::Done);
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn an_app_that_says_nothing_of_free_space_is_not_kept_waiting() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    stage.phone.set_free_bytes(Some(0));
    assert!(matches!(stage.drive().0, Transfer::WaitForSpace { .. }));
    stage.phone.set_free_bytes(None);
    assert_eq!(stage.drive().0, Transfer::Done);
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}
