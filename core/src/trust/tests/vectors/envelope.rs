//! Bytes that are no metadata, and signatures that are none.

use ed25519_dalek::Signer;
use serde_json::{Value, json};

use super::super::workshop::{Workshop, canonical, id, key, sign, signature};
use super::Expected::Refused;
use super::Vector;
use crate::base::digest::hex_of;

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for role in ["timestamp", "snapshot", "targets"] {
        let mut workshop = Workshop::new();
        workshop.link = false;
        let (path, value, seeds) = match role {
            "timestamp" => ("metadata/timestamp.json", workshop.timestamp.clone(), vec![7]),
            "snapshot" => ("metadata/1.snapshot.json", workshop.snapshot.clone(), vec![6]),
            _ => ("metadata/1.targets.json", workshop.targets.clone(), vec![4, 5]),
        };
        for (name, bytes, reason) in
            texts(&value, &seeds).into_iter().chain(signatures(&value, &seeds))
        {
            let mut spoiled = workshop.clone();
            spoiled.replaced.insert(path.to_owned(), bytes);
            vectors.push(Vector::new(format!("{role}: {name}"), &spoiled, Refused(reason)));
        }
        let mut absent = Vector::new(format!("{role}: absent"), &workshop, Refused("Missing"));
        absent.files.remove(path);
        vectors.push(absent);
    }
    vectors
}

type Bad = (&'static str, Vec<u8>, &'static str);

/// Files that are not acceptable JSON or no envelope.
fn texts(value: &Value, seeds: &[u8]) -> Vec<Bad> {
    let good = String::from_utf8(sign(value, seeds)).unwrap();
    let signed = |text: &str| format!("{{\"signatures\": [], \"signed\": {text}}}").into_bytes();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    vec![
        ("empty", Vec::new(), "Json"),
        ("an empty object", b"{}".to_vec(), "Field"),
        ("a list", b"[]".to_vec(), "Field"),
        ("not UTF-8", vec![0xff, 0xfe, 0], "Json"),
        ("cut", good.as_bytes()[..good.len() / 2].to_vec(), "Json"),
        ("bytes behind the end", format!("{good}x").into_bytes(), "Json"),
        ("a byte order mark", format!("\u{feff}{good}").into_bytes(), "Json"),
        ("a key twice", signed(r#"{"a": 1, "a": 1}"#), "Json"),
        ("an escaped key twice", signed(r#"{"a": 1, "\u0061": 2}"#), "Json"),
        ("signed twice", good.replacen("{", "{\"signed\": 1, ", 1).into_bytes(), "Json"),
        ("a fraction", signed(r#"{"a": 1.0}"#), "Json"),
        ("an exponent", signed(r#"{"a": 1e3}"#), "Json"),
        ("NaN", signed(r#"{"a": NaN}"#), "Json"),
        ("an integer of 65 bits", signed(r#"{"a": 36893488147419103232}"#), "Json"),
        ("half a surrogate", signed(r#"{"a": "\ud800"}"#), "Json"),
        ("deep", signed(&deep[..8_000]), "Json"),
        ("no signatures", json!({"signed": value}).to_string().into_bytes(), "Field"),
        ("nothing signed", json!({"signatures": []}).to_string().into_bytes(), "Field"),
    ]
}

/// Signatures that must not count.
fn signatures(value: &Value, seeds: &[u8]) -> Vec<Bad> {
    let first = seeds[0];
    let rest: Vec<Value> = seeds[1..].iter().map(|seed| signature(value, *seed)).collect();
    let with = |entries: &[Value]| {
        let all: Vec<&Value> = entries.iter().chain(&rest).collect();
        json!({"signatures": all, "signed": value}).to_string().into_bytes()
    };
    let raw = |signature: String| with(&[json!({"keyid": id(first), "sig": signature})]);
    let good = key(first).sign(&canonical(value)).to_bytes();
    let of = |text: &[u8]| raw(hex_of(&key(first).sign(text).to_bytes()));
    let mut flipped = good;
    flipped[3] ^= 1;
    let pretty = serde_json::to_vec_pretty(value).unwrap();
    let reversed: Vec<String> =
        value.as_object().unwrap().iter().rev().map(|(k, v)| format!("\"{k}\":{v}")).collect();
    let reversed = format!("{{{}}}", reversed.join(","));
    let mut changed = value.clone();
    changed["x"] = json!("later");
    let entries: Vec<Value> = seeds.iter().map(|seed| signature(value, *seed)).collect();
    let later = json!({"signatures": entries, "signed": changed}).to_string().into_bytes();
    let mut many: Vec<Value> =
        (0..65).map(|i| json!({"keyid": format!("k{i}"), "sig": ""})).collect();
    many.truncate(65);
    let mut identity = [0; 64];
    identity[0] = 1;
    let twice = [signature(value, first), signature(value, first)];
    vec![
        (
            "unsigned",
            json!({"signatures": [], "signed": value}).to_string().into_bytes(),
            "NotSigned",
        ),
        ("a cut signature", raw(hex_of(&good[..63])), "Threshold"),
        ("a longer signature", raw(hex_of(&good) + "00"), "Threshold"),
        ("a flipped bit", raw(hex_of(&flipped)), "Threshold"),
        ("a scalar beyond the order", raw(hex_of(&beyond_the_order(&good))), "Threshold"),
        ("all zero", raw("0".repeat(128)), "Threshold"),
        ("a point of small order", raw(hex_of(&identity)), "Threshold"),
        ("not hexadecimal", raw("g".repeat(128)), "Threshold"),
        ("over the file's own spacing", of(&pretty), "Threshold"),
        ("over another order of the fields", of(reversed.as_bytes()), "Threshold"),
        ("over the empty text", of(b""), "Threshold"),
        ("over the hash of the text", of(&ed25519_digest(value)), "Threshold"),
        ("changed after signing", later, "Threshold"),
        ("by a key of nobody", with(&[signature(value, 99)]), "Threshold"),
        ("by a key of another role", with(&[signature(value, 1)]), "Threshold"),
        (
            "under another key's id",
            with(&[json!({"keyid": id(2), "sig": hex_of(&good)})]),
            "Threshold",
        ),
        ("one key twice", with(&twice), "DuplicateSignature"),
        ("65 signatures", with(&many), "Field"),
        ("an empty key id", with(&[json!({"keyid": "", "sig": ""})]), "Field"),
        ("a signature that is a number", with(&[json!({"keyid": id(first), "sig": 1})]), "Field"),
        ("a signature without a key", with(&[json!({"sig": hex_of(&good)})]), "Field"),
    ]
}

fn ed25519_digest(value: &Value) -> Vec<u8> {
    use sha2::Digest;
    sha2::Sha512::digest(canonical(value)).to_vec()
}

/// The same signature with the order of the group added to its scalar (RFC 8032, 5.1.7 forbids).
fn beyond_the_order(signature: &[u8; 64]) -> [u8; 64] {
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let (mut out, mut carry) = (*signature, 0_u16);
    for (at, byte) in order.iter().enumerate() {
        let sum = u16::from(out[32 + at]) + u16::from(*byte) + carry;
        out[32 + at] = sum as u8;
        carry = sum >> 8;
    }
    out
}
