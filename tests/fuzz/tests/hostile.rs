//! what hostile files cost in memory, counted by the harness's allocator; the times they take
//! are printed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Instant;

use noctule_core::catalogue::{Item, encode};
use noctule_core::release::{
    CATALOGUE_FILE, FileEntry, ITEMS_FILE, MANIFEST_FILE, Manifest, TensorLayout, Trust,
    verify_directory,
};
use noctule_core::trust::TrustedSet;
use noctule_fuzz::memory;
use serde_json::{Value, json};

const NOW_MS: i64 = 1_790_000_000_000;
/// Extra bytes that a refusal may take.
const EXTRA_MAX: usize = 16 << 20;

fn container(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn entry(dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{begin},{end}]}}")
}

fn many(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

/// Files that are small and claim much, that are large, and that are nothing but tiny values.
fn containers() -> Vec<(&'static str, Vec<u8>)> {
    let claims = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    let empty = |count| many(count, |n| format!("\"{n}\":{}", entry("F32", "[0]", 0, 0)));
    let metadata = |inside: String| container(&format!("{{\"__metadata__\":{{{inside}}}}}"), 0);
    let rank = many(500_000, |_| "1".to_owned());
    let one = |entry: String, data| container(&format!("{{\"x\":{entry}}}"), data);
    vec![
        ("no bytes", vec![]),
        ("header of 2^64 - 1 bytes", claims(u64::MAX)),
        ("header of 101 MB in ten bytes", claims(101_000_000)),
        ("header of 1 MiB in ten bytes", claims(1 << 20)),
        ("1,000,000 empty tensors", container(&format!("{{{}}}", empty(1_000_000)), 0)),
        ("100,000 empty tensors", container(&format!("{{{}}}", empty(100_000)), 0)),
        ("4,097 empty tensors", container(&format!("{{{}}}", empty(4_097)), 0)),
        ("4,096 empty tensors", container(&format!("{{{}}}", empty(4_096)), 0)),
        ("90 MB of metadata", metadata(format!("\"a\":\"{}\"", "x".repeat(90_000_000)))),
        ("1 MB of metadata", metadata(format!("\"a\":\"{}\"", "x".repeat(1_000_000)))),
        ("100,000 keys of metadata", metadata(many(100_000, |n| format!("\"{n}\":\"\"")))),
        ("lists 100,000 deep", container(&format!("{{\"x\":{}", "[".repeat(100_000)), 0)),
        ("a rank of 500,000", one(entry("F32", &format!("[{rank}]"), 0, 4), 4)),
        ("a name of 1 MB", container(&format!("{{\"{}\":1}}", "x".repeat(1_000_000)), 0)),
        ("a dtype of 1 MB", one(entry(&"x".repeat(1_000_000), "[1]", 0, 4), 4)),
        ("escapes of 1 MB", container(&format!("{{\"{}\":1}}", "\\u0000".repeat(170_000)), 0)),
        ("2^33 x 2^33", one(entry("F32", "[8589934592,8589934592]", 0, 0), 0)),
        ("bytes behind", one(entry("F32", "[1]", 0, 4), 20_000_000)),
    ]
}

/// A release of one item without a model, whose file of items is `items`.
fn write(directory: &std::path::Path, items: &[u8]) {
    let item: Item = serde_json::from_value(json!({"id": "a", "title": ""})).unwrap();
    let catalogue = encode(&[item]).unwrap();
    let layout = TensorLayout::of_bytes(&catalogue).unwrap();
    let columns: serde_json::Map<String, Value> = layout
        .iter()
        .map(|(name, info)| {
            (name.to_owned(), json!({"dtype": info.dtype.to_string(), "shape": info.shape}))
        })
        .collect();
    let manifest = json!({
        "format": 1, "app": "town", "release": {"name": "town", "version": 1},
        "created_ms": NOW_MS - 1, "expires_ms": NOW_MS + 1,
        "architecture": {"name": "popularity"},
        "plan": {"surfaces": [{"id": "home", "length": 5, "contexts": ["noon"]}],
            "contexts": [{"id": "noon", "when": {"days": "every", "from": 0, "until": 1440}}]},
        "files": {CATALOGUE_FILE: FileEntry::of_bytes(&catalogue),
            ITEMS_FILE: FileEntry::of_bytes(items)},
        "tensors": {CATALOGUE_FILE: columns, ITEMS_FILE: {
            "popularity": {"dtype": "F32", "shape": [1]},
            "context_popularity": {"dtype": "F32", "shape": [1, 1]}}}
    });
    std::fs::write(directory.join(CATALOGUE_FILE), catalogue).unwrap();
    std::fs::write(directory.join(ITEMS_FILE), items).unwrap();
    std::fs::write(directory.join(MANIFEST_FILE), manifest.to_string()).unwrap();
}

/// Runs `judge`, prints what it took, and gives whether it said yes.
#[track_caller]
fn measured(name: &str, judge: impl FnOnce() -> bool) -> bool {
    let (held, begun) = (memory::begin(), Instant::now());
    let good = judge();
    let (took, peak) = (begun.elapsed(), memory::peak_since(held));
    println!("{:8.2} ms {peak:9} bytes: {name}", took.as_secs_f64() * 1e3);
    assert!(peak < EXTRA_MAX, "{name}: {peak} bytes");
    good
}

#[test]
fn hostile_containers_are_refused_below_16_mib() {
    let directory = tempfile::tempdir().unwrap();
    let trust = Trust::unsigned_for_development("town", NOW_MS);
    let data = [&1_f32.to_le_bytes()[..]; 2].concat();
    let shape =
        |name: &str, shape: &str, at| format!("\"{name}\":{}", entry("F32", shape, at, at + 4));
    let header = [shape("context_popularity", "[1,1]", 0), shape("popularity", "[1]", 4)].join(",");
    // Padded, so that the values are aligned.
    let header = format!("{{{header}}}");
    let padded = header.len().next_multiple_of(8);
    let mut good = container(&format!("{header:padded$}"), 0);
    good.extend(data);
    write(directory.path(), &good);
    assert!(measured("a good one", || verify_directory(directory.path(), &trust).is_ok()));
    for (name, bytes) in containers() {
        write(directory.path(), &bytes);
        let refused = || verify_directory(directory.path(), &trust).map(|_| ());
        assert!(!measured(name, || refused().is_ok()), "{name} was accepted");
    }
}

/// A manifest of 1 MiB in which `field` is `value`.
fn manifest(field: &str, value: &str) -> String {
    let good = json!({
        "format": 1, "app": "town", "release": {"name": "town", "version": 1},
        "created_ms": 1, "expires_ms": 2, "architecture": {"name": "popularity"},
        "plan": {"surfaces": [], "contexts": []}, "files": {}, "tensors": {}
    });
    let text = good.to_string().replace(&format!("\"{field}\":{}", good[field]), "");
    format!("{{\"{field}\":{value}{}", text.replacen('{', ",", 1).replace(",,", ","))
}

#[test]
fn hostile_manifests_are_refused_below_8_mib() {
    let zeros = || format!("[{}]", many(500_000, |_| "0".to_owned()));
    let texts = || format!("[{}]", many(340_000, |_| "\"\"".to_owned()));
    let tensor = |n| format!("\"{n}\":{{\"dtype\":\"\",\"shape\":[]}}");
    let tensors = (0..9).map(|file| format!("\"{file}\":{{{}}}", many(3_700, tensor)));
    let tensors = tensors.collect::<Vec<_>>().join(",");
    let model = |features: &str| {
        format!("{{\"name\":\"matrix_factorization\",\"ranker_features\":{features}}}")
    };
    let file =
        |chunks: &str| format!("{{\"a\":{{\"length\":0,\"sha256\":\"\",\"chunks\":{chunks}}}}}");
    let keys = || many(100_000, |n| format!("\"{n}\":\"\""));
    for (name, field, value) in [
        ("an architecture of noughts", "architecture", zeros()),
        ("an architecture of unknown fields", "architecture", format!("{{{}}}", keys())),
        ("features without end", "architecture", model(&texts())),
        ("chunks without end", "files", file(&texts())),
        (
            "a shape without end",
            "tensors",
            format!("{{\"a\":{{\"b\":{{\"dtype\":\"\",\"shape\":{}}}}}}}", zeros()),
        ),
        ("33,300 tensors", "tensors", format!("{{{tensors}}}")),
        (
            "30,000 files",
            "files",
            format!(
                "{{{}}}",
                many(30_000, |n| format!("\"{n}\":{{\"length\":0,\"sha256\":\"\"}}"))
            ),
        ),
        ("contexts without end", "plan", format!("{{\"surfaces\":[],\"contexts\":{}}}", texts())),
    ] {
        let bytes = manifest(field, &value).into_bytes();
        let good = measured(name, || Manifest::parse(&bytes).is_ok());
        assert!(!good, "{name}");
    }
}

#[test]
fn a_root_of_nothing_but_tiny_values_is_refused_below_16_mib() {
    for (name, values) in [
        ("noughts", many(200_000, |_| "0".to_owned())),
        ("objects", many(60_000, |_| "{\"\":0}".to_owned())),
        ("lists", many(160_000, |_| "[]".to_owned())),
    ] {
        let root = format!("{{\"signatures\":[],\"signed\":[{values}]}}");
        assert!(!measured(name, || TrustedSet::from_root(root.as_bytes()).is_ok()));
    }
}
