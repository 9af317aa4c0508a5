//! What is accepted, and what is refused with which status.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use noctule_collector::{Collector, Error};
use parquet::record::Field;
use serde_json::json;

use crate::fixture::{
    agent, batch, files, gzip, identities, rejections, send, settings, start, try_send, uuid,
};

#[test]
fn a_batch_is_acknowledged_and_becomes_rows() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let answer = batch("town", 7, 1, 1..=20).acknowledged(&agent(), collector.address());
    assert_eq!((answer.accepted, answer.repeated, answer.rejected.len()), (20, 0, 0));
    collector.flush().unwrap();
    assert_eq!(identities(folder.path()).len(), 20);
    let parts = files(folder.path(), "parquet");
    assert!(parts[0].starts_with(folder.path().join("app=town").join("day=2026-11-20")));
    assert_eq!(files(&folder.path().join("_journal"), "ndjson").len(), 0);
    collector.stop().unwrap();
}

#[test]
fn an_identity_body_is_welcome_too() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    for (number, encoding) in [(1, "identity"), (2, "")] {
        let text = batch("town", 7, number, 1..=3).text();
        let headers = [("content-encoding", encoding)];
        assert_eq!(send(&agent(), collector.address(), &text, &headers).status, 200);
    }
    assert_eq!(collector.counts().repeated_events, 3);
}

#[test]
fn a_bad_event_among_good_ones_is_named_and_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut mixed = batch("town", 7, 1, 1..=5);
    mixed.events[1]["propensity"] = json!(1.5);
    mixed.events[3] = json!("no event");
    mixed.events[4]["sequence"] = json!(3);
    let answer = mixed.acknowledged(&agent(), collector.address());
    assert_eq!((answer.accepted, answer.repeated), (2, 0));
    let indices: Vec<u32> = answer.rejected.iter().map(|rejected| rejected.index).collect();
    assert_eq!(indices, [1, 3, 4]);
    assert!(answer.rejected[0].reason.starts_with("propensity: "), "{answer:?}");
    collector.stop().unwrap();
    let stored: Vec<i64> = identities(folder.path()).into_iter().map(|row| row.2).collect();
    assert_eq!(stored, [1, 3]);
    let rejected = rejections(folder.path());
    let of = |row: &BTreeMap<String, Field>, column: &str| row[column].clone();
    let indices: Vec<Field> = rejected.iter().map(|row| of(row, "index")).collect();
    assert_eq!(indices, [Field::Int(1), Field::Int(3), Field::Int(4)]);
    let row = &rejected[1];
    assert_eq!(of(row, "line"), Field::Bytes(b"\"no event\"".to_vec().into()));
    assert_eq!(of(row, "installation"), Field::Str(uuid(7)));
    assert_eq!(of(row, "batch_id"), Field::Str(uuid(1)));
    assert!(matches!(of(row, "received_ms"), Field::Long(at) if at > 1_600_000_000_000));
    let Field::Str(reason) = of(&rejected[0], "reason") else { panic!("no reason") };
    assert!(reason.starts_with("propensity: "), "{reason}");
}

#[test]
fn a_rejected_line_is_kept_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut text = batch("town", 7, 1, 1..=1).text();
    let end = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    text.truncate(end);
    let line = [0xff, 0x00, b'{', 0xc3];
    text.extend_from_slice(&line);
    assert_eq!(send(&agent(), collector.address(), &gzip(&text), &[]).status, 200);
    collector.stop().unwrap();
    let rejected = rejections(folder.path());
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0]["line"], Field::Bytes(line.to_vec().into()));
}

#[test]
fn a_truncated_body_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let body = gzip(&batch("town", 7, 1, 1..=50).text());
    for cut in [0, 1, 10, body.len() / 2, body.len() - 1] {
        let answer = send(&agent(), collector.address(), &body[..cut], &[]);
        assert_eq!(answer.status, 400, "{cut}: {}", answer.body);
    }
    let mut longer = body.clone();
    longer.extend_from_slice(b"more");
    assert_eq!(send(&agent(), collector.address(), &longer, &[]).status, 400);
    collector.stop().unwrap();
    assert!(identities(folder.path()).is_empty());
}

#[test]
fn a_bomb_is_stopped_at_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    // A gigabyte of spaces behind a good header is one megabyte on the wire.
    let mut bomb = gzip(format!("{}\n", batch("town", 7, 1, 1..=1).header).as_bytes());
    let member = gzip(&vec![b' '; 64 << 20]);
    for _ in 0..14 {
        bomb.extend_from_slice(&member);
    }
    assert!(bomb.len() < 1 << 20, "{} bytes would not even be read", bomb.len());
    for _ in 0..8 {
        let answer = send(&agent(), collector.address(), &bomb, &[]);
        assert_eq!(answer.status, 413, "{}", answer.body);
    }
    if let Some(peak) = peak_memory() {
        assert!(peak < 1 << 30, "{peak} bytes: the bomb was inflated");
    }
}

/// The most memory this process has ever held, where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[test]
fn a_body_over_the_limit_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.limits.compressed_bytes = 1_000;
    settings.limits.events = 10;
    let collector = Collector::start(settings).unwrap();
    let answer = send(&agent(), collector.address(), &[7; 2_000], &[]);
    assert_eq!(answer.status, 413, "{}", answer.body);
    let many = batch("town", 7, 1, 1..=11).send(&agent(), collector.address());
    assert_eq!(many.status, 413, "{}", many.body);
}

#[test]
fn other_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let body = gzip(&batch("town", 7, 1, 1..=2).text());
    for headers in [("content-type", "application/json"), ("content-encoding", "br")] {
        assert_eq!(send(&agent(), collector.address(), &body, &[headers]).status, 415);
    }
    let parameter = [("content-type", "Application/X-NDJSON; charset=utf-8")];
    assert_eq!(send(&agent(), collector.address(), &body, &parameter).status, 200);
    let plain = [("content-encoding", "")];
    assert_eq!(send(&agent(), collector.address(), b"GIF89a", &plain).status, 400);
}

#[test]
fn a_header_that_does_not_hold_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let cases = [
        ("app", json!("../../etc")),
        ("app", json!("a/b")),
        ("events", json!(3)),
        ("events", json!(0)),
        ("first_sequence", json!(0)),
        ("dropped", json!(u64::MAX)),
        ("dropped_ranges", json!([[0, 0]])),
        ("dropped_ranges", json!([[2, 1]])),
        ("dropped_ranges", json!([[2, 3], [3, 3]])),
        ("dropped_ranges", json!([[2, 5]])),
        ("dropped_ranges", json!((1..=1_001).map(|n| [n, n]).collect::<Vec<_>>())),
        ("last_sequence", json!(1)),
        ("last_sequence", json!(0)),
        ("schema", json!(0)),
        ("experiment", json!("")),
    ];
    for (field, value) in cases {
        let mut wrong = batch("town", 7, 1, 1..=4);
        wrong.header[field] = value.clone();
        let answer = wrong.send(&agent(), collector.address());
        assert_eq!(answer.status, 400, "{field} = {value}: {}", answer.body);
        assert!(answer.body.contains(field), "{field} = {value}: {}", answer.body);
    }
    collector.stop().unwrap();
    assert!(identities(folder.path()).is_empty());
    assert!(!folder.path().parent().unwrap().join("etc").exists());
}

#[test]
fn a_newer_schema_is_asked_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut newer = batch("town", 7, 1, 1..=4);
    newer.header["schema"] = json!(2);
    let answer = newer.send(&agent(), collector.address());
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("3600")));
}

#[test]
fn apps_come_in_with_their_own_token_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.apps.insert("town".into(), Some("s3cret".into()));
    settings.apps.insert("open".into(), None);
    let collector = Collector::start(settings).unwrap();
    let status = |app: &str, authorization: &str| {
        let body = gzip(&batch(app, 7, 1, 1..=2).text());
        let headers = [("authorization", authorization)];
        send(&agent(), collector.address(), &body, &headers).status
    };
    assert_eq!(status("town", "Bearer s3cret"), 200);
    assert_eq!(status("open", ""), 200);
    assert_eq!(status("town", ""), 401);
    assert_eq!(status("town", "Bearer s3creT"), 401);
    assert_eq!(status("other", "Bearer s3cret"), 403);
    let open = noctule_collector::Settings::new(([0, 0, 0, 0], 0).into(), folder.path());
    assert!(matches!(Collector::start(open), Err(Error::InvalidSetting { .. })));
}

#[test]
fn health_and_metrics_tell_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    batch("town", 7, 1, 1..=9).acknowledged(&agent(), collector.address());
    let get = |path: &str| {
        let url = format!("http://{}{path}", collector.address());
        let mut response = agent().get(url).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    };
    assert_eq!(get("/healthz"), (200, r#"{"status":"ok"}"#.to_owned()));
    let (status, text) = get("/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("\nnoctule_collector_events_stored_total 9\n"), "{text}");
    assert_eq!(get("/v1/batches").0, 405);
    assert_eq!(get("/").0, 404);
}

#[test]
fn a_client_that_dawdles_is_cut_off_and_keeps_nobody_out_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.limits.answer_within = Duration::from_millis(300);
    settings.limits.connections = 2;
    let collector = Collector::start(settings).unwrap();
    let mut slow: Vec<TcpStream> =
        (0..2).map(|_| TcpStream::connect(collector.address()).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /v1/batches HTTP/1.1\r\nhost: x\r\n").unwrap();
    }
    // Both places are taken; the third waits until the first two are cut off.
    let answer = batch("town", 7, 1, 1..=2).acknowledged(&agent(), collector.address());
    assert_eq!(answer.accepted, 2);
    for stream in &mut slow {
        // An end or a reset: either way the connection is gone, or this would wait for ever.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn two_collectors_do_not_share_a_folder_nor_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let second = Collector::start(settings(folder.path()));
    assert!(matches!(second, Err(Error::OutputInUse { .. })));
    let mut settings = settings(other.path());
    settings.address = collector.address();
    assert!(matches!(Collector::start(settings), Err(Error::Listen { .. })));
    let address = collector.address();
    collector.stop().unwrap();
    start(folder.path()).stop().unwrap();
    assert!(try_send(&agent(), address, b"", &[]).is_err(), "a stopped collector is gone");
}
