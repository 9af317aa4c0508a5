//! Odd places for a profile.

use std::fs;

use noctule_core::Error;
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::{Phone, Town};

#[test]
fn spaces_letters_of_all_scripts_and_quotes_in_a_path_change_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["with spaces", "ノクチュール-прив'ет\"%20?#&", "a\nline", "%s%n", "-rf"]
    {
        let parent = scratch.path().join(name);
        fs::create_dir(&parent).unwrap();
        let phone = Phone::with(&Town::default(), &parent);
        phone.record(&[event("like", "item-3")]).unwrap();
        phone.whole_night();
        let phone = phone.reopen();
        assert_eq!(phone.status().unwrap().recorded, 1, "{name}");
        assert!(!phone.slate("home", 0).items.is_empty(), "{name}");
    }
}

#[test]
fn a_path_that_is_too_long_for_the_system_is_a_typed_error() {
    let scratch = tempfile::tempdir().unwrap();
    let long = scratch.path().join(["d"; 2_000].join("/"));
    let error = Phone::open_at(&long, NOW_MS).unwrap_err();
    assert!(matches!(error, Error::DirectoryMissing { .. }), "{error}");
    let name = scratch.path().join("d".repeat(300));
    let error = Phone::open_at(&name, NOW_MS).unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_profile_opened_under_a_second_name_is_in_use() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, other) = (scratch.path().join("profile"), scratch.path().join("other"));
    let phone = Phone::open(&directory);
    std::os::unix::fs::symlink(&directory, &other).unwrap();
    let error = Phone::open_at(&other, NOW_MS).unwrap_err();
    assert!(matches!(error, Error::DirectoryInUse { .. }), "{error:?}");
    phone.record(&[event("click", "item-1")]).unwrap();
    phone.close();
    assert_eq!(Phone::open(&other).status().unwrap().recorded, 1);
}
