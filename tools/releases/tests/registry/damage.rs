//! What the doctor finds.

use noctule_releases::Error;
use noctule_releases::registry::PublishOptions;

use crate::releases::{Workplace, at, key, signed};

#[test]
fn a_flipped_bit_of_any_blob_is_found_and_named_with_the_release() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let registry = place.registry();
    let state = registry.state().unwrap();
    let version = &state.lines["town"].versions[&1];
    for blob in version.blobs() {
        let path = place.path("registry/blobs").join(&blob.sha256);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        let health = registry.examine().unwrap();
        assert_eq!(health.findings.len(), 1);
        assert!(health.findings[0].at.ends_with(&blob.sha256));
        assert_eq!(health.findings[0].needed_by, ["town@1"]);
        let refused = registry.fetch(&at("town@1"), &[key().public()], &place.path("out"));
        assert!(matches!(refused, Err(Error::BlobDamaged { .. })), "{refused:?}");
        std::fs::write(&path, &good).unwrap();
    }
    let health = registry.examine().unwrap();
    assert_eq!((health.findings.len(), health.blobs, health.states), (0, 4, 1));
}

#[test]
fn a_missing_or_short_blob_is_found_and_publishing_again_mends_it() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    let registry = place.registry();
    let sha256 = registry.state().unwrap().lines["town"].versions[&1].signature.sha256.clone();
    let path = place.path("registry/blobs").join(sha256);
    for damage in [None, Some(&b"short"[..])] {
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = damage {
            std::fs::write(&path, bytes).unwrap();
        }
        assert_eq!(registry.examine().unwrap().findings.len(), 1);
        place.publish(1, PublishOptions::default());
        assert!(registry.examine().unwrap().findings.is_empty());
    }
}

#[test]
fn a_damaged_newest_state_is_an_error_that_names_it() {
    let place = Workplace::new();
    place.publish(1, PublishOptions::default());
    place.publish(2, PublishOptions::default());
    let path = place.path("registry/registry/state/00000000000000000002.json");
    let good = std::fs::read(&path).unwrap();
    for bad in [&b"{"[..], b"", b"\xff\xfe", &good[..good.len() / 2], b"{\"format\": 9}"] {
        std::fs::write(&path, bad).unwrap();
        let error = place.registry().state().unwrap_err();
        assert!(matches!(&error, Error::Damaged { place, .. } if place.contains("002.json")));
        let release = place.release("town", 3, 3);
        let refused = place.registry().publish(&release, &signed(PublishOptions::default()));
        assert!(refused.is_err(), "nothing is built on a state that cannot be read");
    }
}
