//! The Parquet files as others read them.

use std::path::Path;
use std::process::Command;

use noctule_collector::{FEEDBACK_SCHEMA, REJECTIONS_SCHEMA};
use parquet::record::Field;

use crate::fixture::{agent, batch, identities, rows, start, uuid};

const PYTHON: &str = r#"
import json, sys
import pyarrow.parquet
table = pyarrow.parquet.read_table(sys.argv[1])
rows = table.sort_by([("installation", "ascending"), ("sequence", "ascending")]).to_pylist()
print(json.dumps({
    "rows": len(rows),
    "apps": sorted({row["app"] for row in rows}),
    "days": sorted({str(row["day"]) for row in rows}),
    "last": {key: rows[-1][key] for key in ("item", "position", "propensity", "dwell_ms")},
}))
"#;

/// A Python that has pyarrow; says so when there is none.
fn python() -> Option<String> {
    let python = std::env::var("NOCTULE_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_it = Command::new(&python).args(["-c", "import pyarrow"]).output();
    if has_it.is_ok_and(|out| out.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {python} with pyarrow is missing (set NOCTULE_PYTHON)");
    None
}

/// Events in a folder as pyarrow counts them after reading every column; none without pyarrow.
pub(crate) fn rows_by_pyarrow(output: &Path) -> Option<usize> {
    let script = "import sys, pyarrow.parquet as p; print(p.read_table(sys.argv[1]).num_rows)";
    let out = Command::new(python()?).args(["-c", script]).arg(output).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some(String::from_utf8(out.stdout).unwrap().trim().parse().unwrap())
}

#[test]
fn the_documented_schema_is_the_schema() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/feedback-schema.md");
    let page = std::fs::read_to_string(page).unwrap();
    for schema in [FEEDBACK_SCHEMA, REJECTIONS_SCHEMA] {
        assert!(page.contains(schema), "tools/docs/feedback-schema.md differs");
    }
    for line in FEEDBACK_SCHEMA
        .lines()
        .chain(REJECTIONS_SCHEMA.lines())
        .filter(|line| line.contains("required") || line.contains("optional"))
    {
        let column = line.split_whitespace().nth(2).unwrap().trim_end_matches(';');
        assert!(page.contains(&format!("| `{column}` |")), "{column} is not explained");
    }
}

#[test]
fn a_row_holds_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut sent = batch("town", 7, 9, 1..=2);
    sent.events[1] = serde_json::json!({
        "id": uuid(77), "sequence": 2, "at_ms": 5, "kind": "shared_it", "item": "Müsli \"quoted\"",
    });
    sent.acknowledged(&agent(), collector.address());
    collector.stop().unwrap();
    let rows = rows(folder.path());
    let (early, full) = (&rows[0], &rows[1]);
    let text = |text: &str| Field::Str(text.to_owned());
    assert_eq!(full["app"], text("town"));
    assert_eq!(full["batch_id"], Field::Str(uuid(9)));
    assert_eq!(full["experiment"], text("town-1"));
    assert_eq!((&full["kind"], &full["arm"]), (&text("impression"), &text("model")));
    assert_eq!(full["position"], Field::Int(1));
    assert_eq!(full["propensity"], Field::Double(0.95));
    assert_eq!(full["release"], text("town@1"));
    assert!(matches!(full["received_ms"], Field::Long(at) if at > 1_600_000_000_000));
    assert_eq!((&early["at_ms"], &early["item"]), (&Field::Long(5), &text("Müsli \"quoted\"")));
    assert_eq!(early["kind"], text("shared_it"));
    for column in ["surface", "context", "position", "generation", "propensity", "release", "arm"] {
        assert_eq!(early[column], Field::Null, "{column}");
    }
    assert_eq!(early["experiment"], text("town-1"), "the experiment is the batch's");
}

#[test]
fn pyarrow_reads_the_folder_as_one_table() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    for (app, installation) in [("town", 1), ("town", 2), ("city", 3)] {
        batch(app, installation, installation, 1..=40).acknowledged(&agent(), collector.address());
        collector.flush().unwrap();
    }
    collector.stop().unwrap();
    assert_eq!(identities(folder.path()).len(), 120);
    let Some(python) = python() else { return };
    let out = Command::new(&python).args(["-c", PYTHON]).arg(folder.path()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let read: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(read["rows"], 120);
    assert_eq!(read["apps"], serde_json::json!(["city", "town"]));
    assert_eq!(read["days"], serde_json::json!(["2026-11-20"]));
    assert_eq!(read["last"]["item"], "café-5");
    assert_eq!(read["last"]["propensity"], 0.95);
    assert_eq!(read["last"]["dwell_ms"], serde_json::Value::Null);
}

#[test]
fn an_exam_stands_with_the_first_new_event_of_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let exam = serde_json::json!({
        "release": "town@2", "passed": 3, "failed": 1, "failed_ids": ["golden-1"],
        "not_measured": 0, "millis": 12,
    });
    let mut first = batch("town", 7, 9, 1..=2);
    first.header["exam"] = exam.clone();
    first.acknowledged(&agent(), collector.address());
    let mut overlapping = batch("town", 7, 10, 1..=4);
    overlapping.header["exam"] = exam.clone();
    overlapping.acknowledged(&agent(), collector.address());
    batch("town", 8, 11, 1..=1).acknowledged(&agent(), collector.address());
    collector.stop().unwrap();
    let mut found = Vec::new();
    for row in rows(folder.path()) {
        let Field::Long(sequence) = row["sequence"] else { panic!("no sequence") };
        if let Field::Str(text) = &row["exam"] {
            assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), exam);
            assert_eq!(row["installation"], Field::Str(uuid(7)));
            found.push(sequence);
        }
    }
    found.sort_unstable();
    assert_eq!(found, [1, 3]);
}

#[test]
fn an_exam_out_of_its_bounds_is_refused_with_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let ids: Vec<String> = (0..17).map(|number| format!("c{number}")).collect();
    let exam = |field: &str, value: serde_json::Value| {
        let mut exam = serde_json::json!({
            "release": "town@2", "passed": 0, "failed": 20, "not_measured": 0, "millis": 0,
        });
        exam[field] = value;
        exam
    };
    for bad in [
        exam("failed_ids", ids.into()),
        exam("failed_ids", vec!["x".repeat(200)].into()),
        exam("failed_ids", vec!["a\nb"].into()),
        exam("release", "".into()),
        exam("passed", (-1).into()),
    ] {
        let mut sent = batch("town", 7, 9, 1..=2);
        sent.header["exam"] = bad.clone();
        assert_eq!(sent.send(&agent(), collector.address()).status, 400, "{bad}");
    }
    collector.stop().unwrap();
}
