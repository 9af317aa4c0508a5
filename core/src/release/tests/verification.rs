//! Whole releases on disk, each with one thing wrong.

use super::fixture::{Fixture, HOUR_MS, NOW_MS, f32s, fixture, popularity, refused};
use crate::base::{Error, Refusal};
use crate::release::{
    CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE, ReleaseName, SIGNATURE_FILE,
    SeenRelease, Trust, sha256_hex, verify_directory,
};

fn seen(version: u64, manifest_sha256: &str) -> SeenRelease {
    let release = ReleaseName { name: "town".into(), version };
    SeenRelease { release, manifest_sha256: manifest_sha256.into() }
}

#[test]
fn a_good_release_passes() {
    let release = fixture().on_disk();
    let verified = verify_directory(release.path(), &release.trust()).unwrap();
    assert_eq!((verified.items, verified.manifest.release.to_string().as_str()), (3, "town@3"));
    let bytes = std::fs::read(release.file(MANIFEST_FILE)).unwrap();
    assert_eq!(verified.manifest_sha256, sha256_hex(&bytes));
}

#[test]
fn a_release_of_no_items_and_one_of_one_item_pass() {
    for items in [0, 1] {
        let release = popularity(items).on_disk();
        let verified = verify_directory(release.path(), &release.trust()).unwrap();
        assert_eq!(verified.items, items);
    }
}

#[test]
fn a_missing_directory_and_a_missing_file_are_named() {
    let release = fixture().on_disk();
    let absent = verify_directory(&release.file("absent"), &release.trust());
    assert!(matches!(absent, Err(Error::DirectoryMissing { .. })));
    for file in [MODEL_FILE, ITEMS_FILE, CATALOGUE_FILE, MANIFEST_FILE] {
        std::fs::remove_file(release.file(file)).unwrap();
        assert_eq!(release.refusal(), (file.into(), Refusal::Missing));
        fixture().write(release.path());
    }
}

#[test]
fn a_wrong_hash_is_refused_for_every_bit_of_every_file() {
    let release = fixture().on_disk();
    for file in [CATALOGUE_FILE, ITEMS_FILE, MODEL_FILE] {
        let good = std::fs::read(release.file(file)).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(release.file(file), &bad).unwrap();
            let (named, refusal) = release.refusal();
            assert!(matches!(refusal, Refusal::WrongHash { .. }) && named == file, "{refusal}");
        }
        std::fs::write(release.file(file), &good).unwrap();
    }
}

#[test]
fn a_wrong_length_is_refused_before_the_hash() {
    let release = fixture().on_disk();
    let path = release.file(CATALOGUE_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let expected = bytes.len() as u64;
    bytes.push(b'\n');
    std::fs::write(&path, &bytes).unwrap();
    let refusal = Refusal::WrongLength { expected, found: expected + 1 };
    assert_eq!(release.refusal(), (CATALOGUE_FILE.into(), refusal));
}

#[test]
fn an_unsigned_a_foreign_and_a_changed_manifest_are_refused() {
    let release = fixture().on_disk();
    let (path, signature) = (release.file(MANIFEST_FILE), release.file(SIGNATURE_FILE));
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        assert_eq!(release.refusal(), (SIGNATURE_FILE.into(), Refusal::WrongSignature));
    }
    std::fs::write(&path, &good).unwrap();
    std::fs::write(&signature, [0; 65]).unwrap();
    assert_eq!(release.refusal().1, Refusal::WrongSignature);
    std::fs::write(&signature, [0; 66]).unwrap();
    assert!(matches!(release.refusal().1, Refusal::TooLarge { .. }));
    std::fs::remove_file(&signature).unwrap();
    assert_eq!(release.refusal(), (SIGNATURE_FILE.into(), Refusal::NotSigned));

    let mut foreign = fixture();
    foreign.key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    assert_eq!(foreign.refusal().1, Refusal::WrongSignature);
}

#[test]
fn without_a_trusted_key_nothing_passes_unless_unsigned_releases_are_asked_for() {
    let release = fixture().on_disk();
    let trust = Trust::signed_by("town", &[], NOW_MS);
    let refusal = refused(verify_directory(release.path(), &trust)).1;
    assert_eq!(refusal, Refusal::WrongSignature);
    std::fs::remove_file(release.file(SIGNATURE_FILE)).unwrap();
    let trust = Trust::unsigned_for_development("town", NOW_MS);
    assert_eq!(verify_directory(release.path(), &trust).unwrap().items, 3);
}

#[test]
fn a_release_of_another_app_is_refused() {
    let mut other = fixture();
    other.manifest.app = "village".into();
    let (file, refusal) = other.refusal();
    assert_eq!(file, MANIFEST_FILE);
    assert!(matches!(refusal, Refusal::OtherApp { found, .. } if found == "village"));
}

#[test]
fn a_release_is_good_from_a_day_before_its_begin_until_its_end() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let release = fixture().on_disk();
    let at = |now_ms| {
        let trust = Trust { now_ms, ..release.trust() };
        verify_directory(release.path(), &trust)
    };
    let (created_ms, expires_ms) = (NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    at(created_ms - DAY_MS).unwrap();
    at(expires_ms - 1).unwrap();
    for now_ms in [created_ms - DAY_MS - 1, 0, i64::MIN] {
        let refusal = Refusal::NotYetValid { created_ms, now_ms };
        assert_eq!(refused(at(now_ms)), (MANIFEST_FILE.into(), refusal));
    }
    for now_ms in [expires_ms, i64::MAX] {
        let refusal = Refusal::Expired { expires_ms, now_ms };
        assert_eq!(refused(at(now_ms)), (MANIFEST_FILE.into(), refusal));
    }
}

#[test]
fn an_older_version_is_refused_and_the_very_same_is_not() {
    let release = fixture().on_disk();
    let digest = sha256_hex(&std::fs::read(release.file(MANIFEST_FILE)).unwrap());
    let after = |seen: &[SeenRelease]| {
        verify_directory(release.path(), &release.trust().having_seen(seen)).map(|_| ())
    };
    after(&[seen(2, "")]).unwrap();
    after(&[seen(3, &digest)]).unwrap();
    for seen in [seen(4, &digest), seen(3, "another"), seen(u64::MAX, "")] {
        let have = seen.release.version;
        assert_eq!(refused(after(&[seen])).1, Refusal::Rollback { have, offered: 3 });
    }
    let mut other = seen(9, "");
    other.release.name = "village".into();
    after(&[other]).unwrap();
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_and_a_directory_in_place_of_a_file_are_refused() {
    let release = fixture().on_disk();
    for file in [MODEL_FILE, CATALOGUE_FILE, MANIFEST_FILE, SIGNATURE_FILE] {
        let moved = release.file("elsewhere");
        std::fs::rename(release.file(file), &moved).unwrap();
        std::os::unix::fs::symlink(&moved, release.file(file)).unwrap();
        assert_eq!(release.refusal(), (file.into(), Refusal::UnsafePath));
        std::fs::remove_file(release.file(file)).unwrap();
        std::fs::create_dir(release.file(file)).unwrap();
        assert_eq!(release.refusal(), (file.into(), Refusal::UnsafePath));
        std::fs::remove_dir(release.file(file)).unwrap();
        std::fs::rename(&moved, release.file(file)).unwrap();
    }
}

#[test]
fn a_missing_tensor_is_named() {
    for name in ["popularity", "context_popularity", "codes", "scale"] {
        let mut fixture = fixture();
        fixture.items.retain(|tensor| tensor.0 != name);
        let refusal = Refusal::MissingTensor { tensor: name.into() };
        assert_eq!(fixture.refusal(), (ITEMS_FILE.into(), refusal));
    }
    for name in ["gram", "ranker.weight", "ranker.bias"] {
        let mut fixture = fixture();
        fixture.model.retain(|tensor| tensor.0 != name);
        let refusal = Refusal::MissingTensor { tensor: name.into() };
        assert_eq!(fixture.refusal(), (MODEL_FILE.into(), refusal));
    }
}

#[test]
fn a_tensor_too_many_is_named() {
    let mut fixture = fixture();
    fixture.model.push(("more", "U8", vec![1], vec![0]));
    let (file, refusal) = fixture.refusal();
    assert_eq!(file, MODEL_FILE);
    assert!(matches!(refusal, Refusal::TensorName { name, .. } if name == "more"));
}

/// The fixture with tensor `name` of another dtype, shape and content.
fn with(name: &str, dtype: &'static str, shape: &[u64], bytes: Vec<u8>) -> Fixture {
    let mut fixture = fixture();
    let tensor = fixture.tensor(name);
    *tensor = (tensor.0, dtype, shape.to_vec(), bytes);
    fixture
}

#[test]
fn a_wrong_dtype_is_named() {
    let (file, refusal) = with("scale", "I32", &[3], vec![0; 12]).refusal();
    assert_eq!(file, ITEMS_FILE);
    assert!(matches!(refusal, Refusal::WrongDtype { tensor, .. } if tensor == "scale"));
}

#[test]
fn a_wrong_shape_is_named() {
    for (name, shape) in
        [("embedding", &[2, 3][..]), ("codes", &[6]), ("gram", &[4]), ("popularity", &[3, 1])]
    {
        let bytes = fixture().tensor(name).3.clone();
        let dtype = if name == "codes" { "I8" } else { "F32" };
        let refusal = with(name, dtype, shape, bytes).refusal().1;
        assert!(
            matches!(&refusal, Refusal::WrongShape { tensor, .. } if tensor == name),
            "{refusal}"
        );
    }
}

#[test]
fn tensors_that_differ_from_the_manifest_are_named() {
    let mut fixture = fixture();
    let mut items = fixture.items.clone();
    items[0].2 = vec![6];
    fixture.raw.insert(ITEMS_FILE, super::fixture::tensors(&items));
    assert!(matches!(fixture.refusal().1, Refusal::WrongShape { .. }));
    items = fixture.items.clone();
    items.pop();
    fixture.raw.insert(ITEMS_FILE, super::fixture::tensors(&items));
    assert!(matches!(fixture.refusal().1, Refusal::MissingTensor { .. }));
    items = fixture.items.clone();
    items.push(("more", "U8", vec![0], vec![]));
    fixture.raw.insert(ITEMS_FILE, super::fixture::tensors(&items));
    assert!(matches!(fixture.refusal().1, Refusal::TensorName { .. }));
}

#[test]
fn a_tensor_that_is_not_aligned_is_refused() {
    let mut fixture = fixture();
    fixture.items.rotate_right(1);
    let (file, refusal) = fixture.refusal();
    assert_eq!(file, ITEMS_FILE);
    assert!(matches!(refusal, Refusal::Field { reason, .. } if reason.contains("aligned")));
}

#[test]
fn a_value_that_is_not_finite_is_named() {
    for value in [f32::NAN, f32::INFINITY] {
        let bytes = f32s(&[0.0, 0.0, 0.0, value, 0.0, 0.0]);
        let refusal = Refusal::NotFinite { tensor: "embedding".into(), index: 3 };
        let refused = with("embedding", "F32", &[3, 2], bytes).refusal();
        assert_eq!(refused, (ITEMS_FILE.into(), refusal));
    }
    let refused = with("ranker.bias", "F32", &[1], f32s(&[f32::NAN])).refusal();
    assert_eq!(refused.0, MODEL_FILE);
}

#[test]
fn a_negative_scale_or_popularity_and_a_code_of_minus_128_are_named() {
    let scale = with("scale", "F32", &[3], f32s(&[1.0, 0.0, -1.0]));
    let popularity = with("popularity", "F32", &[3], f32s(&[1.0, 0.0, -1.0]));
    let codes = with("codes", "I8", &[3, 2], vec![0, 0, 128, 0, 0, 0]);
    for (fixture, place) in [
        (scale, "tensor scale[2]"),
        (popularity, "tensor popularity[2]"),
        (codes, "tensor codes[2]"),
    ] {
        let (file, refusal) = fixture.refusal();
        assert_eq!(file, ITEMS_FILE);
        assert!(matches!(&refusal, Refusal::Field { field, .. } if field == place), "{refusal}");
    }
}

#[test]
fn a_file_that_is_no_container_is_refused() {
    let mut fixture = fixture();
    for bytes in [vec![], vec![0; 7], u64::MAX.to_le_bytes().to_vec(), b"a text file\n".to_vec()] {
        fixture.raw.insert(MODEL_FILE, bytes);
        assert_eq!(fixture.refusal().0, MODEL_FILE);
    }
}

#[test]
fn a_duplicate_item_and_a_row_too_many_are_named() {
    let mut fixture = fixture();
    let mut bytes = fixture.catalogue();
    let ids = bytes.windows(3).position(|window| window == b"abc").unwrap();
    bytes[ids + 1] = b'a';
    fixture.raw.insert(CATALOGUE_FILE, bytes);
    let refusal = Refusal::DuplicateItem { id: "a".into(), first_line: 1, line: 2 };
    assert_eq!(fixture.refusal(), (CATALOGUE_FILE.into(), refusal));

    let mut fixture = super::fixture::fixture();
    fixture.catalogue.push_str("{\"id\":\"d\",\"title\":\"\"}\n");
    let (file, refusal) = fixture.refusal();
    assert_eq!(file, CATALOGUE_FILE);
    assert!(matches!(refusal, Refusal::Incompatible { found, .. } if found == "4"));
}

#[test]
fn a_signed_manifest_that_is_wrong_is_refused_for_its_field() {
    let mut fixture = fixture();
    fixture.edit = |text| text.replace("\"length\": 5", "\"length\": 0");
    let (file, refusal) = fixture.refusal();
    assert_eq!(file, MANIFEST_FILE);
    assert!(matches!(refusal, Refusal::Field { field, .. } if field == "plan.surfaces[0].length"));
}
