//! Recorders, uploaders and somebody who forgets, all at once: the sums are right to the event.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use noctule_core::base::Clock;
use noctule_core::feedback::FeedbackEvent;
use noctule_core::upload::{Network, Transfer};
use noctule_tests::Phone;
use noctule_tests::collector::{acknowledgement, lines};
use noctule_tests::phone::event;

const RECORDERS: u64 = 8;
/// Events of each recorder; `NOCTULE_THREAD_EVENTS` says another number, 12,500 is the bar.
const EVENTS: u64 = 600;
/// Events of one call.
const SCREEN: u64 = 10;

/// What arrived: by sequence number the number that only this event has.
type Arrived = Mutex<BTreeMap<u64, u64>>;

fn record(phone: &Phone, first: u64, events: u64, forgotten: &AtomicU64) -> BTreeMap<u64, u64> {
    let mut recorded = BTreeMap::new();
    for at in (0..events).step_by(SCREEN as usize) {
        let numbers = first + at..first + (at + SCREEN).min(events);
        let numbered =
            |number| FeedbackEvent { generation: Some(number), ..event("click", "cafe") };
        let receipt = phone.record(&numbers.clone().map(numbered).collect::<Vec<_>>()).unwrap();
        // Which may be on its way by now, or gone.
        if at % 70 == 0 {
            let gone = phone.forget_events(&[receipt.last_sequence]).unwrap();
            forgotten.fetch_add(gone, Ordering::SeqCst);
        }
        recorded.extend((receipt.first_sequence..=receipt.last_sequence).zip(numbers));
    }
    recorded
}

fn upload(phone: &Phone, arrived: &Arrived, over: &AtomicBool) {
    loop {
        let last_round = over.load(Ordering::SeqCst);
        match phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Upload(request) => {
                let lines = lines(&request);
                for line in &lines[1..] {
                    let sequence = line["sequence"].as_u64().unwrap();
                    let number = line["generation"].as_u64().unwrap();
                    let before = arrived.lock().unwrap().insert(sequence, number);
                    assert!(before.is_none_or(|before| before == number), "{sequence}");
                }
                let outcome = acknowledgement(&request.id, lines.len() - 1);
                phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            Transfer::Wait { until_ms } => phone.clock.set(until_ms.max(phone.clock.now_ms())),
            Transfer::Done if last_round => return,
            Transfer::Done => thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_many_threads_record_arrives_or_is_forgotten_to_the_event() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(scratch.path());
    let events = std::env::var("NOCTULE_THREAD_EVENTS").ok();
    let events: u64 = events.map_or(EVENTS, |events| events.parse().expect("a number of events"));
    let (arrived, over, forgotten) =
        (Arrived::default(), AtomicBool::new(false), AtomicU64::new(0));
    let recorded: BTreeMap<u64, u64> = thread::scope(|scope| {
        let (phone, forgotten) = (&phone, &forgotten);
        let start = |of| scope.spawn(move || record(phone, 1 + of * events, events, forgotten));
        let recorders: Vec<_> = (0..RECORDERS).map(start).collect();
        for _ in 0..2 {
            scope.spawn(|| upload(phone, &arrived, &over));
        }
        let recorded = recorders.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        recorded
    });
    let all = RECORDERS * events;
    assert!(recorded.keys().copied().eq(1..=all), "numbers are used once each");
    let arrived = arrived.into_inner().unwrap();
    for (sequence, number) in &arrived {
        assert_eq!(recorded[sequence], *number, "event {sequence} is another one");
    }
    let status = phone.status().unwrap();
    assert_eq!((status.recorded, status.pending_events), (all, 0));
    let missing: Vec<u64> = (1..=all).filter(|sequence| !arrived.contains_key(sequence)).collect();
    let forgotten = forgotten.into_inner();
    // One that was forgotten while it was on its way has arrived all the same.
    assert!(
        !missing.is_empty() && missing.len() as u64 <= forgotten,
        "{} of {forgotten}",
        missing.len()
    );
    eprintln!(
        "{all} events of {RECORDERS} threads: {} arrived, {forgotten} forgotten",
        arrived.len()
    );
}
