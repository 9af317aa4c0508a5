//! `noctule collect`: told to stop while devices send, and signing what it acknowledges.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use noctule_core::upload::Acknowledgement;
use noctule_releases::PublicKey;
use serde_json::{Value, json};

use crate::runner::Workplace;

const DEVICES: u64 = 16;
const EVENTS: u64 = 20;

/// Starts the collector and gives the address that it says it listens on.
fn collect(place: &Workplace, more: &str) -> (Child, SocketAddr) {
    let line = "collect --address 127.0.0.1:0 --output feedback --flush-seconds 1 --json";
    let mut command = place.command(&format!("{line} {more}"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let address = loop {
        said.clear();
        assert!(errors.read_line(&mut said).unwrap() > 0, "the collector has ended");
        if let Some((_, rest)) = said.split_once("http://") {
            break rest.split(',').next().unwrap().trim().parse().unwrap();
        }
    };
    // It must not wait for a reader of what it says later.
    thread::spawn(move || errors.read_to_end(&mut Vec::new()));
    (child, address)
}

/// Posts a batch of a device; the status, or none when there was no whole answer.
fn post(address: SocketAddr, device: u64, batch: u64) -> Option<u16> {
    let answer = answer(address, device, batch)?;
    // Whole or nothing: a cut answer acknowledges nothing.
    answer.contains("\"accepted\":20").then_some(())?;
    answer.get(9..12)?.parse().ok()
}

/// The answer to a batch of a device, as far as it came.
fn answer(address: SocketAddr, device: u64, batch: u64) -> Option<String> {
    let id = |number: u64| format!("00000000-0000-4000-8000-{number:012x}");
    let first = batch * EVENTS + 1;
    let header = json!({
        "schema": 1, "batch_id": id(device << 24 | batch), "app": "town",
        "installation": id(device), "first_sequence": first, "last_sequence": first + EVENTS - 1,
        "events": EVENTS, "sent_at_ms": 1_795_161_600_000u64, "library": "0.1.0", "dropped": 0,
    });
    let mut body = format!("{header}\n");
    for sequence in first..first + EVENTS {
        let event = json!({
            "id": id(device << 32 | sequence), "sequence": sequence, "kind": "click",
            "at_ms": 1_795_161_600_000u64 + sequence, "item": "cafe",
        });
        body += &format!("{event}\n");
    }
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let length = body.len();
    let head = format!(
        "POST /v1/batches HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn with_a_key_what_it_acknowledges_is_signed() {
    let place = Workplace::new();
    let made = place.json("pack --new-key collector.key");
    let (mut child, address) = collect(&place, "--ack-key collector.key");
    let answer = answer(address, 1, 0).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let answer: Acknowledgement = serde_json::from_str(body).unwrap();
    let public: PublicKey = made["public"].as_str().unwrap().parse().unwrap();
    assert!(answer.is_signed_by(&[public.0]), "{answer:?}");
    let another = Acknowledgement { repeated: 1, ..answer };
    assert!(!another.is_signed_by(&[public.0]));
}

#[test]
fn a_key_that_is_none_stops_the_start_and_is_named() {
    let place = Workplace::new();
    place.write("collector.key", "none");
    let said = place.failure("collect --output feedback --ack-key collector.key");
    assert!(said.contains("collector.key"), "{said}");
}

#[test]
fn told_to_stop_under_load_it_ends_soon_and_keeps_what_it_acknowledged() {
    let place = Workplace::new();
    let (mut child, address) = collect(&place, "");
    let stop = AtomicBool::new(false);
    let acknowledged: Mutex<BTreeMap<u64, u64>> = Mutex::default();
    let took = thread::scope(|scope| {
        for device in 1..=DEVICES {
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || {
                for batch in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    if post(address, device, batch) == Some(200) {
                        *acknowledged.lock().unwrap().entry(device).or_default() += EVENTS;
                    }
                }
            });
        }
        thread::sleep(Duration::from_millis(1_300));
        let begun = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let status = child.wait().unwrap();
        stop.store(true, Ordering::SeqCst);
        assert_eq!(status.code(), Some(0));
        begun.elapsed()
    });
    println!("stopped in {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    let acknowledged = acknowledged.into_inner().unwrap();
    let sum: u64 = acknowledged.values().sum();
    assert!(sum > 1_000, "{acknowledged:?}");
    assert!(said["stored_events"].as_u64().unwrap() >= sum, "{said} {sum}");
    // Each device sent its numbers in order, so what is there is all that it was told of, or more.
    let audit = place.json("audit feedback --app town");
    let found: BTreeMap<String, u64> = audit["installations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["installation"].as_str().unwrap().into(), one["events"].as_u64().unwrap()))
        .collect();
    assert_eq!((&audit["loss"]["missing"], &audit["repeated"]), (&json!(0), &json!(0)));
    for (device, events) in acknowledged {
        let stored = found[&format!("00000000-0000-4000-8000-{device:012x}")];
        assert!(stored >= events, "device {device}: {stored} of {events}");
    }
}
