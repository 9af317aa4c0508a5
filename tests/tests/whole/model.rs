//! Any sequence of calls agrees with a model of four numbers.

use std::path::PathBuf;

use noctule_core::base::Clock;
use noctule_core::feedback::FeedbackEvent;
use noctule_core::upload::{Network, Transfer, TransferOutcome, UploadRequest};
use noctule_tests::collector::answer;
use noctule_tests::phone::event;
use noctule_tests::town::DAY_MS;
use noctule_tests::{Collector, Phone, Town};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Call {
    Record(u64),
    RecordBad,
    Night,
    /// The next transfer, and whether its acknowledgement arrives.
    Transfer {
        arrives: bool,
    },
    /// The next transfer, after which the app dies.
    TransferAndDie,
    Reopen,
    Install,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (1..6u64).prop_map(Call::Record),
        1 => Just(Call::RecordBad),
        2 => Just(Call::Night),
        3 => any::<bool>().prop_map(|arrives| Call::Transfer { arrives }),
        1 => Just(Call::TransferAndDie),
        2 => Just(Call::Reopen),
        1 => Just(Call::Install),
    ]
}

/// What the phone should know.
#[derive(Debug, Default)]
struct Model {
    recorded: u64,
    acknowledged: u64,
    learned: u64,
    /// Last event of the batch under way.
    under_way: Option<u64>,
}

struct Run {
    phone: Phone,
    model: Model,
    collector: Collector,
    releases: Vec<PathBuf>,
}

impl Run {
    fn apply(mut self, call: Call) -> Self {
        match call {
            Call::Record(count) => self.record(count),
            Call::RecordBad => {
                let good = event("like", "item-1");
                let bad = FeedbackEvent { position: Some(-3), ..good.clone() };
                assert!(self.phone.record(&[good, bad]).is_err());
            }
            Call::Night => {
                let report = self.phone.night();
                assert_eq!(report.learned_events, self.model.recorded - self.model.learned);
                self.model.learned = self.model.recorded;
            }
            Call::Transfer { arrives } => self.transfer(arrives),
            Call::TransferAndDie => {
                let _ = self.next();
                self.phone = self.phone.reopen();
            }
            Call::Reopen => self.phone = self.phone.reopen(),
            Call::Install => {
                if let Some(release) = self.releases.pop() {
                    self.phone.install_release(&release).unwrap();
                }
            }
        }
        self
    }

    fn record(&mut self, count: u64) {
        let kinds = ["like", "click", "impression", "hide", "shared_it"];
        let of = |number: u64| event(kinds[number as usize % 5], &Town::item(number as usize % 70));
        let events: Vec<_> = (0..count).map(|number| of(self.model.recorded + number)).collect();
        let receipt = self.phone.record(&events).unwrap();
        assert_eq!(receipt.first_sequence, self.model.recorded + 1);
        self.model.recorded += count;
        assert_eq!(receipt.last_sequence, self.model.recorded);
    }

    fn next(&mut self) -> Option<UploadRequest> {
        // Past every pause that a failure may have left.
        let now_ms = self.phone.clock.now_ms();
        self.phone.clock.set(now_ms + DAY_MS / 4 + 10_000);
        let nothing = self.model.recorded == self.model.acknowledged;
        match self.phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Upload(request) => {
                assert!(!nothing);
                self.model.under_way.get_or_insert(self.model.recorded);
                Some(request)
            }
            Transfer::Done => {
                assert!(nothing);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    /// The collector has the batch in any case; the phone learns of it only if the answer arrives.
    fn transfer(&mut self, arrives: bool) {
        let Some(request) = self.next() else { return };
        let acknowledgement = self.collector.receive(&request);
        let lost = TransferOutcome::NoAnswer { reason: "the answer was lost".into() };
        let outcome = if arrives { acknowledgement } else { lost };
        self.phone.transfer_finished(&request.id, &outcome).unwrap();
        // The same outcome once more, or a late one, changes nothing.
        if arrives {
            self.phone.transfer_finished(&request.id, &answer(500, "")).unwrap();
            self.model.acknowledged = self.model.under_way.take().unwrap();
        }
    }

    fn check(&self) {
        let status = self.phone.status().unwrap();
        assert_eq!(status.recorded, self.model.recorded);
        assert_eq!(status.pending_events, self.model.recorded - self.model.acknowledged);
        assert_eq!(status.damaged, [] as [String; 0]);
        let known = self.collector.events.len() as u64;
        self.collector.check_contiguous(known);
        assert!((self.model.acknowledged..=self.model.recorded).contains(&known));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_calls_loses_and_repeats_nothing(
        calls in prop::collection::vec(call(), 1..40)
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let phone = Phone::open(&scratch.path().join("profile"));
        let town = |version| Town { version, items: 20, ..Town::default() };
        let releases = [2, 1].map(|version| town(version).pack(scratch.path())).to_vec();
        let (model, collector) = (Model::default(), Collector::default());
        let mut run = Run { phone, model, collector, releases };
        for call in calls {
            run = run.apply(call);
            run.check();
        }
        run.collector.drain(&run.phone);
        run.collector.check_contiguous(run.model.recorded);
    }
}
