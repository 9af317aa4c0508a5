//! Aliases, tags, roll-outs, halts, and what is refused.

use std::collections::BTreeMap;

use noctule_releases::registry::{PublishOptions, Registry};
use noctule_releases::{Error, SecretKey, verify};

use crate::releases::{NOW_MS, Workplace, at, key, signed};

fn two_versions() -> Workplace {
    let place = Workplace::new();
    place.publish(1, PublishOptions { aliases: vec!["champion".into()], ..Default::default() });
    let aliases = vec!["challenger".into()];
    place.publish(2, PublishOptions { aliases, percent: 5, ..Default::default() });
    place
}

#[test]
fn a_published_release_comes_back_byte_for_byte() {
    let place = two_versions();
    let out = place.path("out");
    let keys = [key().public()];
    let name = place.registry().fetch(&at("town@challenger"), &keys, &out).unwrap();
    assert_eq!(name.to_string(), "town@2");
    let release = place.release("town", 2, 2);
    for entry in std::fs::read_dir(&release).unwrap() {
        let name = entry.unwrap().file_name();
        let (sent, back) = (release.join(&name), out.join(&name));
        assert_eq!(std::fs::read(sent).unwrap(), std::fs::read(back).unwrap(), "{name:?}");
    }
    verify(&out, &keys, NOW_MS).unwrap();
    let again = place.registry().fetch(&at("town@2"), &keys, &out);
    assert!(matches!(again, Err(Error::Exists { .. })), "nothing is overwritten");
}

#[test]
fn only_blobs_that_are_missing_are_sent() {
    let place = Workplace::new();
    let (first, second) = (place.release("town", 1, 3), place.release("town", 2, 3));
    let options = signed(PublishOptions::default());
    let published = place.registry().publish(&first, &options).unwrap();
    assert_eq!((published.sent, published.reused), (4, 0));
    // Another manifest and signature; catalogue and tensors are the same.
    let published = place.registry().publish(&second, &options).unwrap();
    assert_eq!((published.sent, published.reused), (2, 2));
}

#[test]
fn publishing_again_changes_aliases_only_and_another_release_of_the_version_is_refused() {
    let place = two_versions();
    let commit = place.registry().state().unwrap().number;
    place.publish(2, PublishOptions::default());
    assert_eq!(place.registry().state().unwrap().number, commit, "nothing to commit");
    place.publish(2, PublishOptions { aliases: vec!["spare".into()], ..Default::default() });
    assert_eq!(place.registry().state().unwrap().lines["town"].aliases["spare"], 2);
    let other = place.release("town", 2, 9);
    let refused = place.registry().publish(&other, &signed(PublishOptions::default()));
    assert!(matches!(refused, Err(Error::Taken { .. })), "{refused:?}");
}

#[test]
fn a_release_that_no_trusted_key_signed_is_not_published() {
    let place = Workplace::new();
    let release = place.release("town", 1, 1);
    let keys = vec![SecretKey::from_seed(&[8; 32]).public()];
    let options = PublishOptions { keys, ..PublishOptions::default() };
    assert!(matches!(place.registry().publish(&release, &options), Err(Error::Core(_))));
    assert_eq!(place.registry().state().unwrap().number, 0);
    assert!(!place.path("registry/blobs").exists(), "nothing was sent");
}

#[test]
fn a_promoted_version_is_offered_to_all_and_is_no_challenger_any_more() {
    let place = two_versions();
    let state = place.registry().promote(&at("town@challenger"), "champion").unwrap();
    assert_eq!(state.lines["town"].aliases, BTreeMap::from([("champion".to_owned(), 2)]));
    assert_eq!(state.lines["town"].versions[&2].percent, 100);
}

#[test]
fn a_halted_version_is_neither_promoted_nor_rolled_out_until_it_is_resumed() {
    let place = two_versions();
    let (registry, town) = (place.registry(), at("town@2"));
    assert!(registry.halt(&town).unwrap().lines["town"].versions[&2].halted);
    assert!(matches!(registry.promote(&town, "champion"), Err(Error::Halted { .. })));
    assert!(matches!(registry.roll_out(&town, 10), Err(Error::Halted { .. })));
    registry.resume(&town).unwrap();
    let state = registry.roll_out(&town, 10).unwrap();
    assert_eq!(state.lines["town"].versions[&2].percent, 10);
}

#[test]
fn tags_are_set_changed_and_removed() {
    let place = two_versions();
    let (registry, town) = (place.registry(), at("town@1"));
    let tags = |value| {
        registry.tag(&town, "owner", value).unwrap().lines["town"].versions[&1].tags.clone()
    };
    assert_eq!(tags(Some("ada"))["owner"], "ada");
    assert_eq!(tags(Some("ben"))["owner"], "ben");
    assert!(tags(None).is_empty());
}

#[test]
fn what_is_no_step_no_alias_or_not_there_is_refused_and_commits_nothing() {
    let place = two_versions();
    let registry = place.registry();
    let before = registry.state().unwrap();
    for percent in [2, 99, 101, 255] {
        let refused = registry.roll_out(&at("town@1"), percent);
        assert!(matches!(refused, Err(Error::Reference { .. })), "{percent}");
    }
    for alias in ["", "7", "v7", "latest", "a b", "a/b"] {
        let refused = registry.alias(&at("town@1"), alias);
        assert!(matches!(refused, Err(Error::Reference { .. })), "{alias}");
    }
    for text in ["town@3", "town@nobody", "village@1"] {
        let refused = registry.halt(&at(text));
        assert!(matches!(refused, Err(Error::NotInRegistry { .. })), "{text}");
    }
    assert!(matches!(registry.remove_alias("town", "x"), Err(Error::NotInRegistry { .. })));
    assert_eq!(registry.state().unwrap(), before);
}

#[test]
fn a_folder_that_is_not_there_and_a_url_without_the_feature_are_told_apart() {
    let place = Workplace::new();
    let folder = place.path("nowhere");
    let error = Registry::open(folder.to_str().unwrap()).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let error = Registry::open("gopher://bucket/path").unwrap_err();
    assert!(error.to_string().starts_with("gopher://bucket/path"), "{error}");
}

#[test]
fn the_lineage_is_the_chain_of_parents_as_far_as_it_is_known() {
    let place = two_versions();
    place.publish(3, PublishOptions::default());
    let state = place.registry().state().unwrap();
    let chain = state.lineage(&at("town@3")).unwrap();
    let names: Vec<_> = chain.iter().map(|it| (it.release.as_str(), it.known)).collect();
    assert_eq!(names, [("town@3", true), ("town@2", true), ("town@1", true), ("town@0", false)]);
}
