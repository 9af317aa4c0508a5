//! The forms in which vectors and codes may be stored.

use super::fixture::{Fixture, fixture};
use crate::base::Refusal;
use crate::release::{ITEMS_FILE, verify_directory};

/// The fixture with `embedding` of this dtype, or without one, and with codes of this dtype.
fn stored(embedding: Option<&'static str>, codes: &'static str) -> Fixture {
    let mut fixture = fixture();
    // 1, 0, 0, 1, 1 and -1 as halves, and the same as codes of 7.
    let one: u16 = if embedding == Some("F16") { 0x3c00 } else { 0x3f80 };
    if let Some(dtype @ ("F16" | "BF16")) = embedding {
        let halves = [one, 0, 0, one, one, one | 0x8000];
        let bytes = halves.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        *fixture.tensor("embedding") = ("embedding", dtype, vec![3, 2], bytes);
    }
    if embedding.is_none() {
        fixture.items.retain(|tensor| tensor.0 != "embedding");
    }
    if codes == "planes" {
        let planes = vec![0x07, 0x70, 0x87, 0x0f, 0xf0, 0x1f];
        *fixture.tensor("codes") = ("codes", "U8", vec![2, 3, 1], planes);
    }
    if codes == "U8" {
        *fixture.tensor("codes") = ("codes", "U8", vec![3, 1], vec![0x07, 0x70, 0x97]);
    }
    // Wide values first, so that all are aligned.
    let width = |dtype: &str| match dtype {
        "F32" => 4,
        "F16" | "BF16" => 2,
        _ => 1,
    };
    fixture.items.sort_by_key(|tensor| std::cmp::Reverse(width(tensor.1)));
    fixture
}

#[test]
fn every_form_of_vectors_goes_with_every_form_of_codes() {
    for embedding in [Some("F32"), Some("F16"), Some("BF16"), None] {
        for codes in ["I8", "planes", "U8"] {
            let release = stored(embedding, codes).on_disk();
            let verified = verify_directory(release.path(), &release.trust());
            verified.unwrap_or_else(|error| panic!("{embedding:?} {codes}: {error}"));
        }
    }
}

#[test]
fn another_dtype_is_refused_with_those_that_are_allowed() {
    let wrong = |name: &'static str, dtype, bytes: usize, expected: &str| {
        let mut release = fixture();
        *release.tensor(name) = (name, dtype, vec![3, 2], vec![0; 6 * bytes]);
        release.items.sort_by_key(|tensor| tensor.1 != "F64");
        let (tensor, expected, found) = (name.to_owned(), expected.to_owned(), dtype.to_owned());
        let needed = Refusal::WrongDtype { tensor, expected, found };
        assert_eq!(release.refusal(), (ITEMS_FILE.to_owned(), needed));
    };
    wrong("embedding", "F64", 8, "F32 or F16 or BF16");
    wrong("embedding", "I8", 1, "F32 or F16 or BF16");
    wrong("codes", "BOOL", 1, "I8 or U8");
}

#[test]
fn packed_codes_of_another_width_are_refused() {
    for shape in [vec![3, 2], vec![3], vec![2, 1]] {
        let mut release = stored(None, "U8");
        let bytes = shape.iter().product::<u64>() as usize;
        *release.tensor("codes") = ("codes", "U8", shape.clone(), vec![0; bytes]);
        let needed =
            Refusal::WrongShape { tensor: "codes".into(), expected: vec![3, 1], found: shape };
        assert_eq!(release.refusal(), (ITEMS_FILE.to_owned(), needed));
    }
}

#[test]
fn planes_of_another_shape_are_refused() {
    for shape in [vec![3, 2, 1], vec![2, 3, 2], vec![1, 3, 1]] {
        let mut release = stored(None, "planes");
        let bytes = shape.iter().product::<u64>() as usize;
        *release.tensor("codes") = ("codes", "U8", shape.clone(), vec![0; bytes]);
        let needed =
            Refusal::WrongShape { tensor: "codes".into(), expected: vec![2, 3, 1], found: shape };
        assert_eq!(release.refusal(), (ITEMS_FILE.to_owned(), needed));
    }
}

#[test]
fn a_code_or_a_scale_outside_its_range_is_named() {
    let named = |release: &Fixture, field: &str, reason: &str| match release.refusal() {
        (file, Refusal::Field { field: found, reason: said }) => {
            assert_eq!((file.as_str(), found.as_str(), &*said), (ITEMS_FILE, field, reason));
        }
        other => panic!("{other:?}"),
    };
    let mut release = stored(None, "U8");
    release.tensor("codes").3 = vec![0x07, 0x80, 0x97];
    named(&release, "tensor codes[1]", "holds the code -8, -7 to 7 is needed");
    let mut release = stored(None, "I8");
    release.tensor("codes").3[4] = 0x80;
    named(&release, "tensor codes[4]", "is -128, -127 to 127 is needed");
    let mut release = stored(None, "I8");
    release.tensor("scale").3[4..8].copy_from_slice(&1e37f32.to_le_bytes());
    named(&release, "tensor scale[1]", "is not 0 to 1e15");
}

#[test]
fn a_half_that_is_not_finite_is_refused() {
    for (dtype, bits) in [("F16", 0x7c00u16), ("F16", 0xfe00), ("BF16", 0x7f80)] {
        let mut release = stored(Some(dtype), "U8");
        release.tensor("embedding").3[6..8].copy_from_slice(&bits.to_le_bytes());
        let needed = Refusal::NotFinite { tensor: "embedding".into(), index: 3 };
        assert_eq!(release.refusal(), (ITEMS_FILE.to_owned(), needed));
    }
}
