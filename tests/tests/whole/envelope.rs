//! What every event carries: numbers, clocks, visits, and what its slate was made from.

use std::sync::Arc;

use noctule_core::base::{Clock, ContextId, ManualClock, SurfaceId, SystemClock};
use noctule_core::consent::DataConsent;
use noctule_core::feedback::{
    Detail, Details, EventKind, FeedbackEvent, FieldSchema, FieldType, KindSchema, KindSchemas,
};
use noctule_core::upload::{Network, Transfer};
use noctule_core::{Config, Error};
use noctule_tests::collector::{acknowledgement, lines};
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::{Phone, Town};
use serde_json::{Value, json};

const MINUTE_MS: i64 = 60_000;

/// The event lines of the next batch.
fn sent(phone: &Phone) -> Vec<Value> {
    match phone.next_transfer(Network::Unmetered).unwrap() {
        Transfer::Upload(request) => lines(&request).split_off(1),
        other => panic!("{other:?}"),
    }
}

fn column(lines: &[Value], name: &str) -> Vec<Value> {
    lines.iter().map(|line| line[name].clone()).collect()
}

#[test]
fn sessions_and_runs_are_counted_over_restarts() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    phone.record(&[event("like", "a"), event("click", "b")]).unwrap();
    phone.clock.set(NOW_MS + 29 * MINUTE_MS);
    let phone = phone.reopen();
    phone.record(&[event("like", "c")]).unwrap();
    phone.clock.set(NOW_MS + 60 * MINUTE_MS);
    phone.record(&[event("like", "d")]).unwrap();
    let lines = sent(&phone);
    assert_eq!(column(&lines, "sequence"), [1, 2, 3, 4]);
    assert_eq!(column(&lines, "session"), [1, 1, 1, 2]);
    assert_eq!(column(&lines, "run"), [1, 1, 2, 2]);
    assert_eq!(column(&lines, "zone_minutes"), [0, 0, 0, 0]);
}

#[test]
fn the_system_clock_brings_a_clock_that_nobody_can_set() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open_as(scratch.path(), NOW_MS, |config: &mut Config| {
        config.clock = Config::new("", "town", DataConsent::Full).clock;
    })
    .unwrap();
    phone.record(&[event("like", "a")]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3));
    phone.record(&[event("like", "b")]).unwrap();
    let moments = column(&sent(&phone), "run_ms");
    assert!(moments[1].as_u64().unwrap() >= moments[0].as_u64().unwrap() + 3, "{moments:?}");
}

#[test]
fn impressions_of_one_slate_name_what_it_was_made_from_and_others_do_not() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let shown = |phone: &Phone, context: usize| {
        let slate = phone.slate("home", context);
        let impression = |slot: usize| FeedbackEvent {
            surface: Some(SurfaceId::new("home").unwrap()),
            context: Some(ContextId::new(format!("part-{context}")).unwrap()),
            generation: slate.generation,
            position: Some(slot as i64),
            visible_ms: Some(1_500),
            ..FeedbackEvent::new(EventKind::Impression, slate.items[slot].item.clone())
        };
        phone.record(&[impression(0), impression(1)]).unwrap();
    };
    phone.whole_night();
    shown(&phone, 0);
    shown(&phone, 1);
    shown(&phone, 0);
    let old = phone.slate("home", 0).generation;
    phone.record(&[event("like", "item-3")]).unwrap();
    phone.clock.set(NOW_MS + 24 * 60 * MINUTE_MS);
    phone.whole_night();
    shown(&phone, 0);
    let late = FeedbackEvent { generation: old, ..event("click", "item-3") };
    phone.record(&[late]).unwrap();
    let lines = sent(&phone);
    let digests = column(&lines, "made_from");
    let digest = |at: usize| digests[at].as_str().unwrap();
    assert_eq!(digest(0).len(), 16);
    assert_eq!(digest(0), digest(1));
    assert_eq!(digest(0), digest(4), "the same slate again");
    assert_ne!(digest(0), digest(2), "another context");
    assert_ne!(digest(0), digest(7), "another night, after something was learned");
    assert_eq!(digests[6], Value::Null, "an event that names no slate");
    assert_eq!(digests[9], Value::Null, "a slate that is gone: nothing is guessed");
    assert_eq!(lines[0]["visible_ms"], 1_500);
}

#[test]
fn a_hide_and_a_choice_are_taken_back_at_once_and_after_a_night() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let names = |phone: &Phone| -> Vec<String> {
        let slate = phone.slate("home", 0);
        slate.items.iter().map(|slot| slot.item.to_string()).collect()
    };
    let before = names(&phone);
    let undo = |kind, item: &str| FeedbackEvent { undoes: Some(kind), ..event("undo", item) };
    let (first, second) = (before[0].clone(), before[1].clone());
    phone.record(&[event("hide", &first), event("conversion", &second)]).unwrap();
    assert!(!names(&phone).contains(&first));
    phone.record(&[undo(EventKind::Hide, &first), undo(EventKind::Conversion, &second)]).unwrap();
    assert_eq!(names(&phone), before);
    let phone = phone.reopen();
    assert_eq!(names(&phone), before, "after a restart");
    phone.record(&[event("hide", &first)]).unwrap();
    phone.whole_night();
    assert!(!names(&phone).contains(&first), "learned");
    phone.record(&[undo(EventKind::Hide, &first)]).unwrap();
    phone.whole_night();
    assert!(names(&phone).contains(&first), "and learned to be undone");
}

#[test]
fn fields_of_an_own_kind_travel_as_declared_and_others_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let why = FieldType::Word(vec!["price".into(), "taste".into()]);
    let fields = vec![FieldSchema { name: "why".into(), holds: why, required: true }];
    let kinds = KindSchemas::new(vec![KindSchema { name: "rated".into(), fields }]).unwrap();
    let phone =
        Phone::open_as(scratch.path(), NOW_MS, |config| config.event_kinds = kinds).unwrap();
    let rated = |word: &str| FeedbackEvent {
        details: Details::from([("why".into(), Detail::Word(word.into()))]),
        ..event("rated", "a")
    };
    phone.record(&[rated("taste")]).unwrap();
    let refused = phone.record(&[rated("price"), rated("call me on 555-0100")]);
    let named = matches!(&refused, Err(Error::InvalidInput { field, .. })
        if field == "events[1].details.why");
    assert!(named, "{refused:?}");
    let lines = sent(&phone);
    assert_eq!(column(&lines, "details"), [json!({"why": "taste"})]);
}

/// A clock of the test's for the day, and the system's for what nobody can set.
#[derive(Debug)]
struct Running(Arc<ManualClock>);

impl Clock for Running {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn monotonic_ms(&self) -> Option<u64> {
        SystemClock::default().monotonic_ms().map(|ms| ms + 1_000_000)
    }
}

#[test]
fn nothing_that_is_stamped_ties_a_new_pseudonym_to_the_old() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack(scratch.path());
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let open = || {
        Phone::open_as(&scratch.path().join("profile"), NOW_MS, |config| {
            config.rotate_pseudonym_days = Some(1);
            config.clock = Arc::new(Running(clock.clone()));
        })
        .unwrap()
    };
    let show = |phone: &Phone| {
        let generation = phone.slate("home", 0).generation;
        let shown = FeedbackEvent { generation, ..event("impression", "item-1") };
        phone.record(&[shown]).unwrap();
    };
    let phone = open();
    phone.install_release(&release).unwrap();
    phone.whole_night();
    show(&phone);
    phone.close();
    let phone = open();
    clock.set(NOW_MS + 60 * MINUTE_MS);
    show(&phone);
    let before = sent(&phone);
    assert_eq!(column(&before, "session"), [1, 2]);
    assert_eq!(column(&before, "run"), [1, 2]);
    assert_eq!(before[0]["made_from"], before[1]["made_from"]);
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    let acknowledged = acknowledgement(&request.id, before.len());
    phone.transfer_finished(&request.id, &acknowledged).unwrap();
    clock.set(NOW_MS + 25 * 60 * MINUTE_MS);
    show(&phone);
    let after = sent(&phone);
    assert_eq!(column(&after, "session"), [1]);
    assert_eq!(column(&after, "run"), [1]);
    assert!(after[0]["run_ms"].as_u64().unwrap() < 1_000_000, "the clock of the run goes on");
    assert!(after[0]["made_from"].is_string());
    assert_ne!(after[0]["made_from"], before[0]["made_from"], "of the same slate");
}
