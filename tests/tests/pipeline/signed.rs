//! A collector that signs what it acknowledges, and a phone that believes nobody else.

use std::net::SocketAddr;
use std::path::Path;

use noctule_collector::{Collector, RunningCollector, Settings, Signer};
use noctule_core::upload::{Network, Transfer};
use noctule_releases::SecretKey;
use noctule_tests::Phone;
use noctule_tests::phone::event;
use noctule_tests::post::post;
use noctule_tests::town::NOW_MS;

const KEY: [u8; 32] = [3; 32];

fn collector(output: &Path, seed: Option<[u8; 32]>) -> RunningCollector {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), output);
    settings.signer = seed.map(|seed| {
        let key = SecretKey::from_seed(&seed);
        Signer::new(move |bytes| key.sign(bytes))
    });
    Collector::start(settings).unwrap()
}

/// A phone with events that trusts the collector with [`KEY`] alone.
fn phone(directory: &Path) -> Phone {
    let trust = SecretKey::from_seed(&KEY).public().0;
    let phone =
        Phone::open_as(directory, NOW_MS, |config| config.collector_keys = vec![trust]).unwrap();
    phone.record(&[event("click", "cafe"), event("like", "cafe")]).unwrap();
    phone
}

/// Sends one batch; gives how many events wait afterwards.
fn send(phone: &Phone, address: SocketAddr) -> u64 {
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("there is nothing to send");
    };
    phone.transfer_finished(&request.id, &post(address, &request)).unwrap();
    phone.status().unwrap().pending_events
}

#[test]
fn a_phone_lets_go_of_what_its_own_collector_has_signed() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(&folder.path().join("output"), Some(KEY));
    let phone = phone(&folder.path().join("profile"));
    assert_eq!(send(&phone, collector.address()), 0);
    assert_eq!(collector.stop().unwrap().stored_events, 2);
}

#[test]
fn a_phone_keeps_what_another_collector_or_an_unsigned_answer_acknowledges() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seed) in [("none", None), ("other", Some([4; 32]))] {
        let collector = collector(&folder.path().join(name).join("output"), seed);
        let phone = phone(&folder.path().join(name).join("profile"));
        assert_eq!(send(&phone, collector.address()), 2, "{name}");
        assert_eq!(collector.stop().unwrap().stored_events, 2, "{name}");
    }
}

/// Asks for the deletion of what a phone has sent; gives how many requests wait afterwards.
fn ask_to_delete(phone: &Phone, address: SocketAddr) -> u32 {
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing is asked");
    };
    assert_eq!(request.path, "/v1/deletions");
    phone.transfer_finished(&request.id, &post(address, &request)).unwrap();
    phone.status().unwrap().deletions_pending
}

#[test]
fn a_request_to_delete_ends_with_an_answer_that_the_phones_own_collector_has_signed() {
    for (seed, waiting) in [(Some(KEY), 0), (None, 1), (Some([4; 32]), 1)] {
        let folder = tempfile::tempdir().unwrap();
        let collector = collector(&folder.path().join("output"), seed);
        let phone = phone(&folder.path().join("profile"));
        let _ = send(&phone, collector.address());
        phone.erase().unwrap();
        assert_eq!(ask_to_delete(&phone, collector.address()), waiting, "{seed:?}");
        collector.stop().unwrap();
    }
}
