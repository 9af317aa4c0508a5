//! A release with anything wrong is refused with file and reason, and the one before it serves on.

use noctule_core::base::{Error, Refusal};
use noctule_core::release::{
    CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE, SIGNATURE_FILE,
};
use noctule_tests::{Phone, Town};
use serde_json::json;

use crate::spoiled::Spoiled;

/// Offers version 2, spoilt by `spoil`, to a phone with version 1; gives file and reason.
///
/// Slates, status and the rest of the phone are as before, also after a restart; the night works,
/// and the unspoilt version 2 is welcome afterwards.
#[track_caller]
fn refusal(spoil: impl FnOnce(&mut Spoiled)) -> (String, Refusal) {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let (slates, status) = (phone.slates(3), phone.status().unwrap());
    let elsewhere = scratch.path().join("spoilt");
    let mut spoiled = Spoiled::packed(&elsewhere);
    spoil(&mut spoiled);
    let refused = match phone.install_release(&spoiled.directory) {
        Err(Error::ReleaseRefused { file, refusal }) => (file, refusal),
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!((phone.slates(3), phone.status().unwrap()), (slates.clone(), status));
    let phone = phone.reopen();
    assert_eq!(phone.slates(3), slates);
    assert_eq!(phone.night().kept, 6);
    let good = Town { version: 2, ..Town::default() }.pack(scratch.path());
    assert_eq!(phone.install_release(&good).unwrap().version, 2);
    refused
}

#[test]
fn a_changed_byte_of_any_file_is_a_wrong_hash() {
    for file in [CATALOGUE_FILE, ITEMS_FILE, MODEL_FILE] {
        let (found, refusal) = refusal(|release| {
            release.replace(file, |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            });
        });
        assert_eq!(found, file);
        assert!(matches!(refusal, Refusal::WrongHash { .. }), "{refusal}");
    }
}

#[test]
fn a_file_cut_short_or_absent_is_named() {
    let (file, reason) = refusal(|release| release.replace(MODEL_FILE, |bytes| bytes.truncate(9)));
    assert_eq!(file, MODEL_FILE);
    assert!(matches!(reason, Refusal::WrongLength { found: 9, .. }), "{reason}");
    let (file, reason) = refusal(|release| {
        std::fs::remove_file(release.directory.join(ITEMS_FILE)).unwrap();
    });
    assert_eq!((file.as_str(), reason), (ITEMS_FILE, Refusal::Missing));
}

#[test]
fn a_wrong_or_absent_signature_is_refused() {
    let flip = |bytes: &mut Vec<u8>| bytes[20] ^= 1;
    for file in [SIGNATURE_FILE, MANIFEST_FILE] {
        let (found, reason) = refusal(|release| release.replace(file, flip));
        assert_eq!((found.as_str(), reason), (SIGNATURE_FILE, Refusal::WrongSignature));
    }
    let (_, reason) = refusal(|release| {
        std::fs::remove_file(release.directory.join(SIGNATURE_FILE)).unwrap();
    });
    assert_eq!(reason, Refusal::NotSigned);
}

#[test]
fn a_tensor_of_a_wrong_shape_is_refused() {
    let (file, reason) = refusal(|release| {
        release.tensors(|header, entries, _| {
            let turned = json!([8, 60]);
            header["embedding"]["shape"] = turned.clone();
            entries["embedding"]["shape"] = turned;
        });
    });
    let (expected, found) = (vec![60, 8], vec![8, 60]);
    let needed = Refusal::WrongShape { tensor: "embedding".into(), expected, found };
    assert_eq!((file.as_str(), reason), (ITEMS_FILE, needed));
}

#[test]
fn a_tensor_of_a_wrong_dtype_is_refused() {
    let (file, reason) = refusal(|release| {
        release.tensors(|header, entries, _| {
            header["popularity"]["dtype"] = "I32".into();
            entries["popularity"]["dtype"] = "I32".into();
        });
    });
    let (expected, found) = ("F32".into(), "I32".into());
    let needed = Refusal::WrongDtype { tensor: "popularity".into(), expected, found };
    assert_eq!((file.as_str(), reason), (ITEMS_FILE, needed));
}

#[test]
fn a_value_that_is_not_finite_is_refused_with_its_place() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (file, reason) = refusal(|release| {
            release.tensors(|header, _, values| {
                let begin = header["embedding"]["data_offsets"][0].as_u64().unwrap() as usize;
                values[begin + 4 * 13..begin + 4 * 14].copy_from_slice(&value.to_le_bytes());
            });
        });
        let needed = Refusal::NotFinite { tensor: "embedding".into(), index: 13 };
        assert_eq!((file.as_str(), reason), (ITEMS_FILE, needed));
    }
}

#[test]
fn a_tensor_that_the_architecture_needs_must_be_there() {
    let (file, reason) = refusal(|release| {
        release.tensors(|header, entries, values| {
            let begin = header["codes"]["data_offsets"][0].as_u64().unwrap() as usize;
            values.truncate(begin);
            header.as_object_mut().unwrap().remove("codes").unwrap();
            entries.as_object_mut().unwrap().remove("codes").unwrap();
        });
    });
    let needed = Refusal::MissingTensor { tensor: "codes".into() };
    assert_eq!((file.as_str(), reason), (ITEMS_FILE, needed));
}

#[test]
fn an_item_that_is_there_twice_is_refused_with_both_rows() {
    let (file, reason) = refusal(|release| {
        release.catalogue(|bytes| {
            let (one, other) = (Town::item(31), Town::item(30));
            let mut windows = bytes.windows(one.len());
            let at = windows.position(|window| window == one.as_bytes()).unwrap();
            bytes[at..at + other.len()].copy_from_slice(other.as_bytes());
        });
    });
    assert_eq!(file, CATALOGUE_FILE);
    let needed = Refusal::DuplicateItem { id: Town::item(30), first_line: 31, line: 32 };
    assert_eq!(reason, needed);
}

#[test]
fn a_catalogue_with_fewer_rows_than_the_tensors_is_refused() {
    let (_, reason) = refusal(|release| {
        let scratch = tempfile::tempdir().unwrap();
        let smaller = Town { version: 2, items: 59, ..Town::default() };
        release.catalogue_of(&Spoiled::of(&smaller, scratch.path()));
    });
    let (expected, found) = ("60".into(), "59".into());
    assert_eq!(reason, Refusal::Incompatible { what: "the number of rows", expected, found });
}

#[test]
fn a_release_for_another_app_another_time_or_a_newer_format_is_refused() {
    let (_, reason) = refusal(|release| release.manifest(|m| m["app"] = "city".into()));
    assert!(matches!(reason, Refusal::OtherApp { .. }), "{reason}");
    let (_, reason) = refusal(|release| {
        release.manifest(|manifest| {
            manifest["created_ms"] = 1.into();
            manifest["expires_ms"] = 2.into();
        });
    });
    assert!(matches!(reason, Refusal::Expired { expires_ms: 2, .. }), "{reason}");
    let (_, reason) = refusal(|release| release.manifest(|m| m["format"] = 2.into()));
    assert_eq!(reason, Refusal::FormatTooNew { found: 2, supported: 1 });
}

#[test]
fn an_older_version_is_refused_also_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town { version: 2, ..Town::default() }, scratch.path());
    let older = Town::default().pack(scratch.path());
    let installed = phone.reopen().install_release(&older);
    let Err(Error::ReleaseRefused { refusal, .. }) = installed else { panic!("rolled back") };
    assert_eq!(refusal, Refusal::Rollback { have: 2, offered: 1 });
    let other = Phone::open(&scratch.path().join("other"));
    assert!(other.install_release(&older).is_ok(), "who has seen nothing newer takes it");
}

#[test]
fn a_directory_without_a_release_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(&scratch.path().join("profile"));
    let nowhere = scratch.path().join("nowhere");
    let missing = phone.install_release(&nowhere);
    assert!(matches!(missing, Err(Error::DirectoryMissing { path }) if path == nowhere));
    std::fs::create_dir(&nowhere).unwrap();
    let Err(Error::ReleaseRefused { file, refusal }) = phone.install_release(&nowhere) else {
        panic!("an empty directory is no release");
    };
    assert_eq!((file.as_str(), refusal), (MANIFEST_FILE, Refusal::Missing));
}
