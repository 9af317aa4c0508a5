//! No version older than one that was active, whatever becomes of the database.

use std::path::Path;

use noctule_core::base::{Clock, Error, Refusal};
use noctule_tests::town::DAY_MS;
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Town};

const FILE: &str = "noctule.versions";

fn town(version: u64) -> Town {
    Town { version, ..Town::default() }
}

fn remove_database(profile: &Path) {
    for entry in std::fs::read_dir(profile).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("noctule.sqlite") {
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[track_caller]
fn assert_rollback(phone: &Phone, release: &Path, versions: (u64, u64)) {
    match phone.install_release(release) {
        Err(Error::ReleaseRefused { refusal: Refusal::Rollback { have, offered }, .. }) => {
            assert_eq!((have, offered), versions);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_older_version_is_refused_also_with_a_new_database_and_with_the_clock_set_back() {
    let scratch = tempfile::tempdir().unwrap();
    let first = town(1).pack(scratch.path());
    let phone = Phone::with(&town(2), scratch.path());
    let second = scratch.path().join("2");
    let (profile, now_ms) = (phone.directory().to_path_buf(), phone.clock.now_ms());
    drop(phone);
    remove_database(&profile);
    let phone = Phone::open_at(&profile, now_ms - DAY_MS / 2).unwrap();
    assert_eq!(phone.status().unwrap().release, None, "the database is new");
    assert_rollback(&phone, &first, (2, 1));
    phone.install_release(&second).unwrap();
}

#[test]
fn an_older_version_is_refused_after_an_older_copy_of_the_database_came_back() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&town(1), scratch.path());
    let (profile, backup) = (phone.directory().to_path_buf(), scratch.path().join("backup"));
    drop(phone);
    copy_tree(&profile, &backup);
    let phone = Phone::open(&profile);
    phone.install_release(&town(3).pack(scratch.path())).unwrap();
    drop(phone);
    remove_database(&profile);
    std::fs::copy(backup.join("noctule.sqlite"), profile.join("noctule.sqlite")).unwrap();
    let phone = Phone::open(&profile);
    assert_rollback(&phone, &town(2).pack(scratch.path()), (3, 2));
    phone.install_release(&scratch.path().join("3")).unwrap();
}

#[test]
fn a_file_of_versions_that_is_gone_or_damaged_is_made_anew() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = Phone::with(&town(2), scratch.path());
    let file = phone.directory().join(FILE);
    let good = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    phone = phone.reopen();
    assert_eq!(std::fs::read(&file).unwrap(), good);
    std::fs::write(&file, &good[1..]).unwrap();
    phone = phone.reopen();
    assert_eq!(std::fs::read(&file).unwrap(), good);
    assert_rollback(&phone, &town(1).pack(scratch.path()), (2, 1));
}

#[test]
fn what_a_halt_makes_the_phone_forget_does_not_come_back() {
    let scratch = tempfile::tempdir().unwrap();
    let mut phone = Phone::with(&town(2), scratch.path());
    let active = phone.releases().unwrap().active.unwrap();
    assert!(phone.halt(&active.manifest_sha256, "a test").unwrap());
    phone = phone.reopen();
    phone.install_release(&town(1).pack(scratch.path())).unwrap();
}
