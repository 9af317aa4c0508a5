//! Answers that leave the phones with noise, and the truth that the collector's files still tell.

use std::path::Path;

use noctule_collector::{Collector, Settings};
use noctule_core::feedback::{
    Detail, EventKind, FeedbackEvent, FieldSchema, FieldType, KindSchema, KindSchemas,
};
use noctule_core::release::Plan;
use noctule_core::upload::{Network, Transfer, UploadRequest};
use noctule_reports::{PrivateAnswers, private_answers};
use noctule_tests::Phone;
use noctule_tests::collector::{acknowledgement, lines};
use noctule_tests::phone::event;
use noctule_tests::post::post;
use noctule_tests::town::{APP, NOW_MS};

const WHY: [&str; 3] = ["price", "taste", "place"];
const PHONES: usize = 60;
const ITEMS: usize = 50;

fn plan() -> Plan {
    let plan = r#"{
        "surfaces": [{"id": "home", "length": 5, "contexts": ["any"]}],
        "contexts": [{"id": "any", "when": {"days": "every", "from": 0, "until": 1440}}],
        "private": [
            {"kind": "like", "epsilon": 1.0},
            {"kind": "rated", "field": "why", "epsilon": 2.0}
        ]
    }"#;
    serde_json::from_str(plan).unwrap()
}

fn phone(directory: &Path, seed: u64) -> Phone {
    let words = WHY.map(str::to_owned).to_vec();
    let why = FieldSchema { name: "why".into(), holds: FieldType::Word(words), required: true };
    let rated = KindSchema { name: "rated".into(), fields: vec![why] };
    Phone::open_as(directory, NOW_MS, |config| {
        config.seed = Some(seed);
        config.plan = Some(plan());
        config.event_kinds = KindSchemas::new(vec![rated]).unwrap();
    })
    .unwrap()
}

/// Seven of ten like it and the others do not; six of ten for its taste, three for its price.
fn opinions(item: usize) -> [FeedbackEvent; 2] {
    let name = format!("item-{item}");
    let like = event(if item % 10 < 7 { "like" } else { "dislike" }, &name);
    let why = [1, 1, 0, 1, 2, 1, 0, 1, 0, 1][item % 10];
    let details = [("why".to_owned(), Detail::Word(WHY[why].into()))];
    [like, FeedbackEvent { details: details.into(), ..event("rated", &name) }]
}

fn all_opinions() -> Vec<FeedbackEvent> {
    (0..ITEMS).flat_map(opinions).collect()
}

fn next(phone: &Phone) -> UploadRequest {
    match phone.next_transfer(Network::Unmetered).unwrap() {
        Transfer::Upload(request) => request,
        other => panic!("{other:?}"),
    }
}

fn share(answers: &[PrivateAnswers], question: &str, value: &str) -> (f64, f64, u64) {
    let of = answers.iter().find(|of| of.question == question).unwrap();
    let value = of.values.iter().find(|of| of.value == value).unwrap();
    (value.share, value.standard_error, value.told)
}

#[test]
fn the_shares_of_all_are_found_in_answers_that_are_noise_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), &output);
    let collector = Collector::start(settings).unwrap();
    for number in 0..PHONES as u64 {
        let phone = phone(&folder.path().join(format!("profile-{number}")), number);
        phone.record(&all_opinions()).unwrap();
        let request = next(&phone);
        phone.transfer_finished(&request.id, &post(collector.address(), &request)).unwrap();
        assert_eq!(phone.status().unwrap().pending_events, 0);
    }
    let stored = collector.stop().unwrap().stored_events;
    assert_eq!(stored, (2 * PHONES * ITEMS) as u64, "nothing was refused");
    let answers = private_answers(&output, APP).unwrap();
    assert_eq!(answers.iter().map(|of| of.answers).sum::<u64>(), stored);
    let all = (PHONES * ITEMS) as f64;
    for (question, value, truth) in [
        ("like", "like", 0.7),
        ("like", "dislike", 0.3),
        ("rated.why", "price", 0.3),
        ("rated.why", "taste", 0.6),
        ("rated.why", "place", 0.1),
    ] {
        let (share, error, told) = share(&answers, question, value);
        assert!((share - truth).abs() < 4.0 * error, "{question} {value}: {share} ± {error}");
        // What was told is far from it, but for what a third gave anyway: the noise is there.
        let told = told as f64 / all;
        assert!((told - truth).abs() > 0.03 || value == "price", "{question} {value}: {told}");
    }
}

#[test]
fn a_batch_that_is_sent_again_tells_the_same_also_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let of = |phone: &Phone| lines(&next(phone)).split_off(1);
    let first = phone(scratch.path(), 1);
    first.record(&all_opinions()).unwrap();
    let told = of(&first);
    assert_eq!(told, of(&first));
    drop(first);
    let again = phone(scratch.path(), 1);
    assert_eq!(told, of(&again));
    // The same answers about the same items: the same noise.
    again.record(&all_opinions()).unwrap();
    let request = next(&again);
    let outcome = acknowledgement(&request.id, told.len());
    again.transfer_finished(&request.id, &outcome).unwrap();
    let second = of(&again);
    for (one, other) in told.iter().zip(&second) {
        for field in ["kind", "item", "details", "randomised"] {
            assert_eq!(one[field], other[field]);
        }
    }
}

#[test]
fn the_phone_itself_learns_from_the_truth() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = phone(&scratch.path().join("profile"), 1);
    // A like for each of a hundred items: told with noise, a quarter of them are dislikes.
    for item in 0..100 {
        phone.record(&[event("like", &format!("item-{item}"))]).unwrap();
    }
    let told = lines(&next(&phone)).split_off(1);
    let dislikes = told.iter().filter(|line| line["kind"] == "dislike").count();
    assert!((8..=48).contains(&dislikes), "{dislikes} of 100 at 27 expected");
    let path = scratch.path().join("export.json");
    phone.export_to(&path).unwrap();
    let export: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let events = export["tables"]["events"].as_array().unwrap();
    assert!(events.iter().all(|event| event["kind"] == EventKind::Like.as_str()));
    assert!(events.iter().all(|event| event["told"].is_string()), "the user sees what was told");
}

/// The minutes somebody waited, in ranges: of ten visits five are below 5, three below 20, two
/// above.
fn waited(item: usize) -> FeedbackEvent {
    let minutes = [1.0, 2.0, 4.9, 0.0, 3.0, 5.0, 12.0, 19.5, 20.0, 240.0][item % 10];
    let details = [("minutes".to_owned(), Detail::Number(minutes))];
    FeedbackEvent { details: details.into(), ..event("waited", &format!("item-{item}")) }
}

/// A phone that is asked for waiting times, with `budget` as JSON.
fn waiting(directory: &Path, seed: u64, budget: &str) -> Phone {
    let holds = FieldType::Number { min: 0.0, max: 240.0 };
    let minutes = FieldSchema { name: "minutes".into(), holds, required: true };
    let waited = KindSchema { name: "waited".into(), fields: vec![minutes] };
    let mut of_plan = plan();
    let private = r#"[{"kind": "waited", "field": "minutes", "edges": [5, 20], "epsilon": 1.0}]"#;
    of_plan.private = serde_json::from_str(private).unwrap();
    of_plan.private_budget = serde_json::from_str(budget).unwrap();
    Phone::open_as(directory, NOW_MS, |config| {
        config.seed = Some(seed);
        config.plan = Some(of_plan);
        config.event_kinds = KindSchemas::new(vec![waited]).unwrap();
    })
    .unwrap()
}

#[test]
fn numbers_that_are_told_as_ranges_with_noise_make_a_histogram_of_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("output");
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), &output);
    let collector = Collector::start(settings).unwrap();
    for number in 0..PHONES as u64 {
        let directory = folder.path().join(format!("profile-{number}"));
        let phone = waiting(&directory, number, "null");
        phone.record(&(0..ITEMS).map(waited).collect::<Vec<_>>()).unwrap();
        let request = next(&phone);
        phone.transfer_finished(&request.id, &post(collector.address(), &request)).unwrap();
    }
    assert_eq!(collector.stop().unwrap().stored_events, (PHONES * ITEMS) as u64);
    let answers = private_answers(&output, APP).unwrap();
    for (value, truth) in [("0", 0.5), ("5", 0.3), ("20", 0.2)] {
        let (share, error, _) = share(&answers, "waited.minutes", value);
        assert!((share - truth).abs() < 4.0 * error, "{value}: {share} ± {error}");
    }
}

#[test]
fn a_spent_budget_turns_answers_into_pure_noise_until_the_next_day_also_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let costs = |phone: &Phone| -> Vec<f64> {
        let told = lines(&next(phone)).split_off(1);
        let of = |line: &serde_json::Value| {
            line["randomised"]["details.minutes"]["epsilon"].as_f64().unwrap()
        };
        told.iter().map(of).collect()
    };
    let budget = r#"{"epsilon_a_day": 3.0, "epsilon_in_all": 4.0}"#;
    let first = waiting(scratch.path(), 1, budget);
    first.record(&[waited(0), waited(1), waited(0)]).unwrap();
    drop(first);
    let again = waiting(scratch.path(), 1, budget);
    again.record(&[waited(2), waited(3), waited(1)]).unwrap();
    again.clock.set(NOW_MS + 25 * 3_600_000);
    again.record(&[waited(4), waited(5)]).unwrap();
    // Twice the same costs twice, so that the mark says nothing of the answers; the fourth one of
    // the first day is too much, and so is the second one of the next: four are all that there are.
    assert_eq!(costs(&again), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
}
