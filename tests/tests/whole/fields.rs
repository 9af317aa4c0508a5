//! What leaves the device has the fields that the format names, and no other.

use std::collections::BTreeSet;

use noctule_core::base::{ContextId, ItemId, Seed, SeededRandom, SurfaceId};
use noctule_core::feedback::{
    Detail, EventKind, FeedbackEvent, FieldSchema, FieldType, KindSchema, KindSchemas,
};
use noctule_core::upload::{Network, Transfer};
use noctule_tests::Phone;
use noctule_tests::collector::{acknowledgement, lines};
use noctule_tests::town::NOW_MS;
use serde_json::Value;

/// Events recorded; `NOCTULE_FIELD_EVENTS` asks for more, 100,000 is the bar.
const EVENTS: usize = 4_000;
const SEED: u64 = 20_261_129;

/// The fields of `core/docs/formats/upload-batch.md`, which the test reads: the table of the
/// section that begins with `heading`.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = include_str!("../../../core/docs/formats/upload-batch.md");
    let section = page.split_once(heading).unwrap().1;
    let rows = section.lines().skip_while(|line| !line.starts_with("| `"));
    let rows = rows.take_while(|line| line.starts_with("| `"));
    let first = |row: &str| row.split('|').nth(1).unwrap().to_owned();
    // A row may name several, each between backticks.
    rows.map(first)
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn kinds() -> KindSchemas {
    let words = ["price", "taste"].map(str::to_owned).to_vec();
    let field = |name: &str, holds| FieldSchema { name: name.into(), holds, required: false };
    let fields = vec![
        field("why", FieldType::Word(words)),
        field("again", FieldType::Flag),
        field("stars", FieldType::Number { min: 1.0, max: 5.0 }),
    ];
    KindSchemas::new(vec![KindSchema { name: "rated".into(), fields }]).unwrap()
}

fn some(random: &mut SeededRandom) -> FeedbackEvent {
    let kinds = ["impression", "click", "dwell", "like", "dislike", "hide", "undo", "conversion"];
    let mine = ["rated", "shared"];
    let at = random.below(kinds.len() + mine.len());
    let kind = *kinds.iter().chain(&mine).nth(at).unwrap();
    let item = ItemId::new(format!("item-{}", random.below(40))).unwrap();
    let mut event = FeedbackEvent::new(EventKind::try_from(kind.to_owned()).unwrap(), item);
    event.surface = (random.below(2) == 0).then(|| SurfaceId::new("home").unwrap());
    event.context = (random.below(2) == 0).then(|| ContextId::new("breakfast").unwrap());
    event.generation = (random.below(2) == 0).then(|| random.below(1 << 20) as u64);
    match kind {
        "impression" => {
            event.position = Some(random.below(20) as i64);
            event.propensity = Some(random.uniform());
            event.visible_ms = Some(random.below(9_000) as i64);
        }
        "dwell" => event.dwell_ms = Some(random.below(90_000) as i64),
        "undo" => event.undoes = Some(EventKind::Like),
        "rated" => {
            event.details.insert("again".into(), Detail::Flag(random.below(2) == 0));
            event.details.insert("stars".into(), Detail::Number(1.0 + 4.0 * random.uniform()));
            event.details.insert("why".into(), Detail::Word("taste".into()));
        }
        _ => {}
    }
    event
}

fn check(line: &Value, allowed: &BTreeSet<String>) {
    for name in line.as_object().unwrap().keys() {
        assert!(allowed.contains(name), "{name} in {line}");
    }
}

#[test]
fn no_field_leaves_the_device_that_the_format_does_not_name() {
    let (of_header, of_event) = (documented("## Header"), documented("## Event"));
    assert!(of_header.contains("batch_id") && of_event.contains("sequence"), "{of_event:?}");
    let scratch = tempfile::tempdir().unwrap();
    let phone =
        Phone::open_as(scratch.path(), NOW_MS, |config| config.event_kinds = kinds()).unwrap();
    let events = std::env::var("NOCTULE_FIELD_EVENTS").ok();
    let events: usize = events.map_or(EVENTS, |events| events.parse().expect("a number of events"));
    let mut random = SeededRandom::new(Seed(SEED));
    let mut left = 0;
    while left < events {
        let before = left;
        let screen: Vec<_> = (0..500.min(events - left)).map(|_| some(&mut random)).collect();
        phone.record(&screen).unwrap();
        while let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() {
            assert!(request.headers.iter().all(|(name, _)| name.starts_with("content-")));
            let lines = lines(&request);
            check(&lines[0], &of_header);
            lines[1..].iter().for_each(|line| check(line, &of_event));
            left += lines.len() - 1;
            let outcome = acknowledgement(&request.id, lines.len() - 1);
            phone.transfer_finished(&request.id, &outcome).unwrap();
        }
        assert!(left > before, "nothing leaves");
    }
    eprintln!("{left} events: no other field than those of the format");
}
