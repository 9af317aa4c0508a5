//! Foreign bytes, and what a file says.

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"{"id":"a","level":"sanity","must_show":["x"]}"#;

fn refused(bytes: &[u8]) -> (String, Refusal) {
    match Checks::parse(bytes) {
        Err(Error::ReleaseRefused { file, refusal }) => (file, refusal),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn names(line: &str, expected: &str) {
    match refused(format!("{GOOD}\n{line}\n").as_bytes()) {
        (file, Refusal::Field { field, .. }) => {
            assert_eq!((file.as_str(), field.as_str()), ("checks.jsonl:2", expected), "{line}");
        }
        other => panic!("{line}: {other:?}"),
    }
}

/// One check of each level with every field of it.
fn full() -> String {
    [
        concat!(
            r#"{"id":"s","level":"sanity","description":"é","history":[{"item":"x","#,
            r#""kind":"chosen","weight":2.0,"context":"noon","days_ago":0.5}],"surface":"home","#,
            r#""context":"noon","place":{"latitude":1.0,"longitude":2.0},"at_ms":7,"#,
            r#""prefer":["x","y"],"within_top":{"item":"x","k":3},"must_show":["x"],"#,
            r#""must_not_show":["z"]}"#
        ),
        concat!(
            r#"{"id":"i","level":"invariance","history":[{"item":"x","kind":"liked"}],"#,
            r#""changed_history":[{"item":"x","kind":"passed"}],"same_top":5,"tolerance":0.5}"#
        ),
        concat!(
            r#"{"id":"r","level":"regression","scores":{"x":1.5,"y":-2.0},"tolerance":0.25,"#,
            r#""relative":0.125}"#
        ),
        r#"{"id":"b","level":"budget","slate_ms_max":5.0,"memory_bytes_max":1048576}"#,
    ]
    .join("\n")
        + "\n"
}

#[test]
fn what_was_written_is_read_again_byte_for_byte() {
    let checks = Checks::parse(full().as_bytes()).unwrap();
    assert_eq!(String::from_utf8(checks.to_bytes().unwrap()).unwrap(), full());
    assert_eq!(Checks::new(checks.all().to_vec()).unwrap(), checks);
    let levels: Vec<Level> = checks.all().iter().map(Check::level).collect();
    assert_eq!(levels, [Level::Sanity, Level::Invariance, Level::Regression, Level::Budget]);
}

#[test]
fn unknown_missing_and_repeated_fields_are_named_with_their_line() {
    names(r#"{"id":"b","level":"sanity","must_show":["x"],"colour":1}"#, "colour");
    names(r#"{"level":"sanity","must_show":["x"]}"#, "id");
    names(r#"{"id":"b","must_show":["x"]}"#, "level");
    names(r#"{"id":"b","level":"taste","must_show":["x"]}"#, "level");
    let twice = r#"{"id":"b","id":"c","level":"sanity","must_show":["x"]}"#;
    let (_, refusal) = refused(twice.as_bytes());
    assert!(refusal.to_string().contains("duplicate field `id`"), "{refusal}");
    let twice = r#"{"id":"b","level":"regression","scores":{"x":1,"x":2},"tolerance":1}"#;
    let (_, refusal) = refused(twice.as_bytes());
    assert!(refusal.to_string().contains("duplicate key `x`"), "{refusal}");
    names(
        r#"{"id":"b","level":"sanity","history":[{"item":"x","kind":"eaten"}],"must_show":["x"]}"#,
        "history[0].kind",
    );
}

#[test]
fn a_field_of_another_level_is_refused_and_so_is_a_level_without_its_own() {
    names(r#"{"id":"b","level":"sanity","must_show":["x"],"tolerance":1}"#, "tolerance");
    names(r#"{"id":"b","level":"budget","slate_ms_max":1,"prefer":["x","y"]}"#, "prefer");
    names(r#"{"id":"b","level":"sanity"}"#, "prefer");
    names(r#"{"id":"b","level":"sanity","must_show":[]}"#, "prefer");
    names(r#"{"id":"b","level":"invariance","tolerance":1}"#, "changed_history");
    names(r#"{"id":"b","level":"invariance","changed_history":[]}"#, "tolerance");
    names(r#"{"id":"b","level":"regression","scores":{"x":1}}"#, "tolerance");
    names(r#"{"id":"b","level":"regression","scores":{},"relative":1}"#, "scores");
    names(r#"{"id":"b","level":"budget"}"#, "slate_ms_max");
}

#[test]
fn values_out_of_range_are_named() {
    let sanity = |rest: &str| format!(r#"{{"id":"b","level":"sanity",{rest}}}"#);
    names(&sanity(r#""prefer":["x","x"]"#), "prefer");
    names(&sanity(r#""within_top":{"item":"x","k":0}"#), "within_top.k");
    names(&sanity(r#""must_show":["x"],"at_ms":-1"#), "at_ms");
    names(&sanity(r#""must_show":["x"],"place":{"latitude":91,"longitude":0}"#), "place");
    let event = |rest: &str| {
        let event = format!(r#"{{"item":"x","kind":"chosen",{rest}}}"#);
        sanity(&format!(r#""must_show":["x"],"history":[{event}]"#))
    };
    names(&event(r#""weight":0"#), "history[0].weight");
    names(&event(r#""weight":11"#), "history[0].weight");
    names(&event(r#""days_ago":-1"#), "history[0].days_ago");
    names(r#"{"id":"b","level":"budget","slate_ms_max":0}"#, "slate_ms_max");
    names(r#"{"id":"b","level":"budget","memory_bytes_max":0}"#, "memory_bytes_max");
    names(r#"{"id":"b","level":"regression","scores":{"x":1},"tolerance":-1}"#, "tolerance");
    names(r#"{"id":"","level":"sanity","must_show":["x"]}"#, "id");
    let line = r#"{"id":"b\n","level":"sanity","must_show":["x"]}"#;
    assert!(matches!(refused(line.as_bytes()).1,
        Refusal::ControlCharacter { field, .. } if field == "id"));
    names(&format!(r#"{{"id":"{}","level":"sanity","must_show":["x"]}}"#, "x".repeat(129)), "id");
}

#[test]
fn numbers_that_are_none_are_refused() {
    for number in ["NaN", "Infinity", "-Infinity", "1e999"] {
        let line =
            format!(r#"{{"id":"b","level":"regression","scores":{{"x":{number}}},"tolerance":1}}"#);
        let (file, refusal) = refused(line.as_bytes());
        assert!(
            matches!(refusal, Refusal::NotANumber { .. }) && file == "checks.jsonl:1",
            "{number}"
        );
    }
}

#[test]
fn an_empty_file_and_an_empty_line_are_refused() {
    assert!(matches!(refused(b"").1, Refusal::Field { .. }));
    assert!(matches!(refused(b"\n").1, Refusal::Field { .. }));
    let (file, _) = refused(format!("{GOOD}\n\n").as_bytes());
    assert_eq!(file, "checks.jsonl:2");
}

#[test]
fn an_id_that_is_twice_there_is_named_with_the_second_line() {
    names(GOOD, "id");
}

#[test]
fn an_id_of_ten_megabytes_a_long_line_and_a_million_lines_are_refused() {
    let id = format!(r#"{{"id":"{}","level":"sanity"}}"#, "x".repeat(10 << 20));
    let (file, refusal) = refused(id.as_bytes());
    let limit = CHECKS_BYTES_MAX;
    assert_eq!(file, "checks.jsonl");
    assert!(matches!(refusal, Refusal::TooLarge { limit: found, .. } if found == limit));
    let (file, refusal) = refused(format!("{GOOD}{}", " ".repeat(LINE_BYTES_MAX)).as_bytes());
    assert_eq!(file, "checks.jsonl:1");
    assert!(matches!(refusal, Refusal::TooLarge { what: "length of the line", .. }));
    let (file, refusal) = refused("{}\n".repeat(1_000_000).as_bytes());
    assert_eq!(file, "checks.jsonl");
    let expected = Refusal::TooLarge { what: "number of checks", found: 1_000_000, limit: 256 };
    assert_eq!(refusal, expected);
}

#[test]
fn deep_json_and_text_that_is_not_utf8_are_refused() {
    let deep = format!(r#"{{"id":"b","level":"sanity","history":{}"#, "[".repeat(60_000));
    assert!(matches!(refused(deep.as_bytes()).1, Refusal::TooDeep { .. }));
    let deep = format!(r#"{{"id":"b","x":{}"#, r#"{"a":"#.repeat(10_000));
    assert!(matches!(refused(deep.as_bytes()).1, Refusal::TooDeep { .. }));
    assert!(matches!(refused(b"{\"id\":\"\xff\"}").1, Refusal::NotUtf8 { .. }));
}

#[test]
fn a_history_and_a_list_beyond_their_bounds_are_refused() {
    let events = vec![r#"{"item":"x","kind":"liked"}"#; 501].join(",");
    let line = format!(r#"{{"id":"b","level":"sanity","must_show":["x"],"history":[{events}]}}"#);
    let expected = Refusal::TooLarge { what: "number of events", found: 501, limit: 500 };
    assert_eq!(refused(line.as_bytes()).1, expected);
    let items = vec![r#""x""#; 65].join(",");
    let line = format!(r#"{{"id":"b","level":"sanity","must_show":[{items}]}}"#);
    let expected = Refusal::TooLarge { what: "number of items", found: 65, limit: 64 };
    assert_eq!(refused(line.as_bytes()).1, expected);
}

proptest! {
    #[test]
    fn changed_bytes_give_checks_or_a_refusal(
        at in 0usize..900,
        byte in any::<u8>(),
        cut in 0usize..900,
    ) {
        let mut bytes = full().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..cut % bytes.len()]] {
            match Checks::parse(bytes) {
                Ok(checks) => {
                    let again = Checks::parse(&checks.to_bytes().unwrap()).unwrap();
                    prop_assert_eq!(again, checks);
                }
                Err(Error::ReleaseRefused { .. }) => {}
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}

#[test]
fn scores_that_must_be_the_very_same_can_be_written_and_read_again() {
    let line = r#"{"id":"r","level":"regression","scores":{"x":1.5},"relative":0.0}"#;
    let checks = Checks::parse(line.as_bytes()).unwrap();
    assert_eq!(Checks::parse(&checks.to_bytes().unwrap()).unwrap(), checks);
}
