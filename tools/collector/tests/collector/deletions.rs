//! Installations that ask to be forgotten: nothing of them is left, and nothing of others is lost.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use noctule_collector::{Collector, Error, forget};
use parquet::record::Field;
use serde_json::{Value, json};
use ureq::Agent;
use uuid::Uuid;

use crate::durability::{kills, spawn};
use crate::fixture::{
    Answer, agent, batch, files, gzip, identities, rejections, settings, start, try_send, uuid,
};

pub(crate) fn deletion(app: &str, installation: u128) -> Value {
    json!({
        "schema": 1, "app": app, "installation": uuid(installation),
        "requested_at_ms": 1_795_161_600_000_i64,
    })
}

fn try_ask(
    agent: &Agent,
    address: SocketAddr,
    body: &str,
    token: Option<&str>,
) -> Result<Answer, ureq::Error> {
    let mut request = agent.post(format!("http://{address}/v1/deletions"));
    request = request.header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Answer::read(request.send(body)?)
}

pub(crate) fn ask(address: SocketAddr, body: &Value) -> Answer {
    try_ask(&agent(), address, &body.to_string(), None).unwrap()
}

/// Panics where a byte scan of the folder, or a row of a Parquet file, names the installation.
pub(crate) fn check_gone(output: &Path, installation: u128) {
    check_all_gone(output, &BTreeSet::from([installation]));
}

/// The same for many, in one scan.
fn check_all_gone(output: &Path, installations: &BTreeSet<u128>) {
    // As text in both cases, as bare hexadecimal digits, and as bytes.
    let mut needles: HashMap<Vec<u8>, u128> = HashMap::new();
    for installation in installations {
        let text = uuid(*installation);
        let (upper, bare) = (text.to_uppercase(), text.replace('-', ""));
        for needle in [text.into_bytes(), upper.into_bytes(), bare.into_bytes()] {
            needles.insert(needle, *installation);
        }
        needles.insert(installation.to_be_bytes().to_vec(), *installation);
    }
    for path in every_file(output) {
        let bytes = fs::read(&path).unwrap();
        for length in [36, 32, 16] {
            let found = bytes.windows(length).find_map(|window| needles.get(window));
            assert!(found.is_none(), "{} is in {}", uuid(*found.unwrap_or(&0)), path.display());
        }
    }
    let texts: BTreeSet<String> = installations.iter().map(|one| uuid(*one)).collect();
    assert!(identities(output).iter().all(|row| !texts.contains(&row.1)), "there are rows");
    for row in rejections(output) {
        let Field::Str(text) = &row["installation"] else { panic!("{row:?}") };
        assert!(!texts.contains(text), "{text} has rejected lines");
    }
}

fn every_file(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(every_file(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_forgotten_installation_leaves_parquet_rejections_and_journal() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let (agent, address) = (agent(), collector.address());
    let mut mixed = batch("town", 7, 1, 1..=5);
    mixed.events[2]["propensity"] = json!(2.0);
    mixed.acknowledged(&agent, address);
    let mut other = batch("town", 8, 2, 1..=5);
    other.events[2]["propensity"] = json!(2.0);
    other.acknowledged(&agent, address);
    collector.flush().unwrap();
    assert_eq!((identities(folder.path()).len(), rejections(folder.path()).len()), (8, 2));
    // Rows that are still in the journal, before and after the request.
    batch("town", 7, 3, 6..=9).acknowledged(&agent, address);
    let answer = ask(address, &deletion("town", 7));
    assert_eq!((answer.status, answer.body), (200, json!({"installation": uuid(7)}).to_string()));
    batch("city", 7, 4, 1..=2).acknowledged(&agent, address);
    collector.flush().unwrap();
    let left = identities(folder.path());
    assert_eq!(left.iter().filter(|row| row.1 == uuid(8)).count(), 4);
    // The same pseudonym in another app is another installation.
    assert_eq!(left.iter().filter(|row| row.0 == "city").count(), 2);
    assert_eq!(left.len(), 6);
    let rejected = rejections(folder.path());
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0]["installation"], Field::Str(uuid(8)));
    assert_eq!(collector.counts().deletions, 1);
    assert!(ask(address, &deletion("city", 7)).status == 200);
    collector.stop().unwrap();
    check_gone(folder.path(), 7);
}

#[test]
fn what_comes_later_is_acknowledged_as_repeated_and_not_stored_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut collector = start(folder.path());
    batch("town", 7, 1, 1..=5).acknowledged(&agent(), collector.address());
    assert_eq!(ask(collector.address(), &deletion("town", 7)).status, 200);
    for round in 0..3 {
        let mut late = batch("town", 7, 2, 3..=9);
        late.events[0] = json!("no event");
        let answer = late.acknowledged(&agent(), collector.address());
        assert_eq!((answer.accepted, answer.repeated, answer.rejected.len()), (6, 6, 1), "{round}");
        // Asked again, it is answered again.
        assert_eq!(ask(collector.address(), &deletion("town", 7)).status, 200);
        collector.stop().unwrap();
        check_gone(folder.path(), 7);
        collector = start(folder.path());
    }
    collector.stop().unwrap();
}

#[test]
fn a_deletion_needs_the_access_that_a_batch_needs() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.apps.insert("town".into(), Some("secret".into()));
    let collector = Collector::start(settings).unwrap();
    let ask = |app: &str, token: Option<&str>| {
        let body = deletion(app, 7).to_string();
        try_ask(&agent(), collector.address(), &body, token).unwrap().status
    };
    assert_eq!(ask("town", None), 401);
    assert_eq!(ask("town", Some("wrong")), 401);
    assert_eq!(ask("city", Some("secret")), 403);
    assert_eq!(ask("town", Some("secret")), 200);
    let mut newer = deletion("town", 7);
    newer["schema"] = json!(2);
    let newer = try_ask(&agent(), collector.address(), &newer.to_string(), Some("secret")).unwrap();
    assert_eq!(newer.status, 503);
    let long = deletion(&"x".repeat(5_000), 7).to_string();
    assert_eq!(try_ask(&agent(), collector.address(), &long, None).unwrap().status, 413);
    assert_eq!(try_ask(&agent(), collector.address(), "{}", None).unwrap().status, 400);
}

#[test]
fn a_folder_at_rest_forgets_by_command_and_a_busy_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    for installation in [7, 8] {
        batch("town", installation, installation, 1..=5)
            .acknowledged(&agent(), collector.address());
    }
    let seven = Uuid::from_u128(7);
    let busy = forget(folder.path(), "town", &[seven]).unwrap_err();
    assert!(matches!(busy, Error::OutputInUse { .. }), "{busy}");
    collector.stop().unwrap();
    assert_eq!(forget(folder.path(), "town", &[seven]).unwrap(), 1);
    check_gone(folder.path(), 7);
    assert_eq!(identities(folder.path()).len(), 5);
    assert!(forget(folder.path(), "../town", &[seven]).is_err());
    let collector = start(folder.path());
    let answer = batch("town", 7, 1, 1..=5).acknowledged(&agent(), collector.address());
    assert_eq!(answer.repeated, 5);
}

#[test]
fn a_damaged_line_that_names_the_installation_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("_journal");
    fs::create_dir_all(&journal).unwrap();
    let line =
        |installation| format!("{{\"event\": {{\"installation\":\"{}\"\n", uuid(installation));
    let text = line(7) + &line(8);
    fs::write(journal.join("segment-000000000001.ndjson"), text).unwrap();
    start(folder.path()).stop().unwrap();
    let kept = || fs::read_to_string(files(&journal, "damaged").remove(0)).unwrap();
    assert_eq!(kept().lines().count(), 2);
    forget(folder.path(), "town", &[Uuid::from_u128(7)]).unwrap();
    check_gone(folder.path(), 7);
    assert_eq!(kept(), line(8));
}

/// Whoever left in a round, and what the others had acknowledged.
#[derive(Default)]
struct Told {
    forgotten: BTreeSet<u128>,
    acknowledged: BTreeSet<(u128, u64)>,
}

#[test]
fn kills_at_any_moment_leave_nothing_of_the_forgotten_and_all_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let rounds = kills(16);
    let told = Mutex::new(Told::default());
    for round in 0..rounds {
        let (mut child, address) = spawn(folder.path(), None);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| live_and_leave(&stop, round, address, &told));
            thread::sleep(Duration::from_millis(30 + round * 37 % 110));
            child.kill().unwrap();
            child.wait().unwrap();
            stop.store(true, Ordering::SeqCst);
        });
    }
    start(folder.path()).stop().unwrap();
    let told = told.into_inner().unwrap();
    assert!(told.forgotten.len() as u64 >= rounds / 2, "only {} left", told.forgotten.len());
    let stored = identities(folder.path());
    let distinct: BTreeSet<_> = stored.iter().cloned().collect();
    assert_eq!(distinct.len(), stored.len(), "an event is there twice");
    for (installation, sequence) in &told.acknowledged {
        let row = ("town".to_owned(), uuid(*installation), *sequence as i64);
        assert!(distinct.contains(&row), "{row:?} was acknowledged and is lost");
    }
    check_all_gone(folder.path(), &told.forgotten);
    println!("{rounds} kills: {} forgotten, {} rows left", told.forgotten.len(), stored.len());
    assert!(files(folder.path(), "tmp").is_empty());
}

/// One installation after the other sends and leaves; one sends and stays.
fn live_and_leave(stop: &AtomicBool, round: u64, address: SocketAddr, told: &Mutex<Told>) {
    let agent = agent();
    let mut number = 0u64;
    // Texts in which every byte counts, so that a byte scan finds no other one by chance.
    let name = |number: u64| 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834 ^ (u128::from(number) << 32);
    while !stop.load(Ordering::SeqCst) {
        number += 1;
        let leaving = name(round * 1_000 + number);
        let staying = 1_000 + u128::from(round);
        let (first, last) = (number * 10, number * 10 + 9);
        for (installation, stays) in [(leaving, false), (staying, true)] {
            let body = gzip(&batch("town", installation, number.into(), first..=last).text());
            let Ok(answer) = try_send(&agent, address, &body, &[]) else { continue };
            if answer.status == 200 && stays {
                let sent = (first..=last).map(|sequence| (installation, sequence));
                told.lock().unwrap().acknowledged.extend(sent);
            }
        }
        let body = deletion("town", leaving).to_string();
        if try_ask(&agent, address, &body, None).is_ok_and(|answer| answer.status == 200) {
            told.lock().unwrap().forgotten.insert(leaving);
        }
    }
}
