//! Good and bad files of every kind.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::datasets::ReadCounts;

fn write(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (directory, path)
}

fn read(name: &str, text: &str, settings: &TableSettings) -> Result<EventTable> {
    let (_directory, path) = write(name, text.as_bytes());
    read_events(&path, settings)
}

fn csv(text: &str) -> Result<EventTable> {
    read("t.csv", text, &TableSettings::default())
}

fn json(text: &str) -> Result<EventTable> {
    read("t.jsonl", text, &TableSettings::default())
}

fn field_of(result: Result<EventTable>) -> (u64, String, String) {
    match result {
        Err(Error::Field { line, field, reason, .. }) => (line, field, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn csv_and_json_lines_give_the_same_events_in_time_order() {
    let table = csv("item,user_id,ts,stars\na,u,20,1\nb,v,10,2\n").unwrap();
    let lines = "{\"itemId\":\"a\",\"user\":\"u\",\"time\":20,\"rating\":1}\n\
                 {\"itemId\":\"b\",\"user\":\"v\",\"time\":10,\"rating\":2}\n";
    assert_eq!(json(lines).unwrap().data, table.data);
    let times: Vec<_> = table.data.events.iter().map(|event| event.at_ms).collect();
    assert_eq!(times, [Some(10_000), Some(20_000)]);
    assert_eq!(
        (table.data.users.as_slice(), table.data.items.len()),
        (&["u", "v"].map(String::from)[..], 2)
    );
}

#[test]
fn columns_are_found_by_the_names_that_are_given() {
    let columns =
        Columns { user: Some("who".into()), item: Some("what".into()), ..Columns::default() };
    let settings = TableSettings { columns, ..TableSettings::default() };
    let table = read("t.tsv", "who\twhat\titem\nu\ta\tx\n", &settings).unwrap();
    assert_eq!(table.data.items[0].id.as_str(), "a");
    let missing = read("t.csv", "user,item\nu,a\n", &settings).unwrap_err();
    assert!(matches!(&missing, Error::MissingColumn { column, .. } if column == "who"));
}

#[test]
fn low_ratings_are_counted_and_left_out_when_a_least_one_is_set() {
    let text = "user,item,rating\nu,a,5\nu,b,3.5\nu,a,5\n";
    let settings = TableSettings { positive_rating: Some(4.0), ..TableSettings::default() };
    let table = read("t.csv", text, &settings).unwrap();
    assert_eq!(table.data.counts, ReadCounts { duplicates: 1, not_positive: 1 });
    assert_eq!((table.data.events.len(), table.warnings.len()), (1, 0));
    let warned = csv(text).unwrap().warnings;
    assert!(warned[0].what.contains("no least rating"), "{warned:?}");
}

#[test]
fn bad_values_name_their_line_and_column() {
    for (row, column) in [
        (",a,1,1,1", "user"),
        ("u,,1,1,1", "item"),
        ("u,a,soon,1,1", "time"),
        ("u,a,1,NaN,1", "rating"),
        ("u,a,1,x,1", "rating"),
        ("u,a,1,1,0", "weight"),
        ("u,a,1,1,inf", "weight"),
        ("u,a,2026-01-01,1,1", "time"),
        ("u,a,1,1", "row"),
    ] {
        let text = format!("user,item,time,rating,weight\nv,b,7,1,1\n{row}\n");
        let (line, field, _) = field_of(csv(&text));
        assert_eq!((line, field.as_str()), (3, column), "{row}");
    }
    for (line, column) in [
        ("{\"user\":1.5,\"item\":1}", "user"),
        ("{\"user\":1}", "item"),
        ("{\"user\":1,\"item\":[1]}", "item"),
        ("{\"user\":1,\"item\":1,\"rating\":\"5\"}", "rating"),
        ("{\"user\":1,\"item\":1,\"time\":true}", "time"),
        ("[1]", "row"),
    ] {
        let (number, field, _) = field_of(json(&format!("\n{line}\n")));
        assert_eq!((number, field.as_str()), (2, column), "{line}");
    }
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_line_is_told() {
    let (line, _, reason) = field_of(csv("user,item,time\nu,a,1\nu,b"));
    assert!(line == 3 && reason.contains("cut off"), "{line} {reason}");
    let (line, _, reason) = field_of(json("{\"user\":1,\"item\":2}\n{\"user\":1,\"it"));
    assert!(line == 2 && reason.contains("middle of this line"), "{line} {reason}");
    let warnings = csv("user,item,time\nu,a,1\nu,b,12").unwrap().warnings;
    assert!(warnings[0].line == 3 && warnings[0].what.contains("cut off"), "{warnings:?}");
}

#[test]
fn ids_of_mixed_types_are_one_and_warned_of_once() {
    let text =
        "{\"user\":1,\"item\":2}\n{\"user\":\"1\",\"item\":3}\n{\"user\":\"1\",\"item\":4}\n";
    let table = json(text).unwrap();
    assert_eq!(table.data.users, ["1"]);
    assert_eq!((table.warnings.len(), table.warnings[0].line), (1, 2));
}

#[test]
fn empty_files_and_unknown_endings_are_told_apart() {
    assert!(matches!(csv(""), Err(Error::Empty { .. })));
    assert!(matches!(csv("user,item\n"), Err(Error::Empty { .. })));
    assert!(matches!(json("\n\n"), Err(Error::Empty { .. })));
    assert!(matches!(read("t.xls", "", &TableSettings::default()), Err(Error::Setting { .. })));
    assert!(matches!(
        read("t.parquet", "PAR1", &TableSettings::default()),
        Err(Error::Parquet { .. })
    ));
}

#[test]
fn contexts_are_those_of_the_plan() {
    let contexts = vec![ContextId::new("lunch").unwrap(), ContextId::new("dinner").unwrap()];
    let settings = TableSettings { contexts, ..TableSettings::default() };
    let table = read("t.csv", "user,item,context\nu,a,dinner\nu,b,0\nu,c,\n", &settings).unwrap();
    let found: Vec<_> = table.data.events.iter().map(|event| event.context).collect();
    assert_eq!(found, [Some(1), Some(0), None]);
    let (line, field, _) = field_of(read("t.csv", "user,item,context\nu,a,tea\n", &settings));
    assert_eq!((line, field.as_str()), (2, "context"));
}

#[test]
fn huge_ids_take_no_more_room_than_small_ones() {
    let text = "user,item,time\n1,9999999,1\n2,10000000,2\n3,1,3\n";
    let table = csv(text).unwrap();
    assert_eq!((table.data.items.len(), table.data.events.len()), (3, 3));
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in ["t.csv", "t.jsonl", "t.parquet"] {
            let (_directory, path) = write(name, &bytes);
            let _ = read_events(&path, &TableSettings::default());
        }
    }

    #[test]
    fn ties_in_time_keep_the_order_of_the_file(times in prop::collection::vec(0u8..4, 1..40)) {
        let mut text = "user,item,time\n".to_owned();
        for (row, time) in times.iter().enumerate() {
            text.push_str(&format!("u,i{row},{time}\n"));
        }
        let table = csv(&text).unwrap();
        let mut expected: Vec<usize> = (0..times.len()).collect();
        expected.sort_by_key(|row| times[*row]);
        let found = table.data.events.iter().map(|event| event.item as usize);
        prop_assert!(found.eq(expected));
    }
}
