//! JSON that is no JSON, or more than one bargained for.

use serde_json::{Value, json};

use crate::fixture::{Answer, agent, batch, gzip, identities, rejections, send, start};

/// Sends a header line and event lines as they are.
fn send_lines(address: std::net::SocketAddr, lines: &[Vec<u8>]) -> Answer {
    send(&agent(), address, &gzip(&lines.join(&b'\n')), &[])
}

/// Replaces the value of a field in the text of an object.
fn with(object: &Value, field: &str, value: &[u8]) -> Vec<u8> {
    let mut object = object.clone();
    object[field] = json!("@@");
    let text = object.to_string();
    let (before, after) = text.split_once("\"@@\"").unwrap();
    [before.as_bytes(), value, after.as_bytes()].concat()
}

/// Values that are no number, no text or no JSON at all.
fn horrors() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, close: &str| (open.repeat(10_000) + &close.repeat(10_000)).into();
    vec![
        ("depth in arrays", nested("[", "]")),
        ("depth in objects", nested("{\"a\":", "}")),
        ("1e400", b"1e400".to_vec()),
        ("NaN", b"NaN".to_vec()),
        ("Infinity", b"-Infinity".to_vec()),
        ("2^64", b"18446744073709551616".to_vec()),
        ("40 digits", b"1234567890123456789012345678901234567890".to_vec()),
        ("a fraction", b"1.5".to_vec()),
        ("a leading zero", b"01".to_vec()),
        ("hexadecimal", b"0x10".to_vec()),
        ("text", b"\"1\"".to_vec()),
        ("true", b"true".to_vec()),
        ("a comment", b"1/*x*/".to_vec()),
        ("a trailing comma", b"1,".to_vec()),
        ("invalid UTF-8", b"\"\xff\xfe\"".to_vec()),
        ("a lone surrogate", b"\"\\ud800\"".to_vec()),
        ("a control character", b"\"a\x01b\"".to_vec()),
    ]
}

#[test]
fn a_header_of_horrors_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let good = batch("town", 7, 1, 1..=1);
    let event = good.events[0].to_string().into_bytes();
    let header = good.header.to_string();
    let mut cases: Vec<(&str, Vec<u8>)> = horrors()
        .into_iter()
        .map(|(name, value)| (name, with(&good.header, "first_sequence", &value)))
        .collect();
    let keys: String = (0..100_000).map(|key| format!("\"k{key}\":0,")).collect();
    cases.push(("100,000 keys", header.replacen('{', &format!("{{{keys}"), 1).into()));
    cases.push(("twice the same key", header.replacen('{', "{\"app\":\"town\",", 1).into()));
    cases.push(("a byte order mark", format!("\u{feff}{header}").into()));
    cases.push(("nothing", Vec::new()));
    cases.push(("an array", b"[]".to_vec()));
    for (name, line) in cases {
        let answer = send_lines(collector.address(), &[line, event.clone()]);
        let expected: &[u16] = if name == "100,000 keys" { &[413] } else { &[400] };
        assert!(expected.contains(&answer.status), "{name}: {answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(!body["error"].as_str().unwrap().is_empty() && answer.body.len() < 500, "{name}");
    }
    let answer = send_lines(collector.address(), &[header.into(), event]);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_header_field_that_does_not_hold_is_pointed_at() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut wrong = batch("town", 7, 1, 1..=4);
    wrong.header["last_sequence"] = json!(2);
    let answer = wrong.send(&agent(), collector.address());
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["pointer"]), (400, &json!("/last_sequence")), "{body}");
    wrong.header = json!([]);
    let answer = wrong.send(&agent(), collector.address());
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, body.get("pointer")), (400, None), "{body}");
}

#[test]
fn of_500_events_the_horrors_are_set_aside_and_the_others_stored() {
    let horrors = horrors();
    for (name, horror) in &horrors {
        let folder = tempfile::tempdir().unwrap();
        let collector = start(folder.path());
        let good = batch("town", 7, 1, 1..=500);
        let mut lines: Vec<Vec<u8>> = std::iter::once(&good.header)
            .chain(&good.events)
            .map(|line| line.to_string().into_bytes())
            .collect();
        lines[250] = with(&good.events[249], "position", horror);
        let answer = send_lines(collector.address(), &lines);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&body["accepted"], &body["repeated"]), (&json!(499), &json!(0)), "{name}");
        let rejected = body["rejected"].as_array().unwrap();
        assert_eq!(rejected.len(), 1, "{name}: {body}");
        assert_eq!(rejected[0]["index"], json!(249), "{name}");
        assert!(!rejected[0]["reason"].as_str().unwrap().is_empty(), "{name}");
        collector.stop().unwrap();
        let stored: Vec<i64> = identities(folder.path()).into_iter().map(|row| row.2).collect();
        let expected: Vec<i64> = (1..=500).filter(|sequence| *sequence != 250).collect();
        assert_eq!(stored, expected, "{name}");
    }
}

#[test]
fn event_lines_of_other_shapes_are_set_aside_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let mut good = batch("town", 7, 1, 1..=10);
    let line = good.events[0].to_string();
    let shapes: [Vec<u8>; 8] = [
        b"".to_vec(),
        b"null".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        line.replacen('{', "{\"item\":\"twice\",", 1).into(),
        line.replace("\"item\":\"", "\"item\":\"\\u0000").into(),
        line.replace("\"item\":\"", "\"item\":\"\u{202e}\\ud83d").into(),
        format!("{line}{line}").into(),
        vec![b'"'; 70_000],
    ];
    good.header["events"] = json!(shapes.len());
    let lines = [vec![good.header.to_string().into_bytes()], shapes.to_vec()].concat();
    let answer = send_lines(collector.address(), &lines);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["accepted"], json!(0), "{body}");
    let rejected = body["rejected"].as_array().unwrap();
    let indices: Vec<u64> = rejected.iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, (0..shapes.len() as u64).collect::<Vec<_>>());
    collector.stop().unwrap();
    assert_eq!(identities(folder.path()).len(), 0);
    assert_eq!(rejections(folder.path()).len(), shapes.len());
}
