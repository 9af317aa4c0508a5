//! Hostile and friendly safetensors files.

use std::path::PathBuf;

use super::fixture::{container, f32s, layout, refused, tensors};
use crate::base::Refusal;
use crate::base::limits::{TENSOR_HEADER_BYTES_MAX, TENSORS_MAX};
use crate::release::{Dtype, TensorLayout, check_finite};

fn entry(shape: &str, begin: u64, end: u64) -> String {
    format!("{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{begin},{end}]}}")
}

/// The refusal of a container of one tensor `x` described by `entry`, with `data_bytes` of data.
fn one(entry: &str, data_bytes: usize) -> Refusal {
    layout(&container(&format!("{{\"x\":{entry}}}"), &vec![0; data_bytes])).unwrap_err()
}

#[test]
fn files_of_other_programs_load_as_containers() {
    let data = std::env::var_os("NOCTULE_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(data.join("safetensors-good")) else {
        eprintln!("skipped: {} has no safetensors-good", data.display());
        return;
    };
    let mut files = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let layout = TensorLayout::read_container(&path, "x").unwrap();
            check_finite(&path, "x", &layout).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(layout.len(), theirs.len(), "{}", path.display());
            for (name, info) in layout.iter() {
                let ours = &bytes[info.begin as usize..info.end as usize];
                assert_eq!(ours, theirs.tensor(name).unwrap().data(), "{name}");
            }
            files += 1;
        }
    }
    assert_eq!(files, 9);
}

#[test]
fn a_tensor_is_found_with_its_absolute_offsets() {
    let bytes = tensors(&[("b", "F32", vec![2], f32s(&[1.0, 2.0])), ("a", "U8", vec![], vec![9])]);
    let layout = layout(&bytes).unwrap();
    let (a, b) = (layout.get("a").unwrap(), layout.get("b").unwrap());
    assert_eq!(bytes[a.begin as usize..a.end as usize], [9]);
    assert_eq!((b.dtype, b.values(), b.end), (Dtype::F32, 2, a.begin));
    assert_eq!((a.values(), layout.get("c")), (1, None));
}

#[test]
fn a_file_without_room_for_a_length_is_truncated() {
    assert_eq!(layout(&[]).unwrap_err(), Refusal::Truncated { have: 0, need: 8 });
    assert_eq!(layout(&[0; 7]).unwrap_err(), Refusal::Truncated { have: 7, need: 8 });
}

#[test]
fn a_header_longer_than_the_file_is_truncated() {
    let mut bytes = 100_u64.to_le_bytes().to_vec();
    bytes.extend(b"{}");
    assert_eq!(layout(&bytes).unwrap_err(), Refusal::Truncated { have: 10, need: 108 });
}

#[test]
fn an_endless_header_is_refused_before_it_is_read() {
    for found in [u64::MAX, TENSOR_HEADER_BYTES_MAX + 1] {
        let refusal = layout(&found.to_le_bytes()).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { found: f, .. } if f == found), "{refusal}");
    }
    // 90 MB of metadata and a header of a million tensors end the same way.
    let metadata = format!("{{\"__metadata__\":{{\"a\":\"{}\"}}}}", "x".repeat(90_000_000));
    assert!(matches!(layout(&container(&metadata, &[])), Err(Refusal::TooLarge { .. })));
    let million: Vec<String> =
        (0..1_000_000).map(|name| format!("\"{name}\":{}", entry("[0]", 0, 0))).collect();
    let million = container(&format!("{{{}}}", million.join(",")), &[]);
    assert!(matches!(layout(&million), Err(Refusal::TooLarge { .. })));
}

#[test]
fn too_many_tensors_in_a_small_header_are_refused() {
    let header = |count: usize| {
        let all: Vec<String> =
            (0..count).map(|name| format!("\"{name}\":{}", entry("[0]", 0, 0))).collect();
        container(&format!("{{{}}}", all.join(",")), &[])
    };
    assert_eq!(layout(&header(TENSORS_MAX)).unwrap().len(), TENSORS_MAX);
    let refusal = layout(&header(TENSORS_MAX + 1)).unwrap_err();
    assert!(matches!(refusal, Refusal::TooLarge { what: "number of tensors", .. }), "{refusal}");
}

#[test]
fn a_duplicate_name_is_refused_even_with_the_same_offsets() {
    let header = format!("{{\"x\":{0},\"x\":{0}}}", entry("[1]", 0, 4));
    let refusal = layout(&container(&header, &[0; 4])).unwrap_err();
    assert_eq!(refusal, Refusal::TensorName { name: "x".into(), reason: "is there twice" });
    let header = "{\"__metadata__\":{},\"__metadata__\":{}}";
    assert!(matches!(layout(&container(header, &[])), Err(Refusal::TensorName { .. })));
    let header = "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}";
    assert!(matches!(layout(&container(header, &[])), Err(Refusal::DuplicateKey { .. })));
}

#[test]
fn overlap_gap_and_a_leap_past_the_end_are_refused() {
    for (first, second) in [((0, 8), (4, 12)), ((0, 8), (12, 20)), ((4, 12), (12, 20))] {
        let (a, b) = (entry("[2]", first.0, first.1), entry("[2]", second.0, second.1));
        let bytes = container(&format!("{{\"a\":{a},\"b\":{b}}}"), &[0; 20]);
        assert!(matches!(layout(&bytes), Err(Refusal::Layout { .. })), "{first:?} {second:?}");
    }
    assert!(matches!(one(&entry("[2]", 0, 8), 7), Refusal::Layout { end: 8, .. }));
    assert!(matches!(one(&entry("[0]", 4, 4), 4), Refusal::Layout { begin: 4, .. }));
}

#[test]
fn trailing_bytes_are_refused() {
    let refusal = one(&entry("[2]", 0, 8), 9);
    assert!(matches!(&refusal, Refusal::UnknownFormat { reason, .. } if reason.contains("1 byte")));
}

#[test]
fn offsets_that_do_not_fit_dtype_and_shape_are_refused() {
    for (begin, end) in [(0, 4), (8, 0), (u64::MAX, 7), (0, 12)] {
        let refusal = one(&entry("[2]", begin, end), 12);
        assert!(matches!(refusal, Refusal::Layout { .. }), "{begin} {end}: {refusal}");
    }
}

#[test]
fn a_shape_that_overflows_is_refused_also_when_it_is_empty() {
    for shape in ["[4611686018427387904,4]", "[0,4611686018427387904,4]", "[9223372036854775807]"] {
        let refusal = one(&entry(shape, 0, 0), 0);
        assert!(matches!(refusal, Refusal::TooLarge { .. }), "{shape}: {refusal}");
    }
}

#[test]
fn a_rank_of_10_000_is_refused() {
    let ones = vec!["1"; 10_000].join(",");
    let refusal = one(&entry(&format!("[{ones}]"), 0, 4), 4);
    assert!(matches!(refusal, Refusal::TooLarge { found: 9, limit: 8, .. }), "{refusal}");
}

#[test]
fn names_that_leave_the_alphabet_load_as_a_container_and_fail_the_check_of_names() {
    let bad = ["../../etc/passwd", "", "a\\u0000b", "\\u202ea", ".hidden", "a b", "é"];
    for name in bad.iter().map(ToString::to_string).chain(["x".repeat(129)]) {
        let layout = layout(&container(&format!("{{\"{name}\":{}}}", entry("[1]", 0, 4)), &[0; 4]));
        let refusal = layout.unwrap().check_names().unwrap_err();
        assert!(matches!(refusal, Refusal::TensorName { .. }), "{name:?}");
    }
    let good = tensors(&[("layer-1.weight_A", "U8", vec![0], vec![])]);
    assert!(layout(&good).unwrap().check_names().is_ok());
}

#[test]
fn an_unknown_dtype_field_or_value_is_refused_with_its_place() {
    assert!(matches!(
        one("{\"dtype\":\"F31\",\"shape\":[],\"data_offsets\":[0,4]}", 4),
        Refusal::UnknownFormat { .. }
    ));
    for (entry, place) in [
        ("{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"more\":1}", "x.more"),
        ("{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}", "x.shape[0]"),
        ("{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}", "x.shape[0]"),
        ("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}", "x.shape"),
        ("{\"dtype\":\"F32\",\"shape\":[]}", "x.data_offsets"),
    ] {
        let refusal = one(entry, 4);
        assert!(
            matches!(&refusal, Refusal::Field { field, .. } if field == place),
            "{entry}: {refusal}"
        );
    }
}

#[test]
fn a_header_that_is_no_object_is_refused() {
    for header in ["", "[]", "null", "{", "{} {}", "\"\\ud800\"", "{\"x\":{}}"] {
        assert!(matches!(layout(&container(header, &[])), Err(Refusal::Field { .. })), "{header}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    assert!(layout(&container(&deep, &[])).is_err());
    assert!(layout(&container("{}", &[])).unwrap().is_empty());
    let not_utf8 = [&4_u64.to_le_bytes()[..], b"{\"\xff\""].concat();
    assert!(layout(&not_utf8).is_err());
}

#[test]
fn a_value_that_is_not_finite_is_found_behind_the_first_piece() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.safetensors");
    let mut values = vec![1.0_f32; 200_000];
    let check = |tensor: super::fixture::Tensor| {
        std::fs::write(&path, tensors(&[("first", "F32", vec![1], f32s(&[0.5])), tensor])).unwrap();
        let layout = TensorLayout::read_container(&path, "x").unwrap();
        check_finite(&path, "x", &layout)
    };
    check(("w", "F32", vec![200_000], f32s(&values))).unwrap();
    values[150_001] = f32::NEG_INFINITY;
    let (file, refusal) = refused(check(("w", "F32", vec![200_000], f32s(&values))));
    assert_eq!(file, "x");
    assert_eq!(refusal, Refusal::NotFinite { tensor: "w".into(), index: 150_001 });
    let halves = |bits: [u16; 2]| bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    for (dtype, bad, good) in [("F16", 0x7e00, 0x7bff), ("BF16", 0xff80, 0x7f7f)] {
        check(("w", dtype, vec![2], halves([0, good]))).unwrap();
        let (_, refusal) = refused(check(("w", dtype, vec![2], halves([0, bad]))));
        assert_eq!(refusal, Refusal::NotFinite { tensor: "w".into(), index: 1 });
    }
    let nan = f64::NAN.to_le_bytes().to_vec();
    assert!(check(("w", "F64", vec![1], nan)).is_err());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_judged_without_a_panic(
        header in "[\\[\\]{}\",:a-z0-9 -]{0,60}",
        data in proptest::collection::vec(0_u8.., 0..16),
    ) {
        let _ = layout(&container(&header, &data));
        let _ = layout(&data);
    }

    #[test]
    fn what_is_accepted_reads_the_same_as_in_the_crate_of_the_format(
        begin in 0_u64..9, size in 0_u64..5, bytes in 0_usize..20, name in "[a-c]{0,2}",
    ) {
        let entry = entry(&format!("[{size}]"), begin, begin + 4 * size);
        let bytes = container(&format!("{{\"{name}\":{entry}}}"), &vec![1; bytes]);
        if let Ok(ours) = layout(&bytes) {
            let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let info = ours.get(&name).unwrap();
            let data = &bytes[info.begin as usize..info.end as usize];
            assert_eq!(data, theirs.tensor(&name).unwrap().data());
        }
    }
}
