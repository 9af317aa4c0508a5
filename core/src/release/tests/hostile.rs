//! hostile containers, each in a release that is signed and whole otherwise.
//!
//! What the file holds is vouched for by manifest and signature, so that nothing but the reading of
//! the container stands between it and the device.

use std::time::{Duration, Instant};

use super::fixture::{Fixture, container, f32s, fixture, tensors};
use crate::base::Refusal;
use crate::release::{ITEMS_FILE, sha256_hex, verify_directory};

/// A hostile file: what it is, its bytes, and whether a refusal is the right one.
struct Hostile {
    name: String,
    bytes: Vec<u8>,
    right: fn(&Refusal) -> bool,
}

fn hostile(name: impl Into<String>, bytes: Vec<u8>, right: fn(&Refusal) -> bool) -> Hostile {
    Hostile { name: name.into(), bytes, right }
}

/// The refusal of a release whose items are these bytes, if it is refused, and the time it took.
fn judged(fixture: &mut Fixture, bytes: Vec<u8>) -> (Option<(String, Refusal)>, Duration) {
    fixture.raw.insert(ITEMS_FILE, bytes);
    let release = fixture.on_disk();
    let begun = Instant::now();
    let result = verify_directory(release.path(), &release.trust());
    let took = begun.elapsed();
    (result.is_err().then(|| super::fixture::refused(result)), took)
}

fn truncated(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Truncated { .. })
}
fn too_large(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::TooLarge { .. })
}
fn wrong_layout(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Layout { .. })
}
fn wrong_field(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Field { .. })
}
fn wrong_name(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::TensorName { .. })
}
fn wrong_shape(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::WrongShape { .. })
}
fn wrong_dtype(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::WrongDtype { .. })
}
fn unknown(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::UnknownFormat { .. })
}
fn not_finite(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::NotFinite { .. })
}
/// What begins with letters announces a header of more bytes than any.
fn no_container(refusal: &Refusal) -> bool {
    too_large(refusal) || truncated(refusal)
}

fn entry(dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{begin},{end}]}}")
}

/// A container of one entry called `name`.
fn one(name: &str, entry: &str, data: usize) -> Vec<u8> {
    container(&format!("{{\"{name}\":{entry}}}"), &vec![0; data])
}

/// Files 1 to 15: lengths and headers.
fn headers() -> Vec<Hostile> {
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    let many = |count: usize| {
        let all = (0..count).map(|name| format!("\"{name}\":{}", entry("F32", "[0]", 0, 0)));
        container(&format!("{{{}}}", all.collect::<Vec<_>>().join(",")), &[])
    };
    let metadata = format!("{{\"__metadata__\":{{\"a\":\"{}\"}}}}", "x".repeat(90_000_000));
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    let not_utf8 = [&8_u64.to_le_bytes()[..], b"{\"\xff\xfe\": 1"].concat();
    vec![
        hostile("no bytes", vec![], truncated),
        hostile("seven bytes", vec![0; 7], truncated),
        hostile("header of 2^64 - 1 bytes", length(u64::MAX), too_large),
        hostile("header of 101 MB in ten bytes", length(101_000_000), too_large),
        hostile("header longer than the file", length(100), truncated),
        hostile("no header", length(0), |refusal| wrong_field(refusal) || unknown(refusal)),
        hostile("1,000,000 empty tensors", many(1_000_000), too_large),
        hostile("100,000 empty tensors", many(100_000), too_large),
        hostile("4,097 empty tensors", many(4_097), too_large),
        hostile("90 MB of metadata", container(&metadata, &[]), too_large),
        hostile("arrays 100,000 deep", container(&deep, &[]), |it| {
            matches!(it, Refusal::TooDeep { .. })
        }),
        hostile("not UTF-8", not_utf8, |it| matches!(it, Refusal::NotUtf8 { .. })),
        hostile("an array for a header", container("[]", &[]), wrong_field),
        hostile("null for a header", container("null", &[]), wrong_field),
        hostile("two documents", container("{} {}", &[]), wrong_field),
    ]
}

/// Files 16 to 29: offsets, shapes and dtypes.
fn entries() -> Vec<Hostile> {
    let two = |a: (u64, u64), b: (u64, u64), data: usize| {
        let (a, b) = (entry("F32", "[2]", a.0, a.1), entry("F32", "[2]", b.0, b.1));
        container(&format!("{{\"a\":{a},\"b\":{b}}}"), &vec![0; data])
    };
    let twice = entry("F32", "[1]", 0, 4);
    let twice = container(&format!("{{\"x\":{twice},\"x\":{twice}}}"), &[0; 4]);
    let rank = format!("[{}]", vec!["1"; 10_000].join(","));
    let more = "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"more\":1}";
    let huge = "[8589934592,8589934592]";
    let empty = "[0,4611686018427387904,4]";
    vec![
        hostile("a name twice, same offsets", twice, wrong_name),
        hostile("an overlap", two((0, 8), (4, 12), 12), wrong_layout),
        hostile("a gap", two((0, 8), (12, 20), 20), wrong_layout),
        hostile("bytes in front", two((4, 12), (12, 20), 20), wrong_layout),
        hostile("bytes behind", two((0, 8), (8, 16), 17), unknown),
        hostile("offsets reversed", one("x", &entry("F32", "[2]", 8, 0), 8), wrong_layout),
        hostile("beyond the end", one("x", &entry("F32", "[2]", 0, 8), 4), wrong_layout),
        hostile("2^33 x 2^33", one("x", &entry("F32", huge, 0, 0), 0), too_large),
        hostile("huge but for a nought", one("x", &entry("F32", empty, 0, 0), 0), too_large),
        hostile("a negative size", one("x", &entry("F32", "[-1,2]", 0, 8), 8), wrong_field),
        hostile("a size with a point", one("x", &entry("F32", "[2.0,2]", 0, 16), 16), wrong_field),
        hostile("rank 10,000", one("x", &entry("F32", &rank, 0, 4), 4), too_large),
        hostile("an unknown dtype", one("x", &entry("F31", "[1]", 0, 4), 4), unknown),
        hostile("a field too many", one("x", more, 4), wrong_field),
    ]
}

/// Files 30 to 36: names, and files of other formats.
fn names_and_formats() -> Vec<Hostile> {
    let named = |name: &str| one(name, &entry("F32", "[1]", 0, 4), 4);
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0archive/data.pkl".to_vec();
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0; 1_000]].concat();
    vec![
        hostile("a path for a name", named("../../etc/passwd"), wrong_name),
        hostile("NUL and a mark of direction", named("a\\u0000\\u202eb"), wrong_name),
        hostile("an empty name", named(""), wrong_name),
        hostile("a name of 10 kB", named(&"x".repeat(10_000)), wrong_name),
        hostile("a pickle in a zip", zip, no_container),
        hostile("gzip", gzip, no_container),
        hostile("GGUF", [&b"GGUF\x03\0\0\0"[..], &[0; 64]].concat(), no_container),
    ]
}

/// Tensors of the right names with wrong values or shapes.
fn values() -> Vec<Hostile> {
    let mut all = Vec::new();
    let count = fixture().items.len();
    for which in 0..count {
        let (name, dtype, ..) = fixture().items[which];
        let mut spoil = |what: &str, bytes: &[u8], right: fn(&Refusal) -> bool| {
            let width = bytes.len();
            for place in 0..fixture().items[which].3.len() / width {
                let mut fixture = fixture();
                fixture.items[which].3[place * width..][..width].copy_from_slice(bytes);
                let name = format!("{what} in {name}[{place}]");
                all.push(hostile(name, tensors(&fixture.items), right));
            }
        };
        if dtype == "I8" {
            spoil("-128", &[0x80], wrong_field);
            continue;
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            spoil(&value.to_string(), &f32s(&[value]), not_finite);
        }
        spoil("1e30", &f32s(&[1e30]), wrong_field);
        if name != "embedding" {
            spoil("-1", &f32s(&[-1.0]), wrong_field);
        }
    }
    for which in 0..count {
        let mut fixture = fixture();
        fixture.items[which].2.push(1);
        all.push(hostile("a rank too many", tensors(&fixture.items), wrong_shape));
        let (name, dtype, ..) = self::fixture().items[which];
        fixture.items[which].2.pop();
        fixture.items[which].1 = if dtype == "I8" { "U8" } else { "I32" };
        all.push(hostile(format!("another dtype of {name}"), tensors(&fixture.items), wrong_dtype));
    }
    all
}

#[test]
fn every_hostile_container_is_refused_for_its_own_reason() {
    let listed: Vec<Hostile> =
        [headers(), entries(), names_and_formats()].into_iter().flatten().collect();
    assert_eq!(listed.len(), 36);
    let mut fixture = fixture();
    let (mut files, mut slowest) = (0, (Duration::ZERO, String::new()));
    for Hostile { name, bytes, right } in listed.into_iter().chain(values()) {
        let (refused, took) = judged(&mut fixture, bytes);
        let (file, refusal) = refused.unwrap_or_else(|| panic!("{name} was accepted"));
        assert!(file == ITEMS_FILE && right(&refusal), "{name}: {file}: {refusal}");
        slowest = slowest.max((took, name));
        files += 1;
    }
    assert!(files >= 136, "{files}");
    eprintln!("{files} hostile files refused; the slowest took {:?}: {}", slowest.0, slowest.1);
}

#[test]
fn a_container_changed_in_any_byte_of_its_header_or_cut_anywhere_is_refused_or_means_the_same() {
    let mut fixture = fixture();
    let good = tensors(&fixture.items);
    let data_begin = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let header = |bytes: &[u8]| -> Option<serde_json::Value> {
        serde_json::from_slice(bytes.get(8..data_begin)?).ok()
    };
    let mut refused = 0;
    for at in 0..data_begin {
        // Every bit of the first bytes and of some others, so that each byte has its turn.
        for byte in [good[at] ^ (1 << (at % 8)), b'"', b'9'] {
            let mut bad = good.clone();
            bad[at] = byte;
            let same = at >= 8 && header(&bad).is_some_and(|bad| Some(bad) == header(&good));
            match judged(&mut fixture, bad).0 {
                Some((file, _)) => {
                    assert_eq!(file, ITEMS_FILE);
                    refused += 1;
                }
                None => assert!(same, "byte {at} as {byte:#x} was accepted"),
            }
        }
    }
    for length in 0..good.len() {
        assert!(judged(&mut fixture, good[..length].to_vec()).0.is_some(), "cut to {length}");
    }
    assert!(refused > 900, "{refused}");
    assert!(judged(&mut fixture, good.clone()).0.is_none(), "{}", sha256_hex(&good));
}
