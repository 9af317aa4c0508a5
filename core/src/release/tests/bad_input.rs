//! What else may come in: each is refused for its own reason, with a sentence that says what to do.

use super::fixture::{NOW_MS, f32s, fixture, refused};
use crate::base::limits::{ITEMS_MAX, MANIFEST_BYTES_MAX};
use crate::base::{Error, Refusal};
use crate::release::{ITEMS_FILE, MANIFEST_FILE, Manifest, Trust, verify_directory};

/// The refusal of the good manifest with `from` replaced by `to`.
fn changed(from: &str, to: &[u8]) -> Refusal {
    let release = fixture().on_disk();
    let text = std::fs::read_to_string(release.file(MANIFEST_FILE)).unwrap();
    let at = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + from.len()..]);
    refused(Manifest::parse(&[before, to, after].concat())).1
}

#[test]
fn two_to_the_32_items_are_too_many() {
    for items in [1 << 32, ITEMS_MAX as u64 + 1] {
        let mut fixture = fixture();
        fixture.tensor("popularity").2 = vec![items];
        let (what, limit) = ("number of items", ITEMS_MAX as u64);
        let refusal = Refusal::TooLarge { what, found: items, limit };
        assert_eq!(fixture.refusal().1, refusal);
    }
}

#[test]
fn a_dimension_of_nought_is_a_wrong_shape() {
    for (name, shape) in [("embedding", vec![3, 0]), ("embedding", vec![0, 2]), ("scale", vec![0])]
    {
        let mut fixture = fixture();
        let tensor = fixture.tensor(name);
        (tensor.2, tensor.3) = (shape.clone(), Vec::new());
        let (file, refusal) = fixture.refusal();
        assert_eq!(file, ITEMS_FILE);
        assert!(
            matches!(&refusal, Refusal::WrongShape { tensor, found, .. }
                if tensor == name && *found == shape),
            "{refusal}"
        );
    }
}

#[test]
fn denormals_are_values_like_any_other() {
    let mut fixture = fixture();
    let least = f32::from_bits(1);
    fixture.tensor("embedding").3 = f32s(&[least, 0.0, 0.0, -least, 1.0, -1.0]);
    let release = fixture.on_disk();
    verify_directory(release.path(), &release.trust()).unwrap();
}

#[test]
fn a_manifest_that_is_deep_is_named_with_its_place() {
    let deep = format!("{}1", "[".repeat(100_000));
    let refusal = changed("\"town\"", deep.as_bytes());
    assert!(matches!(refusal, Refusal::TooDeep { .. }), "{refusal}");
    assert!(refusal.to_string().len() < 1_000, "short enough for a log");
}

#[test]
fn a_manifest_that_is_not_utf8_is_named_with_its_place() {
    let refusal = changed("\"town\"", b"\"to\xffn\"");
    assert!(matches!(refusal, Refusal::NotUtf8 { .. }), "{refusal}");
}

#[test]
fn nan_and_a_number_beyond_every_range_in_a_manifest_are_no_numbers() {
    for number in ["NaN", "-Infinity", "1e999"] {
        let to = format!("\"unobserved_weight\": {number}");
        let refusal = changed("\"unobserved_weight\": 0.1", to.as_bytes());
        assert!(
            matches!(&refusal, Refusal::NotANumber { field, .. }
                if field.ends_with("unobserved_weight")),
            "{refusal}"
        );
    }
}

#[test]
fn an_id_of_ten_megabytes_and_one_with_a_control_character_are_refused() {
    let endless = format!("\"{}\"", "x".repeat(10_000_000));
    let found = changed("\"home\"", endless.as_bytes());
    let limit = MANIFEST_BYTES_MAX;
    assert!(matches!(found, Refusal::TooLarge { limit: l, .. } if l == limit), "{found}");
    let long = format!("\"{}\"", "x".repeat(129));
    let bell = changed("\"home\"", b"\"ho\\u0007me\"");
    assert!(
        matches!(&bell, Refusal::ControlCharacter { field, .. } if field == "plan.surfaces[0].id"),
        "{bell}"
    );
    for id in [long.as_bytes(), b"\"\""] {
        let refusal = changed("\"home\"", id);
        assert!(
            matches!(&refusal, Refusal::Field { field, .. } if field == "plan.surfaces[0].id"),
            "{refusal}"
        );
    }
}

#[test]
fn another_app_an_expired_release_and_one_of_the_future_have_each_their_own_sentence() {
    let release = fixture().on_disk();
    let key = fixture().key.verifying_key().to_bytes();
    let told = |app, now_ms| {
        let keys = [key];
        let result = verify_directory(release.path(), &Trust::signed_by(app, &keys, now_ms));
        match result {
            Err(Error::ReleaseRefused { refusal, .. }) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told("village", NOW_MS), "made for the app \"town\", this is \"village\"");
    assert!(told("town", i64::MAX).contains("expired at"));
    let at_1970 = told("town", 0);
    assert!(at_1970.contains("it is 0: one of the two clocks is wrong"), "{at_1970}");
}
