//! Checks: drafted, packed, run as a gate.

use serde_json::Value;

use crate::runner::{Workplace, error_text};

/// A town, and a release of a model of it.
fn released() -> Workplace {
    let place = Workplace::new();
    place.json("simulate town town --restaurants 40 --residents 100");
    place.json("train town --output model --dimensions 8 --epochs 3");
    place.text("pack --new-key release.key");
    place.json("pack model --app town --key release.key --output release");
    place
}

const KEY: &str = "--public-key release.key.pub";

/// Runs a command that must end with 65; its JSON and its last line.
fn not_passed(place: &Workplace, line: &str) -> (Value, String) {
    let output = place.command(&format!("{line} --json")).output().unwrap();
    let told = error_text(&output);
    assert_eq!(output.status.code(), Some(65), "{line}: {told}");
    (serde_json::from_slice(&output.stdout).unwrap(), told)
}

#[test]
fn drafts_are_packed_and_gate_the_next_release() {
    let place = released();
    assert!(place.text(&format!("verify release {KEY}")).contains("it has no checks"));
    let suggest = format!("checks suggest release {KEY} --data town --output checks.jsonl");
    let drafted = place.json(&format!("{suggest} --count 3 --seed 7"));
    assert!(drafted["checks"].as_u64().unwrap() >= 15, "{drafted}");
    let drafts = std::fs::read_to_string(place.path("checks.jsonl")).unwrap();
    for line in drafts.lines() {
        let check: Value = serde_json::from_str(line).unwrap();
        assert!(check["description"].as_str().unwrap().len() > 20, "{check}");
    }
    let pack = "pack model --version 2 --key release.key";
    place.text(&format!("{pack} --checks checks.jsonl --output release-2"));
    let verified = place.json(&format!("verify release-2 {KEY}"));
    let exam = &verified["exam"];
    assert_eq!((&exam["passed"], &exam["failed"]), (&drafted["checks"], &Value::Array(vec![])));
    let table = place.text(&format!("checks run release-2 {KEY}"));
    for word in ["sanity", "invariance", "regression", "budget", "golden-1", "passed"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let install = "night profile --app town --release release-2";
    assert_eq!(place.json(&format!("{install} {KEY}"))["installed"], "town@2");
}

#[test]
fn a_release_that_fails_a_check_ends_verify_with_65_unless_the_exam_is_left_out() {
    let place = released();
    let bad = "{\"id\":\"never\",\"level\":\"sanity\",\"must_show\":[\"nowhere\"]}\n";
    place.write("bad.jsonl", bad);
    place.text("pack model --version 2 --key release.key --checks bad.jsonl --output release-2");
    let (result, told) = not_passed(&place, &format!("verify release-2 {KEY}"));
    assert_eq!(result["exam"]["failed"][0]["id"], "never");
    assert_eq!(told.trim(), "noctule: town@2 failed 1 of 1 checks");
    let (result, _) = not_passed(&place, &format!("checks run release {KEY} --checks bad.jsonl"));
    assert_eq!(
        (&result["release"], &result["failed"][0]["level"]),
        (&"town@1".into(), &"sanity".into())
    );
    let left_out = place.json(&format!("verify release-2 {KEY} --no-exam"));
    assert_eq!(left_out["exam"], Value::Null);
    let install = format!("night profile --app town --release release-2 {KEY}");
    assert!(place.failure(&install).contains("checks.jsonl: 1 of 1 checks failed; never: "));
}

#[test]
fn checks_that_do_not_parse_are_named_with_their_line() {
    let place = released();
    place.write("bad.jsonl", "{\"id\":\"a\",\"level\":\"sanity\",\"colour\":1}\n");
    let pack = "pack model --key release.key --checks bad.jsonl --output release-2";
    assert!(place.failure(pack).contains("checks.jsonl:1: colour: unknown field"));
    assert!(place.failure(&format!("checks run release {KEY}")).contains("has no checks"));
}
