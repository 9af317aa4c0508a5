//! How much a sender may send, and what happens beyond it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use noctule_collector::{Allowance, Collector, Rate, Rates};

use crate::deletions::{ask, deletion};
use crate::fixture::{agent, batch, settings};

fn allowance(events: f64, requests: f64) -> Allowance {
    // So slow that nothing comes back while a test runs.
    let rate = |burst| Rate { per_second: 0.001, burst };
    Allowance { events: rate(events), requests: rate(requests) }
}

#[test]
fn an_installation_that_sends_too_much_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.rates.installation = Some(allowance(100.0, 10.0));
    let collector = Collector::start(settings).unwrap();
    let send = |installation, number, sequences| {
        batch("town", installation, number, sequences).send(&agent(), collector.address())
    };
    assert_eq!(send(7, 1, 1..=80).status, 200);
    let refused = send(7, 2, 81..=120);
    assert_eq!((refused.status, refused.retry_after.as_deref()), (429, Some("3600")));
    assert!(refused.body.contains("installation"), "{}", refused.body);
    assert_eq!(send(7, 3, 81..=100).status, 200, "what still fits is taken");
    assert_eq!(send(8, 4, 1..=80).status, 200, "another installation has its own");
    let counts = collector.counts();
    assert_eq!((counts.limited_installations, counts.limited_apps), (1, 0));
    assert_eq!(counts.stored_events, 180);
}

#[test]
fn requests_count_even_when_they_bring_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.rates.installation = Some(allowance(1_000.0, 3.0));
    let collector = Collector::start(settings).unwrap();
    let again = || batch("town", 7, 1, 1..=2).send(&agent(), collector.address()).status;
    assert_eq!([again(), again(), again(), again()], [200, 200, 200, 429]);
}

#[test]
fn a_deletion_counts_as_a_request_without_events() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.rates.installation = Some(allowance(10.0, 3.0));
    let collector = Collector::start(settings).unwrap();
    let address = collector.address();
    assert_eq!(batch("town", 7, 1, 1..=10).send(&agent(), address).status, 200);
    let forget = |installation| ask(address, &deletion("town", installation));
    // The bucket of events is empty, that of requests is not.
    assert_eq!([forget(7).status, forget(7).status], [200, 200]);
    let refused = forget(7);
    assert_eq!((refused.status, refused.retry_after.as_deref()), (429, Some("1000")));
    assert_eq!(forget(8).status, 200, "another installation has its own");
    assert_eq!(collector.counts().limited_installations, 1);
}

#[test]
fn an_app_that_sends_too_much_leaves_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.rates.app = Some(allowance(100.0, 10.0));
    let collector = Collector::start(settings).unwrap();
    let send = |app, installation| {
        batch(app, installation, 1, 1..=60).send(&agent(), collector.address()).status
    };
    assert_eq!([send("town", 1), send("town", 2), send("city", 3)], [200, 429, 200]);
    assert_eq!(collector.counts().limited_apps, 1);
}

#[test]
fn rates_that_make_no_sense_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let good = allowance(100.0, 10.0);
    let none = Rate { per_second: 0.0, burst: 10.0 };
    for wrong in [none, Rate { per_second: f64::NAN, burst: 10.0 }, Rate { burst: 0.5, ..none }] {
        for (installation, app) in [
            (Some(Allowance { events: wrong, ..good }), None),
            (None, Some(Allowance { requests: wrong, ..good })),
        ] {
            let mut settings = settings(folder.path());
            settings.rates = Rates { installation, app, ..Rates::default() };
            let error = Collector::start(settings).unwrap_err().to_string();
            assert!(error.starts_with("rates."), "{error}");
        }
    }
}

#[test]
fn bodies_beyond_the_room_for_them_are_sent_away_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.limits.bodies_bytes = 8 << 10;
    let collector = Collector::start(settings).unwrap();
    // One body holds the room: it has not come to its end.
    let mut holder = TcpStream::connect(collector.address()).unwrap();
    let head = "POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n\
                content-length: 9000\r\n\r\n";
    holder.write_all(head.as_bytes()).unwrap();
    holder.write_all(&[b'x'; 8_000]).unwrap();
    // It must have its room before others ask for some, or it is the one that is sent away.
    thread::sleep(Duration::from_millis(500));
    let mut refused = 0;
    for _ in 0..200 {
        let answer = batch("town", 7, 1, 1..=2).send(&agent(), collector.address());
        if answer.status == 503 {
            assert_eq!(answer.retry_after.as_deref(), Some("60"));
            refused += 1;
            break;
        }
        assert_eq!(answer.status, 200);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(refused, 1, "the held body was never counted");
    assert!(collector.counts().shed_requests >= 1);
    // When the holder has gone there is room again.
    drop(holder);
    let sent = (0..400).any(|_| {
        thread::sleep(Duration::from_millis(5));
        batch("town", 7, 1, 1..=2).send(&agent(), collector.address()).status == 200
    });
    assert!(sent, "the room was not given back");
}

#[test]
fn of_many_at_once_each_is_stored_or_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    (settings.limits.requests, settings.limits.waiting) = (1, 1);
    let collector = Collector::start(settings).unwrap();
    let address = collector.address();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let senders: Vec<_> = (1..=24u128)
            .map(|installation| {
                scope.spawn(move || {
                    let answer = batch("town", installation, 1, 1..=400).send(&agent(), address);
                    assert_eq!(answer.status == 503, answer.retry_after.is_some());
                    answer.status
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let of = |status| statuses.iter().filter(|found| **found == status).count() as u64;
    assert_eq!(of(200) + of(503), 24, "{statuses:?}");
    let counts = collector.counts();
    assert_eq!((counts.batches, counts.shed_requests), (of(200), of(503)));
    assert_eq!(counts.stored_events, of(200) * 400);
}

#[test]
fn the_description_is_served_as_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(settings(folder.path())).unwrap();
    let mut stream = TcpStream::connect(collector.address()).unwrap();
    stream.write_all(b"GET /openapi.json HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/json"), "{head}");
    assert_eq!(body, include_str!("../../openapi.json"));
}
