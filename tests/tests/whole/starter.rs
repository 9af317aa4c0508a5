//! The first run: a release that ships in the app, and what comes after it.

use noctule_core::Error;
use noctule_core::base::Refusal;
use noctule_core::serving::Tier;
use noctule_releases::{SecretKey, pack};
use noctule_tests::phone::event;
use noctule_tests::server::Server;
use noctule_tests::{Phone, Repository, Town};

use crate::delivery::Stage;

/// A starter of a tenth of the town, in a line of its own.
fn starter(parent: &std::path::Path, key: &SecretKey) -> std::path::PathBuf {
    let mut input = Town { items: 20, ..Town::default() }.input();
    input.name = "town-starter".into();
    let out = parent.join("starter");
    pack(&input, key, &out).unwrap();
    out
}

#[test]
fn a_starter_gives_the_first_slate_and_is_installed_once() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(&scratch.path().join("profile"));
    let starter = starter(scratch.path(), &Town::key());
    assert!(phone.install_starter(&starter).unwrap());
    let slate = phone.slate("home", 0);
    assert_eq!((slate.items.len(), slate.tier), (10, Tier::Baseline));
    assert_eq!(slate.release.as_deref(), Some("town-starter@1"));
    assert!(!phone.install_starter(&starter).unwrap());
    // What is recorded over it is learned from like everything else.
    phone.record(&[event("like", "item-3")]).unwrap();
    phone.whole_night();
    assert_eq!(phone.slate("home", 0).tier, Tier::Fresh);
}

#[test]
fn a_starter_never_takes_the_place_of_a_release() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    assert!(!phone.install_starter(&starter(scratch.path(), &Town::key())).unwrap());
    assert_eq!(phone.status().unwrap().release.as_deref(), Some("town@1"));
}

#[test]
fn a_starter_that_another_key_has_signed_is_refused_and_the_profile_stays_empty() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(&scratch.path().join("profile"));
    let foreign = starter(scratch.path(), &SecretKey::from_seed(&[8; 32]));
    let refused = phone.install_starter(&foreign);
    let is_unsigned = |refusal: &Refusal| format!("{refusal:?}").contains("ignature");
    assert!(
        matches!(&refused, Err(Error::ReleaseRefused { refusal, .. }) if is_unsigned(refusal)),
        "{refused:?}"
    );
    assert_eq!(phone.status().unwrap().release, None);
}

#[test]
fn the_full_release_takes_the_place_of_a_starter_without_metadata_and_the_next_night_serves_it() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = Repository::new(&scratch.path().join("repository"));
    let server = Server::start(repository.folder());
    let phone = Phone::following(&scratch.path().join("profile"), &repository.root());
    let mut stage = Stage { scratch, repository, server, phone };
    let starter = starter(stage.path(), &Town::key());
    // No repository was ever asked: the folder holds the release and nothing else.
    assert!(stage.phone.install_starter(&starter).unwrap());
    assert_eq!(stage.phone.slate("home", 0).items.len(), 10);
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
    stage.phone.whole_night();
    let slates = stage.phone.slates(3);
    assert!(slates.iter().all(|slate| slate.release.as_deref() == Some("town@1")));
    assert!(!stage.phone.install_starter(&starter).unwrap(), "an older app was put back");
}
