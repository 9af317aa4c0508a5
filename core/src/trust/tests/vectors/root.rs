//! Roots that must not follow the one that is trusted.

use serde_json::{Value, json};

use super::super::workshop::{Workshop, id, key_json, public, sign};
use super::Expected::Refused;
use super::Vector;

/// Changes a root that is otherwise the good second one.
type Edit = fn(&mut Value);

fn edits() -> Vec<(&'static str, Edit, &'static str)> {
    vec![
        ("threshold 0", |r| r["roles"]["targets"]["threshold"] = json!(0), "Field"),
        ("a threshold beyond the keys", |r| r["roles"]["targets"]["threshold"] = json!(3), "Field"),
        ("a negative threshold", |r| r["roles"]["root"]["threshold"] = json!(-1), "Field"),
        ("no threshold", |r| r["roles"]["root"]["threshold"] = Value::Null, "Field"),
        ("no keys for a role", |r| r["roles"]["snapshot"]["keyids"] = json!([]), "Field"),
        ("an unknown key for a role", |r| r["roles"]["snapshot"]["keyids"] = json!(["x"]), "Field"),
        ("a number for a key", |r| r["roles"]["snapshot"]["keyids"] = json!([1]), "Field"),
        ("no timestamp role", |r| r["roles"]["timestamp"] = Value::Null, "Field"),
        ("no consistent snapshot", |r| r["consistent_snapshot"] = json!(false), "Field"),
        ("consistency left out", |r| r["consistent_snapshot"] = Value::Null, "Field"),
        ("an RSA key", |r| r["keys"][id(7)]["keytype"] = json!("rsa"), "KeyType"),
        (
            "an ECDSA scheme",
            |r| r["keys"][id(7)]["scheme"] = json!("ecdsa-sha2-nistp256"),
            "KeyType",
        ),
        (
            "a key twice in a role",
            |r| {
                r["roles"]["root"]["keyids"] = json!([id(1), id(1), id(2)]);
            },
            "DuplicateKey",
        ),
        ("a key under two ids", |r| r["keys"]["another"] = key_json(1), "DuplicateKey"),
        (
            "a key under two spellings",
            |r| {
                r["keys"]["another"] = key_json(1);
                r["keys"]["another"]["keyval"]["public"] = json!(public(1).to_uppercase());
            },
            "DuplicateKey",
        ),
    ]
}

fn more_edits() -> Vec<(&'static str, Edit, &'static str)> {
    vec![
        ("the zero key", |r| set_key(r, &"0".repeat(64)), "BadKey"),
        (
            "the neutral element as a key",
            |r| set_key(r, &format!("01{}", "0".repeat(62))),
            "BadKey",
        ),
        ("a key of order 2", |r| set_key(r, &format!("ec{}7f", "f".repeat(60))), "BadKey"),
        ("a key that is no point", |r| set_key(r, &format!("02{}", "0".repeat(62))), "BadKey"),
        (
            "a key that is not canonical",
            |r| set_key(r, &format!("ee{}7f", "f".repeat(60))),
            "BadKey",
        ),
        ("a short key", |r| set_key(r, "00"), "BadKey"),
        ("a key that is not hexadecimal", |r| set_key(r, &"z".repeat(64)), "BadKey"),
        (
            "a key without a value",
            |r| {
                r["keys"][id(7)] = json!({"keytype": "ed25519", "scheme": "ed25519"});
            },
            "Field",
        ),
        ("no keys", |r| r["keys"] = json!([]), "Field"),
        (
            "65 keys",
            |r| {
                for seed in 100..165 {
                    r["keys"][id(seed)] = key_json(seed);
                }
            },
            "Field",
        ),
        ("a version too many", |r| r["version"] = json!(3), "WrongVersion"),
        ("the version again", |r| r["version"] = json!(1), "WrongVersion"),
        ("another role", |r| r["_type"] = json!("targets"), "WrongRole"),
        ("expired", |r| r["expires"] = json!("2026-01-01T00:00:00Z"), "Expired"),
        ("another specification", |r| r["spec_version"] = json!("2.0"), "SpecVersion"),
    ]
}

fn set_key(root: &mut Value, public: &str) {
    root["keys"][id(7)]["keyval"]["public"] = json!(public);
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (name, edit, reason) in edits().into_iter().chain(more_edits()) {
        let mut workshop = Workshop::new();
        workshop.root["version"] = json!(2);
        let mut root = workshop.root.clone();
        edit(&mut root);
        workshop.roots.push(sign(&root, &[1, 2]));
        vectors.push(Vector::new(format!("root with {name}"), &workshop, Refused(reason)));
    }
    for (name, signers, reason) in [
        ("nobody", vec![], "NotSigned"),
        ("one key of three", vec![1], "Threshold"),
        ("the online keys", vec![6, 7], "Threshold"),
        ("one key of three, twice", vec![1, 1], "DuplicateSignature"),
        ("the new keys only", vec![11, 12], "Threshold"),
        ("the old keys only", vec![1, 2], "Threshold"),
        ("one old and both new keys", vec![1, 11, 12], "Threshold"),
    ] {
        let mut workshop = Workshop::new();
        workshop.rotate("root", &[11, 12, 13], &signers);
        vectors.push(Vector::new(format!("root signed by {name}"), &workshop, Refused(reason)));
    }
    for (name, signers) in [("one key", vec![1]), ("strangers", vec![8, 9])] {
        let mut workshop = Workshop::new();
        workshop.roots[0] = sign(&workshop.root, &signers);
        let name = format!("first root signed by {name}");
        vectors.push(Vector::new(name, &workshop, Refused("Threshold")));
    }
    let mut workshop = Workshop::new();
    workshop.root["expires"] = json!("2026-01-01T00:00:00Z");
    workshop.roots[0] = sign(&workshop.root, &[1, 2]);
    vectors.push(Vector::new("first root expired, no other", &workshop, Refused("Expired")));
    let mut workshop = Workshop::new();
    workshop.roots.push(vec![b' '; 512_001]);
    vectors.push(Vector::new("an endless root", &workshop, Refused("TooLarge")));
    vectors
}
