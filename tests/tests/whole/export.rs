//! The export holds everything that was recorded, learned and made, and nothing can be left out.

use std::collections::BTreeSet;
use std::path::Path;

use noctule_core::base::Error;
use noctule_core::consent::DataConsent::OnDevice;
use noctule_core::slates::ReasonKind;
use noctule_core::upload::{Network, Transfer};
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::{Phone, Town};
use serde_json::Value;

use crate::consent::used;
use crate::rows::{change, names, rows};

/// What SQLite keeps for itself, and the single values, which have a place of their own.
const NOT_TABLES: [&str; 2] = ["meta", "sqlite_"];

fn export(phone: &Phone, scratch: &Path) -> Value {
    let path = scratch.join("export.json");
    phone.export_to(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a Value> {
    rows.as_array().unwrap().iter().map(|row| &row[name]).collect()
}

#[test]
fn what_was_recorded_learned_and_made_is_in_the_export() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, installation) = used(scratch.path());
    phone.forget_items(&[event("like", "item-8").item]).unwrap();
    let document = export(&phone, scratch.path());
    assert_eq!((&document["format"], &document["schema"]), (&"noctule-export".into(), &1.into()));
    assert_eq!((&document["app"], &document["consent"]), (&"town".into(), &"full".into()));
    assert_eq!(document["identity"]["installation"], installation);
    assert_eq!(document["exported_at_ms"], NOW_MS);
    let (values, tables) = (&document["values"], &document["tables"]);
    let profile = &values["profile"];
    assert_eq!(profile["place"]["latitude"], 22.1);
    assert_eq!(profile["hidden"], serde_json::json!(["item-1"]));
    assert!(column(&profile["history"], "item").contains(&&"item-7".into()));
    assert_eq!(column(&tables["forgotten"], "item"), [&Value::from("item-8")]);
    let events = &tables["events"];
    assert_eq!(column(events, "sequence"), [1, 2, 4].map(Value::from).each_ref());
    assert_eq!(column(events, "kind"), ["like", "hide", "click"].map(Value::from).each_ref());
    assert_eq!(column(events, "at_ms"), [NOW_MS; 3].map(Value::from).each_ref());
    let ids = column(events, "id").into_iter().map(|id| id.as_str().unwrap().len());
    assert!(ids.eq([36; 3]), "identities are written as such");
    assert_eq!(column(&tables["withheld"], "first"), [&Value::from(3)]);
    assert_eq!(column(&tables["pseudonyms"], "installation"), [&Value::from(installation)]);
    assert_eq!(tables["night_runs"].as_array().unwrap().len(), 1);
    assert_eq!(values["upload"]["acknowledged_through"], 0);
    let made = column(&tables["slates"], "body");
    assert_eq!(made.len(), 6);
    let mut slates = tables["slates"].as_array().unwrap().iter();
    let home = slates.find(|row| row["surface"] == "home" && row["context"] == "part-0");
    check_slate(&phone, &home.unwrap()["body"]);
}

/// The slate of `home` in its first context, slot for slot with its reasons.
fn check_slate(phone: &Phone, body: &Value) {
    // What is forgotten since is not shown any more, but it was made with it.
    let shown = phone.slate("home", 0);
    let slots = body["slots"].as_array().unwrap();
    assert!(slots.len() >= shown.items.len() && !shown.items.is_empty());
    for slot in &shown.items {
        let written = slots.iter().find(|written| written["item"] == slot.item.as_str()).unwrap();
        assert_eq!(written["title"], *slot.title);
        let because = slot.reasons.iter().find_map(|reason| match &reason.kind {
            ReasonKind::BecauseOf { item, .. } => Some((item, reason.contribution)),
            _ => None,
        });
        let Some((item, contribution)) = because else { continue };
        let reasons = written["reasons"].as_array().unwrap().iter();
        let mut named = reasons.filter(|reason| reason["about"]["item"] == item.as_str());
        let told = named.next().unwrap()["contribution"].as_f64().unwrap();
        assert_eq!(told as f32, contribution);
    }
}

#[test]
fn no_table_and_no_value_of_the_database_is_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    phone.erase().unwrap();
    phone.record(&[event("like", "item-2")]).unwrap();
    phone.whole_night();
    let document = export(&phone, scratch.path());
    let directory = phone.directory().to_path_buf();
    drop(phone);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect();
    let mut tables = names(&directory, "SELECT name FROM sqlite_master WHERE type = 'table'");
    tables.retain(|name| !NOT_TABLES.iter().any(|other| name.starts_with(other)));
    assert!(tables.len() >= 11, "{tables:?}");
    let exported: BTreeSet<String> = keys(&document["tables"]);
    assert_eq!(exported, tables);
    for table in &tables {
        let written = document["tables"][table].as_array().unwrap().len();
        assert_eq!(written as u64, rows(&directory, &[table.as_str()]), "{table}");
    }
    let mut exported: BTreeSet<String> = keys(&document["values"]);
    // Where the export itself was being written.
    exported.remove("export_path");
    assert_eq!(exported, names(&directory, "SELECT key FROM meta"));
}

#[test]
fn an_export_is_whole_or_not_there_and_leaves_nothing_beside_it() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    let folder = scratch.path().join("exports");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("mine.json");
    std::fs::write(&path, "old").unwrap();
    // Something that cannot be replaced stands where the new file would be written.
    std::fs::create_dir(folder.join("mine.json.new")).unwrap();
    assert!(phone.export_to(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    std::fs::remove_dir(folder.join("mine.json.new")).unwrap();
    phone.export_to(&path).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    let inside = phone.directory().join("export.json");
    for bad in [inside.as_path(), Path::new("/"), &folder.join("no/mine.json")] {
        assert!(matches!(
            phone.export_to(bad),
            Err(Error::InvalidInput { .. } | Error::File { .. })
        ));
    }
    assert!(!inside.exists());
    phone.close();
    assert!(matches!(phone.export_to(&path), Err(Error::Closed)));
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_an_export() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    let path = scratch.path().join("mine.json");
    phone.export_to(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_a_killed_export_left_is_removed_by_the_next_opening() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    let path = scratch.path().canonicalize().unwrap().join("mine.json");
    phone.export_to(&path).unwrap();
    let directory = phone.directory().to_path_buf();
    drop(phone);
    // As a kill in the middle of the next one leaves it.
    let half = path.with_file_name("mine.json.new");
    std::fs::write(&half, "half of it").unwrap();
    let begun = "INSERT INTO meta VALUES ('export_path', ?1)";
    change(&directory, begun, [path.to_str().unwrap().as_bytes()]);
    let _phone = Phone::open(&directory);
    assert!(!half.exists() && path.exists());
}

#[test]
fn events_that_are_forgotten_are_gone_here_and_never_learned() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.set_consent(OnDevice).unwrap();
    let receipt = phone.record(&[event("like", "item-7"), event("hide", "item-1")]).unwrap();
    assert_eq!(phone.forget_events(&[receipt.last_sequence]).unwrap(), 1);
    assert_eq!(phone.forget_events(&[receipt.last_sequence]).unwrap(), 0);
    assert_eq!(phone.night().learned_events, 1);
    let document = export(&phone, scratch.path());
    assert_eq!(document["values"]["profile"]["hidden"], serde_json::json!([]));
    let many = vec![1; 10_001];
    assert!(matches!(phone.forget_events(&many), Err(Error::InvalidInput { .. })));
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}

#[test]
fn forgetting_an_event_of_a_batch_under_way_makes_another_batch_without_it() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    phone.record(&["a", "b", "c"].map(|item| event("like", item))).unwrap();
    let Transfer::Upload(before) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    phone.forget_events(&[2]).unwrap();
    let Transfer::Upload(after) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    assert_ne!(before.id, after.id);
    let lines = noctule_tests::collector::lines(&after);
    assert_eq!(lines[0]["dropped_ranges"], serde_json::json!([[2, 2]]));
    let items: Vec<_> = lines[1..].iter().map(|line| line["item"].as_str().unwrap()).collect();
    assert_eq!(items, ["a", "c"]);
    let acknowledged = noctule_tests::collector::acknowledgement(&after.id, 2);
    phone.transfer_finished(&after.id, &acknowledged).unwrap();
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}
