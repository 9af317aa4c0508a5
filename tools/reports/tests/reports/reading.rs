//! Reading the documented schema, and refusing what is not it.

use std::fs;

use noctule_reports::{Error, audit, read_feedback};

use crate::fixture::{Event, Phone, documented_schema, feedback, write_parquet};

fn events() -> Vec<Event> {
    let mut one = Phone::new("one", "model");
    one.show(0, "breakfast", &["cafe", "bakery"]);
    one.event("conversion", 0, "breakfast", "cafe");
    let mut two = Phone::new("two", "baseline");
    two.show(1, "dinner", &["ramen", "pizza"]);
    [one.events, two.events].concat()
}

#[test]
fn files_of_the_documented_schema_give_their_events() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("app=town");
    let all = events();
    let schema = documented_schema();
    // Out of order, and over two files.
    write_parquet(&app.join("day=2026-11-20/part-000000000001.parquet"), &all[2..], &schema);
    write_parquet(&app.join("day=2026-11-21/part-000000000002.parquet"), &all[..2], &schema);
    let other = folder.path().join("app=other/day=2026-11-20/part-000000000001.parquet");
    write_parquet(&other, &all, &schema);
    let read = read_feedback(folder.path(), "town").unwrap();
    let memory = feedback(&all);
    assert_eq!(read.rows().len(), 5);
    assert_eq!(audit(&read, Some(5)), audit(&memory, Some(5)));
    let words = |feedback: &noctule_reports::Feedback| -> Vec<String> {
        let mut words: Vec<String> = feedback
            .rows()
            .iter()
            .map(|row| {
                let text = |word| feedback.text(word);
                format!(
                    "{} {} {} {} {:?} {:?} {:?} {:?} {}",
                    text(row.installation),
                    row.sequence,
                    text(row.kind),
                    text(row.item),
                    row.context.map(text),
                    row.position,
                    row.propensity,
                    row.arm.map(text),
                    row.at_ms
                )
            })
            .collect();
        words.sort();
        words
    };
    assert_eq!(words(&read), words(&memory));
}

#[test]
fn a_missing_optional_column_reads_as_unknown_and_a_new_one_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app=town/day=2026-11-20/merged.parquet");
    let other: Vec<&str> =
        documented_schema().leak().lines().filter(|line| !line.contains(" propensity;")).collect();
    let schema = other.join("\n").replace('}', "  optional int64 mood;\n}");
    write_parquet(&path, &events(), &schema);
    let read = read_feedback(folder.path(), "town").unwrap();
    assert!(read.rows().iter().all(|row| row.propensity.is_none()));
    assert_eq!(read.rows().len(), 5);
}

#[test]
fn what_is_no_feedback_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for app in ["town", "../town", "."] {
        let error = read_feedback(folder.path(), app).unwrap_err();
        assert!(matches!(error, Error::NoFeedback { .. }), "{error}");
    }
    let path = folder.path().join("app=town/day=2026-11-20/part-1.parquet");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for content in [&b""[..], b"PAR1", b"PAR1 no footer at all PAR1"] {
        fs::write(&path, content).unwrap();
        let error = read_feedback(folder.path(), "town").unwrap_err();
        assert!(matches!(error, Error::Parquet { .. }), "{error}");
        assert!(error.to_string().contains("part-1.parquet"), "{error}");
    }
}

#[test]
fn a_row_out_of_range_is_named_by_file_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app=town/day=2026-11-20/part-1.parquet");
    let mut all = events();
    all[3].propensity = Some(f64::NAN);
    write_parquet(&path, &all, &documented_schema());
    let error = read_feedback(folder.path(), "town").unwrap_err();
    assert!(matches!(error, Error::Row { row: 3, column: "propensity", .. }), "{error}");
    let other = documented_schema().replace("required int64 sequence;\n", "");
    write_parquet(&path, &events(), &other);
    let error = read_feedback(folder.path(), "town").unwrap_err();
    assert!(matches!(error, Error::Row { column: "sequence", .. }), "{error}");
}

#[test]
fn a_file_cut_or_flipped_anywhere_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app=town/day=2026-11-20/part-1.parquet");
    write_parquet(&path, &events(), &documented_schema());
    let whole = fs::read(&path).unwrap();
    for index in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..index]).unwrap();
        assert!(read_feedback(folder.path(), "town").is_err(), "cut at {index}");
        let mut flipped = whole.clone();
        flipped[index] ^= 0x55;
        fs::write(&path, &flipped).unwrap();
        // A flip in a value may go unseen; what counts is that there is an answer.
        let _ = read_feedback(folder.path(), "town");
    }
}
