//! Counts and rates by any columns.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::Path;

use noctule_core::base::{Seed, SeededRandom};
use noctule_reports::{
    Column, Error, Interval, ReadOut, ReadOutSettings, Tally, Value, day_of, rate, read_out,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::fixture::{DAY_MS, Event, MIDNIGHT_MS, Phone, documented_schema, write_parquet};

fn write(folder: &Path, events: &[Event]) {
    for day in 0..4 {
        let of_day = |event: &&Event| (event.at_ms - MIDNIGHT_MS).div_euclid(DAY_MS) == day;
        let events: Vec<Event> = events.iter().filter(of_day).cloned().collect();
        // Two files, so that nothing depends on one.
        for (half, part) in events.chunks(events.len().div_ceil(2).max(1)).enumerate() {
            let name = format!("app=town/day=2026-11-{}/part-{half}.parquet", 20 + day);
            write_parquet(&folder.join(name), part, &documented_schema());
        }
    }
}

fn table(events: &[Event], settings: &ReadOutSettings) -> ReadOut {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), events);
    read_out(folder.path(), "town", settings).unwrap()
}

fn by(columns: &[Column]) -> ReadOutSettings {
    ReadOutSettings { by: columns.to_vec(), ..ReadOutSettings::default() }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Events of some phones over three days, with repeats, gaps, and outcomes of other generations.
fn town(random: &mut SeededRandom) -> Vec<Event> {
    let mut all = Vec::new();
    for number in 0..8 {
        let arm = ["model", "baseline"][random.below(2)];
        let mut phone = Phone::new(format!("phone-{number}"), arm);
        for day in 0..3 {
            let context = ["breakfast", "lunch", "dinner"][random.below(3)];
            phone.show(day, context, &["cafe", "bakery", "ramen"]);
            for _ in 0..random.below(4) {
                let item = ["cafe", "bakery", "ramen"][random.below(3)];
                let kind = ["click", "conversion"][random.below(2)];
                phone.event(kind, day, context, item);
                let last = phone.events.last_mut().unwrap();
                last.generation = [None, Some(day as u64 + 1), Some(9)][random.below(3)];
            }
        }
        let repeated = phone.events[random.below(phone.events.len())].clone();
        phone.events.push(repeated);
        all.extend(phone.events);
    }
    all
}

/// The rule of the documentation, event against event: arm and context, then counts.
fn counted_by_hand(events: &[Event]) -> BTreeMap<(String, String), (u64, u64, u64)> {
    let mut seen = HashSet::new();
    let mut counts = BTreeMap::new();
    for event in events {
        if !seen.insert((&event.installation, event.sequence)) {
            continue;
        }
        let key = (event.arm.unwrap().to_owned(), event.context.unwrap().to_owned());
        let (all, shown, accepted) = counts.entry(key).or_insert((0, 0, 0));
        *all += 1;
        if event.kind == "impression" {
            *shown += 1;
            let day = |event: &Event| event.at_ms.div_euclid(DAY_MS);
            *accepted += u64::from(events.iter().any(|other| {
                other.kind == "conversion"
                    && other.installation == event.installation
                    && (other.context, &other.item) == (event.context, &event.item)
                    && day(other) == day(event)
                    && (other.generation.is_none() || other.generation == event.generation)
            }));
        }
    }
    counts
}

#[test]
fn counts_are_those_of_the_rule_applied_to_every_pair_of_events() {
    let mut random = SeededRandom::new(Seed(20_261_130));
    let mut accepted = 0;
    for _ in 0..20 {
        let events = town(&mut random);
        let found: BTreeMap<_, _> = table(&events, &by(&[Column::Arm, Column::Context]))
            .rows
            .into_iter()
            .map(|row| {
                let [Value::Text(arm), Value::Text(context)] = row.key.as_slice() else {
                    panic!("{row:?}")
                };
                let key = (arm.to_string(), context.to_string());
                (key, (row.events, row.impressions, row.accepted))
            })
            .collect();
        assert_eq!(found, counted_by_hand(&events));
        accepted += found.values().map(|counts| counts.2).sum::<u64>();
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn intervals_are_by_installation_or_of_wilson() {
    let mut one = Phone::new("one", "model");
    one.show(0, "lunch", &["cafe", "bakery", "ramen", "pizza"]);
    one.event("conversion", 0, "lunch", "cafe");
    let mut two = Phone::new("two", "model");
    two.show(0, "lunch", &["cafe", "bakery"]);
    let events = [one.events, two.events].concat();
    let row = &table(&events, &by(&[])).rows[0];
    let tally = |successes, trials| Tally { successes, trials };
    let expected = rate(&[tally(1.0, 4.0), tally(0.0, 2.0)], 0.95).unwrap();
    assert_eq!((row.installations, row.impressions, row.accepted), (2, 6, 1));
    assert_eq!((row.rate, row.low, row.high), (Some(expected.value), expected.low, expected.high));
    let settings = ReadOutSettings { interval: Interval::Wilson, ..by(&[]) };
    let wilson = table(&events, &settings).rows.remove(0);
    assert!(wilson.low.unwrap() > 0.0 && wilson.high < row.high, "{wilson:?}");
}

#[test]
fn filters_choose_rows_and_not_what_accepted_them() {
    let mut phone = Phone::new("one", "model");
    for day in 0..3 {
        phone.show(day, "lunch", &["cafe", "bakery"]);
        phone.event("conversion", day, "lunch", "bakery");
    }
    let rows = |settings: &ReadOutSettings| {
        let rows = table(&phone.events, settings).rows;
        rows.into_iter()
            .map(|row| (row.key, row.events, row.impressions, row.accepted))
            .collect::<Vec<_>>()
    };
    let settings = ReadOutSettings { kinds: vec!["impression".into()], ..by(&[Column::Position]) };
    let expected = [(vec![Value::Number(0)], 3, 3, 0), (vec![Value::Number(1)], 3, 3, 3)];
    assert_eq!(rows(&settings), expected);
    let only = vec![(Column::Position, "1".to_owned()), (Column::Arm, "model".to_owned())];
    let settings = ReadOutSettings { only, ..by(&[Column::Item]) };
    assert_eq!(rows(&settings), [(vec![text("bakery")], 3, 3, 3)]);
    let day = |text| Some(day_of(text).unwrap());
    let (since, until) = (day("2026-11-21"), day("2026-11-21"));
    let settings = ReadOutSettings { since, until, ..by(&[Column::Day, Column::Kind]) };
    let expected = [
        (vec![text("2026-11-21"), text("conversion")], 1, 0, 0),
        (vec![text("2026-11-21"), text("impression")], 2, 2, 1),
    ];
    assert_eq!(rows(&settings), expected);
    let settings = ReadOutSettings { kinds: vec!["like".into()], ..by(&[]) };
    assert_eq!(rows(&settings), []);
    // An empty value chooses the rows without one.
    let only = |value: &str| vec![(Column::Experiment, value.to_owned())];
    let settings = ReadOutSettings { only: only(""), ..by(&[Column::Experiment]) };
    assert_eq!(rows(&settings), [(vec![Value::Unknown], 9, 6, 3)]);
    assert_eq!(rows(&ReadOutSettings { only: only("other"), ..by(&[]) }), []);
}

#[test]
fn csv_json_and_parquet_hold_the_same_numbers() {
    let mut random = SeededRandom::new(Seed(5));
    let table = table(&town(&mut random), &by(&[Column::Arm, Column::Position]));
    let (json, csv) = (table.to_json(), table.to_csv());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rates.parquet");
    table.write_parquet(&path).unwrap();
    let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
    let mut lines = csv.split("\r\n");
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(names[..3], ["arm", "position", "events"]);
    let mut rows = 0;
    for ((row, line), json) in
        reader.get_row_iter(None).unwrap().zip(lines).zip(json["rows"].as_array().unwrap())
    {
        let row = row.unwrap();
        for ((name, field), cell) in row.get_column_iter().zip(line.split(',')) {
            let (as_text, as_json) = match field {
                Field::Null => (String::new(), serde_json::Value::Null),
                Field::Str(text) => (text.clone(), text.as_str().into()),
                Field::Int(number) => (number.to_string(), (*number).into()),
                Field::Long(number) => (number.to_string(), (*number).into()),
                Field::Double(number) => (number.to_string(), (*number).into()),
                other => panic!("{other:?}"),
            };
            assert_eq!((cell, &json[name]), (as_text.as_str(), &as_json), "{name}");
        }
        rows += 1;
    }
    assert!(rows == table.rows.len() && rows > 4, "{rows}");
    let orphans = usize::from(table.orphans > 0);
    assert_eq!(table.to_table().lines().count(), rows + 1 + orphans);
}

#[test]
fn what_cannot_be_read_out_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_out(folder.path(), "town", &by(&[])).unwrap_err();
    assert!(matches!(error, Error::NoFeedback { .. }), "{error}");
    for (settings, named) in [
        (by(&[Column::Arm, Column::Arm]), "by"),
        (ReadOutSettings { kinds: vec![String::new()], ..by(&[]) }, "kind"),
        (ReadOutSettings { accepted_by: "Buy It".into(), ..by(&[]) }, "accepted-by"),
        (ReadOutSettings { confidence: 1.0, ..by(&[]) }, "confidence"),
    ] {
        let error = read_out(folder.path(), "town", &settings).unwrap_err();
        assert!(matches!(&error, Error::InvalidSetting { setting, .. } if *setting == named));
    }
    let mut phone = Phone::new("one", "model");
    phone.show(0, "lunch", &["cafe"]);
    let path = folder.path().join("app=town/day=2026-11-99/part.parquet");
    write_parquet(&path, &phone.events, &documented_schema());
    let error = read_out(folder.path(), "town", &by(&[])).unwrap_err();
    assert!(error.to_string().contains("day=2026-11-99"), "{error}");
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn more_groups_than_fit_are_refused_with_what_to_do() {
    let mut phone = Phone::new("one", "model");
    for number in 0..100_001 {
        phone.event("click", 0, "lunch", &format!("item-{number}"));
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &phone.events);
    assert!(read_out(folder.path(), "town", &by(&[Column::Arm])).is_ok());
    let error = read_out(folder.path(), "town", &by(&[Column::Item])).unwrap_err();
    assert!(matches!(error, Error::TooManyGroups { what: "groups", limit: 100_000 }), "{error}");
    assert!(error.to_string().contains("(--by)"), "{error}");
}

#[test]
fn what_was_accepted_without_having_been_shown_is_counted_as_orphans() {
    let mut phone = Phone::new("a", "model");
    phone.show(0, "lunch", &["cafe", "bar"]);
    phone.event("conversion", 0, "lunch", "cafe");
    phone.event("conversion", 0, "lunch", "never shown");
    phone.event("conversion", 1, "lunch", "bar");
    let settings = ReadOutSettings { kinds: vec!["click".into()], ..by(&[]) };
    for settings in [by(&[]), settings] {
        assert_eq!(table(&phone.events, &settings).orphans, 2);
    }
}

#[test]
fn groups_of_few_installations_are_withheld_and_counted() {
    let mut random = SeededRandom::new(Seed(31));
    let events = town(&mut random);
    let columns = [Column::Arm, Column::Context, Column::Item];
    let all = table(&events, &by(&columns));
    assert_eq!(all.withheld, 0);
    let least = 3;
    let some = table(&events, &ReadOutSettings { installations_min: least, ..by(&columns) });
    let (kept, few): (Vec<_>, Vec<_>) =
        all.rows.into_iter().partition(|row| row.installations >= least);
    assert!(!kept.is_empty() && !few.is_empty(), "both occur, or the test says nothing");
    assert_eq!(some.rows, kept);
    assert_eq!(some.withheld, few.len() as u64);
    assert_eq!(some.to_json()["withheld"], few.len() as u64);
    assert!(some.to_table().contains("withheld"));
}
