//! The user of a check, and the report on disk.

use proptest::prelude::*;

use super::*;
use crate::base::{ContextId, ItemId, LabelWeights, Profile, Refusal};
use crate::feedback::{EventKind, RecordedEvent};
use crate::learning::Labels;
use crate::release::{CheckEvent, CheckKind, Level, Situation};
use crate::store::{Store, meta};

const NOW_MS: i64 = 1_790_000_000_000;
const DAY_MS: i64 = 24 * 3_600_000;

const KINDS: [(CheckKind, EventKind); 6] = [
    (CheckKind::Chosen, EventKind::Conversion),
    (CheckKind::Liked, EventKind::Like),
    (CheckKind::Clicked, EventKind::Click),
    (CheckKind::Passed, EventKind::Impression),
    (CheckKind::Disliked, EventKind::Dislike),
    (CheckKind::Hidden, EventKind::Hide),
];

fn recorded(sequence: u64, kind: EventKind, item: &ItemId, context: &ContextId) -> RecordedEvent {
    let position = (kind == EventKind::Impression).then_some(0);
    let event = RecordedEvent::new(sequence, NOW_MS - 2 * DAY_MS, kind, item.clone());
    RecordedEvent { context: Some(context.clone()), position, ..event }
}

proptest! {
    #[test]
    fn a_history_makes_the_profile_that_learning_makes_of_such_feedback(
        events in prop::collection::vec((0usize..6, 0usize..5, 0usize..2), 0..60),
    ) {
        let mut history = Vec::new();
        let mut labels = Labels::new(Profile::default(), LabelWeights::default());
        for (sequence, (kind, item, context)) in (1..).zip(events) {
            let item = ItemId::new(format!("item-{item}")).unwrap();
            let context = ContextId::new(format!("part-{context}")).unwrap();
            let (told, learned) = KINDS[kind].clone();
            labels.learn(&recorded(sequence, learned, &item, &context));
            let (weight, days_ago) = (None, Some(2.0));
            history.push(CheckEvent { item, kind: told, weight, context: Some(context), days_ago });
        }
        let (learned, read) = labels.finish();
        prop_assert_eq!(read as usize, history.len());
        let made = profile_of(&Situation::default(), &history, NOW_MS);
        prop_assert_eq!(made.history, learned.history);
        prop_assert_eq!(made.hidden, learned.hidden);
    }
}

fn report() -> ExamReport {
    let failure = |id: &str, level| Failure { id: id.into(), level, reason: "é".into() };
    ExamReport {
        release: "town@3".into(),
        passed: 4,
        failed: vec![failure("a", Level::Sanity), failure("b", Level::Budget)],
        not_measured: vec![NotMeasured { id: "c".into(), what: "memory".into() }],
        millis: 12,
    }
}

#[test]
fn a_report_comes_back_from_disk_and_a_damaged_one_is_none() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(scratch.path()).unwrap();
    assert_eq!(store.read(rows::load).unwrap(), None);
    store.write("test", |transaction| rows::save(transaction, Some(&report()))).unwrap();
    assert_eq!(store.read(rows::load).unwrap(), Some(report()));
    let mut bytes = store.read(|connection| meta::get(connection, "exam")).unwrap().unwrap();
    bytes[20] ^= 1;
    store.write("test", |transaction| meta::put(transaction, "exam", &bytes)).unwrap();
    assert_eq!(store.read(rows::load).unwrap(), None);
    store.write("test", |transaction| rows::save(transaction, None)).unwrap();
    assert_eq!(store.read(rows::load).unwrap(), None);
}

#[test]
fn a_refusal_counts_all_checks_and_names_the_first_that_failed() {
    let expected = Refusal::ExamFailed { failed: 2, total: 6, first: "a: é".into() };
    assert_eq!(report().refusal(), Some(expected));
    assert_eq!(ExamReport { failed: Vec::new(), ..report() }.refusal(), None);
}
