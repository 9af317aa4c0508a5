//! Chunks of files, and the library version that a release asks for.

use super::fixture::{NOW_MS, fixture, refused};
use crate::base::limits::{CHUNK_BYTES, MANIFEST_BYTES_MAX, RELEASE_BYTES_MAX};
use crate::base::{Error, Refusal};
use crate::release::{
    Chunks, FileEntry, MANIFEST_FILE, Manifest, Trust, sha256_hex, verify_directory,
    verify_directory_with,
};

/// A manifest with one file more, of which the entry says this.
fn with_entry(length: u64, chunks: usize) -> Manifest {
    let mut manifest: Manifest = {
        let release = fixture().on_disk();
        Manifest::parse(&std::fs::read(release.file(MANIFEST_FILE)).unwrap()).unwrap()
    };
    let (sha256, chunks) = (sha256_hex(b""), Some(vec![sha256_hex(b""); chunks]));
    manifest.files.insert("more.bin".into(), FileEntry { length, sha256, chunks });
    manifest
}

#[test]
fn the_number_of_chunks_must_fit_the_length() {
    let chunk = CHUNK_BYTES;
    for (length, right) in [(0, 0), (1, 1), (chunk, 1), (chunk + 1, 2), (10 * chunk, 10)] {
        assert_eq!(with_entry(length, right).check(), Ok(()));
        for wrong in [right + 1, right.wrapping_sub(1)].into_iter().filter(|wrong| *wrong < 99) {
            let refusal = with_entry(length, wrong).check().unwrap_err();
            let Refusal::Field { field, .. } = refusal else { panic!("{refusal}") };
            assert_eq!(field, "files.more.bin.chunks");
        }
    }
}

#[test]
fn a_chunk_that_is_no_digest_is_refused_with_its_place() {
    let mut manifest = with_entry(3 * CHUNK_BYTES, 3);
    let entry = manifest.files.get_mut("more.bin").unwrap();
    entry.chunks.as_mut().unwrap()[1] = "F".repeat(64);
    let refusal = manifest.check().unwrap_err();
    let Refusal::Field { field, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(field, "files.more.bin.chunks[1]");
}

#[test]
fn the_chunks_of_the_greatest_release_fit_a_manifest() {
    let others: u64 = with_entry(0, 0).files.values().map(|entry| entry.length).sum();
    let length = RELEASE_BYTES_MAX - others;
    let bytes = with_entry(length, length.div_ceil(CHUNK_BYTES) as usize).to_bytes().unwrap();
    assert!((bytes.len() as u64) < MANIFEST_BYTES_MAX / 3, "{}", bytes.len());
}

#[test]
fn wrong_chunks_are_found_by_those_who_ask_for_them() {
    let mut fixture = fixture();
    fixture.edit = |text| {
        let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entry = &mut manifest["files"]["items.safetensors"];
        entry["chunks"] = serde_json::json!([sha256_hex(b"something else")]);
        serde_json::to_string(&manifest).unwrap()
    };
    let release = fixture.on_disk();
    verify_directory(release.path(), &release.trust()).unwrap();
    let (file, refusal) =
        refused(verify_directory_with(release.path(), &release.trust(), Chunks::Checked));
    assert_eq!(file, "items.safetensors");
    assert!(matches!(refusal, Refusal::WrongChunk { index: 0, begin: 0, .. }), "{refusal}");
}

#[test]
fn a_release_for_a_newer_library_is_refused_for_that_and_not_for_what_is_new_in_it() {
    let mut fixture = fixture();
    fixture.edit =
        |text| text.replacen('{', "{\"minimum_runtime\": \"99.1.0\", \"of_later\": true,", 1);
    let (file, refusal) = fixture.refusal();
    assert_eq!(file, MANIFEST_FILE);
    assert!(matches!(refusal, Refusal::RuntimeTooOld { needed, .. } if needed == "99.1.0"));
    fixture.edit = |text| text.replacen('{', "{\"minimum_runtime\": \"0.0.1\",", 1);
    let release = fixture.on_disk();
    verify_directory(release.path(), &release.trust()).unwrap();
}

#[test]
fn a_clock_at_1970_refuses_as_not_yet_valid() {
    let release = fixture().on_disk();
    for now_ms in [0, 1, -1] {
        let trust = Trust { now_ms, ..release.trust() };
        let result = verify_directory(release.path(), &trust);
        let Err(Error::ReleaseRefused { refusal, .. }) = result else { panic!("{result:?}") };
        assert!(matches!(refusal, Refusal::NotYetValid { .. }) && NOW_MS > 0, "{refusal}");
    }
}
