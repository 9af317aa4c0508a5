//! A collector whose power goes: what it had acknowledged is in its Parquet, once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use noctule_collector::{Collector, Settings};
use noctule_core::upload::{TransferOutcome, UploadRequest};
use noctule_tests::post::post;
use noctule_tests::town::NOW_MS;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::json;

use crate::hook::{self, Fault};
use crate::image::{self, Unsynced};
use crate::points;

const SEED: u64 = 20_261_129;
const OUTPUT: &str = "NOCTULE_FAULTS_OUTPUT";
/// Batches of one life, and events of one batch.
const BATCHES: u64 = 12;
const EVENTS: u64 = 5;

fn settings(output: &Path) -> Settings {
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), output);
    settings.flush_every = Duration::from_millis(15);
    settings
}

/// The body of the process: a collector that makes Parquet often, until nobody holds its input.
#[test]
fn process() {
    let Some(output) = env::var_os(OUTPUT) else { return };
    let output = PathBuf::from(output);
    let collector = Collector::start(settings(&output)).unwrap();
    let told = output.with_extension("address.tmp");
    fs::write(&told, collector.address().to_string()).unwrap();
    fs::rename(told, output.with_extension("address")).unwrap();
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing).unwrap();
    collector.stop().unwrap();
}

/// Starts it; none when its power goes before it listens.
fn start(output: &Path, fault: Fault<'_>, shadow: &Path) -> (Child, Option<SocketAddr>) {
    let told = output.with_extension("address");
    let _ = fs::remove_file(&told);
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "collector::process"]).env(OUTPUT, output);
    hook::arm(&mut command, fault, output, Some(shadow));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(address) = fs::read_to_string(&told).ok().and_then(|text| text.parse().ok()) {
            return (child, Some(address));
        }
        if child.try_wait().unwrap().is_some() {
            return (child, None);
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "the collector does not start");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Batch number `batch`, each of another day, so that Parquet is made of many files.
fn request(batch: u64) -> UploadRequest {
    let first = batch * EVENTS + 1;
    let id = format!("00000000-0000-4000-8000-{batch:012}");
    let header = json!({
        "schema": 1, "batch_id": id, "app": "town",
        "installation": "00000000-0000-4000-8000-00000000000a",
        "first_sequence": first, "last_sequence": first + EVENTS - 1, "events": EVENTS,
        "sent_at_ms": NOW_MS, "library": "0.1.0", "dropped": 0,
    });
    let mut body = format!("{header}\n");
    for sequence in first..first + EVENTS {
        let event = json!({
            "id": format!("00000000-0000-7000-8000-{sequence:012}"), "sequence": sequence,
            "at_ms": NOW_MS + batch as i64 % 3 * 86_400_000, "kind": "click", "item": "cafe",
            "generation": 1_000 + sequence,
        });
        body += &format!("{event}\n");
    }
    let headers = vec![("content-type", "application/x-ndjson")];
    UploadRequest { id, path: "/v1/batches", headers, body: body.into_bytes() }
}

/// Sends batches until the power goes; gives how many were acknowledged.
fn send(address: SocketAddr) -> u64 {
    for batch in 0..BATCHES {
        match post(address, &request(batch)) {
            TransferOutcome::Answer { status: 200, .. } => {}
            TransferOutcome::Answer { status, body, .. } => {
                panic!("{status}: {}", String::from_utf8_lossy(&body))
            }
            TransferOutcome::NoAnswer { .. } => return batch,
        }
        thread::sleep(Duration::from_millis(6));
    }
    BATCHES
}

/// By sequence number the generations of all rows, after a start on what is left.
fn stored(output: &Path) -> BTreeMap<i64, Vec<i64>> {
    Collector::start(settings(output)).unwrap().stop().unwrap();
    let mut rows: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for day in fs::read_dir(output.join("app=town")).into_iter().flatten() {
        for path in fs::read_dir(day.unwrap().path()).unwrap() {
            let path = path.unwrap().path();
            if path.extension().is_none_or(|end| end != "parquet") {
                continue;
            }
            let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let columns: BTreeMap<String, Field> =
                    row.unwrap().into_columns().into_iter().collect();
                let number = |name: &str| match &columns[name] {
                    Field::Long(number) => *number,
                    other => panic!("{name}: {other:?}"),
                };
                rows.entry(number("sequence")).or_default().push(number("generation"));
            }
        }
    }
    rows
}

fn check(image: &Path, acknowledged: u64) {
    let rows = stored(image);
    for sequence in 1..=(acknowledged * EVENTS) as i64 {
        let found = rows.get(&sequence).map(Vec::as_slice);
        assert_eq!(found, Some([1_000 + sequence].as_slice()), "event {sequence}");
    }
    assert!(rows.values().all(|generations| generations.len() == 1), "stored twice: {rows:?}");
}

#[test]
fn what_was_acknowledged_before_the_power_went_is_stored_once() {
    if hook::library().is_none() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (output, shadow) = (scratch.path().join("output"), scratch.path().join("shadow"));
    let live = |at| {
        let _ = fs::remove_dir_all(&output);
        let _ = fs::remove_dir_all(&shadow);
        fs::create_dir(&output).unwrap();
        fs::create_dir(&shadow).unwrap();
        image::begin(&output, &shadow);
        let (mut child, address) = start(&output, Fault { at, kind: "exit" }, &shadow);
        let acknowledged = address.map_or(0, send);
        drop(child.stdin.take());
        let _ = child.wait().unwrap();
        acknowledged
    };
    assert_eq!(live(0), BATCHES);
    let whole = hook::calls(&output);
    let (mut cuts, mut all) = (0, 0);
    for at in points(whole, 50, SEED) {
        let acknowledged = live(at);
        for unsynced in [&mut Unsynced::Gone, &mut Unsynced::mixed(SEED ^ at)] {
            let left = scratch.path().join("image");
            let _ = fs::remove_dir_all(&left);
            image::make(&output, &shadow, &left, unsynced);
            eprintln!("power lost at call {at} of {whole}: {acknowledged} batches acknowledged");
            check(&left, acknowledged);
        }
        (cuts, all) = (cuts + 1, all + acknowledged);
    }
    assert!(all > cuts, "hardly anything was acknowledged");
    eprintln!("{cuts} losses of power, two images each: {all} batches acknowledged, none missing");
}
