//! The queue against a model of it, over random sequences of whatever may happen.

use std::collections::BTreeMap;

use noctule_core::base::{Clock, Seed, SeededRandom};
use noctule_core::feedback::{Durability, FeedbackEvent};
use noctule_core::upload::{Network, Transfer, TransferOutcome, UploadRequest};
use noctule_tests::collector::{acknowledgement, answer, delivered, lines};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Collector, Phone};

const SEED: u64 = 20_261_128;
const SEQUENCES: u64 = 25;
const STEPS: usize = 200;

/// All that a queue is: what was recorded and what was acknowledged.
#[derive(Default)]
struct Model {
    /// By sequence number the number of the event.
    recorded: BTreeMap<u64, u64>,
    acknowledged: BTreeMap<u64, u64>,
    /// What was handed out last and not answered yet.
    under_way: Option<UploadRequest>,
}

impl Model {
    fn record(&mut self, phone: &Phone, random: &mut SeededRandom) {
        let first = self.recorded.len() as u64 + 1;
        let count = 1 + random.below(30) as u64;
        let numbered = |number| FeedbackEvent { generation: Some(number), ..event("click", "a") };
        let events: Vec<_> = (first..first + count).map(numbered).collect();
        let receipt = phone.record_as(Durability::ProcessEnd, &events).unwrap();
        assert_eq!((receipt.first_sequence, receipt.last_sequence), (first, first + count - 1));
        self.recorded.extend((first..first + count).map(|number| (number, number)));
    }

    fn hand_out(&mut self, phone: &Phone) {
        match phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Upload(request) => {
                if let Some(before) = &self.under_way
                    && before.id == request.id
                {
                    assert_eq!(lines(before)[1..], lines(&request)[1..], "another batch of a name");
                }
                self.under_way = Some(request);
            }
            Transfer::Done => {
                assert_eq!(self.waiting(), self.kept(phone), "done, and events wait");
            }
            Transfer::Wait { until_ms } => {
                assert!(until_ms - phone.clock.now_ms() <= DAY_MS, "a pause of more than a day");
                if self.waiting() > 0 {
                    phone.clock.set(until_ms);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn waiting(&self) -> u64 {
        (self.recorded.len() - self.acknowledged.len()) as u64
    }

    fn kept(&self, phone: &Phone) -> u64 {
        phone.status().unwrap().set_aside
    }

    fn answer(&mut self, phone: &Phone, random: &mut SeededRandom) {
        let Some(request) = self.under_way.clone() else { return };
        let count = lines(&request).len() - 1;
        let other = "00000000-0000-4000-8000-000000000000";
        let outcome = match random.below(12) {
            0..5 => acknowledgement(&request.id, count),
            5 => acknowledgement(other, count),
            6 => acknowledgement(&request.id, count + 1),
            7 => answer(400, ""),
            8 => answer(413, ""),
            9 => answer([401, 403, 404, 408, 425, 429, 500, 503][random.below(8)], ""),
            10 => answer(200, "<html>portal</html>"),
            _ => TransferOutcome::NoAnswer { reason: "offline".into() },
        };
        let before = phone.status().unwrap().pending_events;
        phone.transfer_finished(&request.id, &outcome).unwrap();
        let after = phone.status().unwrap().pending_events;
        if after == before {
            return;
        }
        // A batch that was given up for smaller ones, or set aside, is acknowledged in vain.
        assert_eq!(outcome, acknowledgement(&request.id, count), "removed without a word");
        assert_eq!(before - after, count as u64);
        for line in &lines(&request)[1..] {
            let number = delivered(line).generation.unwrap();
            self.acknowledged.insert(line["sequence"].as_u64().unwrap(), number);
        }
        self.under_way = None;
    }

    fn check(&self, phone: &Phone) {
        let status = phone.status().unwrap();
        assert_eq!((status.recorded, status.evicted), (self.recorded.len() as u64, 0));
        assert_eq!(status.pending_events, self.waiting());
    }
}

fn live(seed: u64) {
    let scratch = tempfile::tempdir().unwrap();
    let mut random = SeededRandom::new(Seed(SEED).derive(&["queue", &seed.to_string()]));
    let mut phone = Phone::open(scratch.path());
    let mut model = Model::default();
    for _ in 0..1 + random.below(STEPS) {
        match random.below(20) {
            0..6 => model.record(&phone, &mut random),
            6..12 => model.hand_out(&phone),
            12..17 => model.answer(&phone, &mut random),
            17 => phone = phone.reopen(),
            18 => drop(phone.night()),
            _ => {
                let days = random.below(40) as i64 - 10;
                phone.clock.set(phone.clock.now_ms() + days * DAY_MS);
            }
        }
        // Never so far that anything becomes too old to be kept.
        let (from, until) = (NOW_MS - 30 * DAY_MS, NOW_MS + 50 * DAY_MS);
        phone.clock.set(phone.clock.now_ms().clamp(from, until));
        model.check(&phone);
    }
    // Whatever was set aside comes again after a week, counted from the latest time that any of the
    // jumping clocks has shown.
    phone.clock.set(NOW_MS + (50 + 8) * DAY_MS);
    let mut collector = Collector::default();
    collector.drain(&phone);
    for (sequence, event) in &collector.events {
        let number = event.generation.unwrap();
        assert!(!model.acknowledged.contains_key(sequence), "{sequence} was acknowledged");
        model.acknowledged.insert(*sequence, number);
    }
    assert_eq!(model.acknowledged, model.recorded);
    assert_eq!(phone.status().unwrap().pending_events, 0);
}

#[test]
fn the_queue_does_what_its_model_does_over_random_sequences() {
    let sequences = std::env::var("NOCTULE_SEQUENCES").ok();
    let sequences: u64 = sequences.map_or(SEQUENCES, |text| text.parse().expect("a number"));
    for seed in 0..sequences {
        let told = std::panic::catch_unwind(|| live(seed));
        assert!(told.is_ok(), "sequence {seed} of seed {SEED}");
    }
}
