//! Random sequences of everything that decides what may leave, against a small model of it.

use std::collections::{BTreeMap, BTreeSet};

use noctule_core::base::{Clock, ItemId, Seed, SeededRandom};
use noctule_core::consent::DataConsent::{self, Full, NotGiven, OnDevice};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::upload::{Network, Transfer, UploadRequest};
use noctule_tests::Phone;
use noctule_tests::collector::{acknowledgement, answer, deletion, deletion_answer, lines};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};

const SEED: u64 = 20_261_132;
/// Sequences; `NOCTULE_SEQUENCES` asks for more.
const SEQUENCES: u64 = 20;
const STEPS: usize = 120;
/// Different items: few, so that several events are about the same.
const ITEMS: u64 = 6;

/// What the app and the collector know; each event has a number of its own.
#[derive(Default)]
struct Model {
    /// Events that have to arrive, and those that must not from now on.
    due: BTreeSet<u64>,
    barred: BTreeSet<u64>,
    /// Local sequence numbers since the last erasure, with the events' own.
    known: BTreeMap<u64, u64>,
    /// What arrived: pseudonym and sequence number, with the events' own.
    arrived: BTreeMap<(String, u64), u64>,
    /// Numbers that were told to be missing.
    missing: BTreeSet<(String, u64)>,
    handed_out: BTreeSet<String>,
    deleted: Vec<String>,
    recorded: u64,
}

impl Model {
    /// Nothing that is here and has not arrived may arrive any more.
    fn bar_all(&mut self) {
        let arrived: BTreeSet<u64> = self.arrived.values().copied().collect();
        self.barred.extend(self.known.values().filter(|own| !arrived.contains(own)));
        self.due.clear();
    }

    fn bar(&mut self, own: u64) {
        self.due.remove(&own);
        if !self.arrived.values().any(|arrived| *arrived == own) {
            self.barred.insert(own);
        }
    }

    fn receive(&mut self, request: &UploadRequest) {
        let lines = lines(request);
        let installation = lines[0]["installation"].as_str().unwrap().to_owned();
        assert!(!self.deleted.contains(&installation), "feedback under a deleted pseudonym");
        self.handed_out.insert(installation.clone());
        for line in &lines[1..] {
            let (sequence, own) =
                (line["sequence"].as_u64().unwrap(), line["generation"].as_u64().unwrap());
            assert!(!self.barred.contains(&own), "event {own} must not leave");
            let before = self.arrived.insert((installation.clone(), sequence), own);
            assert!(before.is_none_or(|before| before == own));
            self.due.remove(&own);
        }
        for range in lines[0]["dropped_ranges"].as_array().into_iter().flatten() {
            let (first, last) = (range[0].as_u64().unwrap(), range[1].as_u64().unwrap());
            let last_told = lines[0]["last_sequence"].as_u64().unwrap();
            assert!(first <= last && last <= last_told, "{range} of {last_told}");
            self.missing.extend((first..=last).map(|number| (installation.clone(), number)));
        }
    }

    /// Every number below the highest that arrived has arrived, or is missing on purpose.
    fn check_gaps(&self, seed: u64) {
        for (installation, highest) in self.arrived.keys() {
            for number in 1..*highest {
                let key = (installation.clone(), number);
                let explained = self.arrived.contains_key(&key) || self.missing.contains(&key);
                assert!(explained, "{number} of {installation} is lost, seed {seed}");
            }
        }
    }
}

struct Walk {
    phone: Phone,
    consent: DataConsent,
    random: SeededRandom,
    model: Model,
}

fn open(directory: &std::path::Path, now_ms: i64) -> Phone {
    let daily = |config: &mut noctule_core::Config| config.rotate_pseudonym_days = Some(1);
    Phone::open_as(directory, now_ms, daily).unwrap()
}

impl Walk {
    fn step(mut self) -> Self {
        match self.random.below(40) {
            0..12 => self.record(),
            12..24 => self.transfer(),
            24..28 => self.phone.clock.set(self.phone.clock.now_ms() + DAY_MS / 3),
            28..31 => drop(self.phone.night()),
            31..33 => return self.restart(),
            33..35 => self.forget_events(),
            35 => self.forget_item(),
            36 => self.erase(),
            _ => self.change_consent(),
        }
        assert_eq!(self.phone.consent(), self.consent);
        self
    }

    fn record(&mut self) {
        let count = 1 + self.random.below(3) as u64;
        let first = self.model.recorded;
        let events: Vec<FeedbackEvent> = (first..first + count)
            .map(|own| {
                let item = format!("item-{}", own % ITEMS);
                FeedbackEvent { generation: Some(own), ..event("like", &item) }
            })
            .collect();
        self.model.recorded += count;
        let receipt = self.phone.record(&events).unwrap();
        assert_eq!(receipt.stored, self.consent != NotGiven);
        if receipt.stored {
            self.model.known.extend((receipt.first_sequence..).zip(first..first + count));
            match self.consent {
                Full => self.model.due.extend(first..first + count),
                _ => self.model.barred.extend(first..first + count),
            }
        }
    }

    fn transfer(&mut self) {
        match self.phone.next_transfer(Network::Metered).unwrap() {
            Transfer::Upload(request) => {
                let is_deletion = request.path == "/v1/deletions";
                assert!(is_deletion || self.consent == Full, "feedback without consent");
                let (arrives, answers) = (self.random.chance(0.8), self.random.chance(0.7));
                if !arrives {
                    return self.phone.transfer_finished(&request.id, &answer(503, "")).unwrap();
                }
                let acknowledged = if is_deletion {
                    self.delete(&request, answers)
                } else {
                    self.model.receive(&request);
                    acknowledgement(&request.id, lines(&request).len() - 1)
                };
                // An answer that is lost leaves all as it was.
                if answers {
                    self.phone.transfer_finished(&request.id, &acknowledged).unwrap();
                }
            }
            Transfer::Wait { until_ms } => self.phone.clock.set(until_ms),
            Transfer::Done => {}
            other => panic!("{other:?}"),
        }
    }

    fn delete(
        &mut self,
        request: &UploadRequest,
        answers: bool,
    ) -> noctule_core::upload::TransferOutcome {
        let installation = deletion(request)["installation"].as_str().unwrap().to_owned();
        if answers {
            assert!(!self.model.deleted.contains(&installation), "asked again after the answer");
            self.model.deleted.push(installation.clone());
        }
        deletion_answer(&installation)
    }

    fn restart(self) -> Self {
        let (directory, now_ms) = (self.phone.directory().to_path_buf(), self.phone.clock.now_ms());
        drop(self.phone);
        Self { phone: open(&directory, now_ms), ..self }
    }

    fn forget_events(&mut self) {
        let known: Vec<(u64, u64)> =
            self.model.known.iter().map(|(sequence, own)| (*sequence, *own)).collect();
        let chosen: Vec<(u64, u64)> =
            known.into_iter().filter(|_| self.random.chance(0.15)).collect();
        let sequences: Vec<u64> = chosen.iter().map(|(sequence, _)| *sequence).collect();
        self.phone.forget_events(&sequences).unwrap();
        chosen.iter().for_each(|(_, own)| self.model.bar(*own));
    }

    fn forget_item(&mut self) {
        let item = self.random.below(ITEMS as usize) as u64;
        self.phone.forget_items(&[ItemId::new(format!("item-{item}")).unwrap()]).unwrap();
        let about: Vec<u64> =
            self.model.known.values().copied().filter(|own| own % ITEMS == item).collect();
        about.into_iter().for_each(|own| self.model.bar(own));
    }

    fn erase(&mut self) {
        self.phone.erase().unwrap();
        self.gone();
    }

    fn gone(&mut self) {
        self.model.bar_all();
        self.model.known.clear();
        assert_eq!(self.phone.status().unwrap().recorded, 0);
    }

    fn change_consent(&mut self) {
        let consent = [NotGiven, OnDevice, Full, Full][self.random.below(4)];
        self.phone.set_consent(consent).unwrap();
        match consent {
            NotGiven => self.gone(),
            OnDevice => self.model.bar_all(),
            Full if self.consent != Full => self.model.bar_all(),
            Full => {}
        }
        self.consent = consent;
    }

    /// Lets everything arrive that has to.
    fn end(&mut self) {
        for _ in 0..10_000 {
            if self.phone.next_transfer(Network::Unmetered).unwrap() == Transfer::Done {
                assert!(self.model.due.is_empty(), "lost: {:?}", self.model.due);
                return;
            }
            self.transfer();
        }
        panic!("the queue does not come to an end");
    }
}

#[test]
fn what_leaves_is_what_was_allowed_whatever_happens_in_between() {
    let (mut arrived, mut missing, mut deleted, mut pseudonyms) = (0, 0, 0, 0);
    let sequences = std::env::var("NOCTULE_SEQUENCES").ok();
    let sequences = sequences.map_or(SEQUENCES, |text| text.parse().expect("a number"));
    for sequence in 0..sequences {
        let scratch = tempfile::tempdir().unwrap();
        let random = SeededRandom::new(Seed(SEED + sequence));
        let phone = open(scratch.path(), NOW_MS);
        let mut walk = Walk { phone, consent: Full, random, model: Model::default() };
        for _ in 0..STEPS {
            walk = walk.step();
        }
        walk.end();
        walk.model.check_gaps(SEED + sequence);
        arrived += walk.model.arrived.len();
        missing += walk.model.missing.len();
        deleted += walk.model.deleted.len();
        pseudonyms += walk.model.handed_out.len();
    }
    eprintln!(
        "{sequences} sequences of {STEPS} steps, seed {SEED}: {arrived} events arrived under \
         {pseudonyms} pseudonyms, {missing} were told to be missing, {deleted} were deleted"
    );
    assert!(arrived > 0 && missing > 0 && deleted > 0);
}
