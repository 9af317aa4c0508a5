//! Without consent nothing is kept, learned or sent; a withdrawal takes effect in its own call.

use std::path::Path;
use std::sync::mpsc::channel;

use noctule_core::base::{Budget, CancelToken, Clock, GeoPoint, Step, StopReason};
use noctule_core::consent::DataConsent::{self, Full, NotGiven, OnDevice};
use noctule_core::night::NightOutcome;
use noctule_core::serving::Tier;
use noctule_core::upload::{Network, Transfer};
use noctule_core::widget::{WIDGET_FILE, WidgetPolicy};
use noctule_tests::collector::{deletion, lines};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Collector, Phone, Town};

use crate::rows::{change, number, rows};

/// Tables with rows about the user; slates count where they are made from those.
pub(crate) const PERSONAL: [&str; 7] = [
    "events",
    "forgotten",
    "slate_inputs",
    "slate_origins",
    "night_runs",
    "night_refusals",
    "withheld",
];

pub(crate) fn open(directory: &Path, consent: DataConsent) -> Phone {
    Phone::open_as(directory, NOW_MS, |config| config.consent = consent).unwrap()
}

/// A phone whose user agreed to everything and whose collector has something, and that pseudonym.
pub(crate) fn used(scratch: &Path) -> (Phone, String) {
    let phone = Phone::with(&Town::default(), scratch);
    phone.set_place(Some(GeoPoint::new(22.1, -100.6).unwrap())).unwrap();
    phone.record(&[event("like", "item-7"), event("hide", "item-1")]).unwrap();
    phone.whole_night();
    assert!(matches!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Upload(_)));
    phone.record(&[event("like", "item-8"), event("click", "item-9")]).unwrap();
    let installation = phone.status().unwrap().installation;
    (phone, installation)
}

/// The only thing that `phone` may send: the request to delete `installation`.
fn only_deletion(phone: &Phone, installation: &str) -> String {
    let Transfer::Upload(request) = phone.next_transfer(Network::Metered).unwrap() else {
        panic!("nothing to send");
    };
    assert_eq!(request.path, "/v1/deletions");
    assert_eq!(deletion(&request)["installation"], installation);
    request.id
}

#[test]
fn without_consent_nothing_is_recorded_learned_or_sent() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let phone = open(&directory, NotGiven);
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    phone.set_place(Some(GeoPoint::new(22.1, -100.6).unwrap())).unwrap();
    let receipt = phone.record(&[event("like", "item-7"), event("hide", "item-1")]).unwrap();
    assert_eq!((receipt.stored, receipt.first_sequence, receipt.last_sequence), (false, 0, 0));
    assert_eq!(phone.night().learned_events, 0);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    let status = phone.status().unwrap();
    assert_eq!((status.consent, status.recorded, status.arm), (NotGiven, 0, None));
    drop(phone);
    assert_eq!(rows(&directory, &["events", "forgotten", "withheld", "deletions"]), 0);
    let learned = "SELECT count(*) FROM meta WHERE key IN ('profile', 'good_hours')";
    assert_eq!(number(&directory, learned), 0);
}

#[test]
fn without_consent_a_night_makes_the_slates_of_a_stranger_and_the_answer_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack(scratch.path());
    let [silent, busy] = ["silent", "busy"].map(|name| {
        let phone = open(&scratch.path().join(name), NotGiven);
        phone.install_release(&release).unwrap();
        phone
    });
    let shown = busy.slate("home", 0).items[0].item.clone();
    busy.set_place(Some(GeoPoint::new(22.1, -100.6).unwrap())).unwrap();
    busy.record(&[event("like", "item-7"), event("hide", shown.as_str())]).unwrap();
    for phone in [&silent, &busy] {
        phone.whole_night();
    }
    assert_eq!(silent.slates(3), busy.slates(3));
    for slate in busy.slates(3) {
        assert_eq!((slate.tier, slate.personalised), (Tier::Fresh, false));
    }
    let agreed = open(&scratch.path().join("agreed"), Full);
    agreed.install_release(&release).unwrap();
    agreed.record(&[event("like", "item-7")]).unwrap();
    agreed.whole_night();
    assert!(agreed.slates(3).iter().all(|slate| slate.personalised));
    assert_ne!(agreed.slate("home", 0).items, busy.slate("home", 0).items);
}

#[test]
fn a_withdrawal_removes_everything_in_its_call_and_asks_once_for_the_deletion() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, installation) = used(scratch.path());
    phone.forget_items(&[event("like", "item-8").item]).unwrap();
    phone.set_consent(NotGiven).unwrap();
    let status = phone.status().unwrap();
    assert_eq!((status.consent, status.recorded, status.pending_events), (NotGiven, 0, 0));
    assert_eq!((status.deletions_pending, status.installation == installation), (1, false));
    assert!(phone.slates(3).iter().all(|slate| !slate.personalised && !slate.items.is_empty()));
    let directory = phone.directory().to_path_buf();
    phone.set_consent(NotGiven).unwrap();
    let id = only_deletion(&phone, &installation);
    let phone = phone.reopen();
    assert_eq!(only_deletion(&phone, &installation), id, "the same request after a restart");
    assert!(!phone.record(&[event("like", "item-7")]).unwrap().stored);
    let doctor = phone.doctor().unwrap();
    let told = doctor.findings.iter().filter(|finding| finding.about == "consent").count();
    assert_eq!(told, 2);
    drop(phone);
    let kept = [&PERSONAL[..2], &PERSONAL[4..]].concat();
    assert_eq!(rows(&directory, &kept), 0);
    let phone = open(&directory, Full);
    assert_eq!(phone.consent(), NotGiven, "opening gives no consent back");
    let mut collector = Collector::default();
    collector.drain(&phone);
    assert_eq!(collector.deleted, [installation]);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    assert_eq!(phone.status().unwrap().deletions_pending, 0);
}

#[test]
fn a_withdrawal_of_what_was_never_sent_asks_for_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.record(&[event("like", "item-7")]).unwrap();
    phone.set_consent(NotGiven).unwrap();
    assert_eq!(phone.status().unwrap().deletions_pending, 0);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}

#[test]
fn opening_with_less_withdraws_and_removes_the_file_for_widgets() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let with_widget = |consent| {
        let change = |config: &mut noctule_core::Config| {
            config.consent = consent;
            config.widget = Some(WidgetPolicy::default());
        };
        Phone::open_as(&directory, NOW_MS, change).unwrap()
    };
    let phone = with_widget(Full);
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    phone.record(&[event("like", "item-7")]).unwrap();
    phone.whole_night();
    assert!(matches!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Upload(_)));
    drop(phone);
    let file = directory.join(WIDGET_FILE);
    let before = std::fs::read(&file).unwrap();
    let phone = with_widget(NotGiven);
    let status = phone.status().unwrap();
    assert_eq!((status.recorded, status.slates, status.deletions_pending), (0, 0, 1));
    assert_ne!(std::fs::read(&file).ok(), Some(before));
    drop(phone);
    assert_eq!(rows(&directory, &PERSONAL), 0);
    assert_eq!(with_widget(OnDevice).consent(), NotGiven);
}

#[test]
fn a_consent_that_cannot_be_read_counts_as_none_until_the_app_says_otherwise() {
    let scratch = tempfile::tempdir().unwrap();
    for spoil in [
        "DELETE FROM meta WHERE key = 'consent'",
        "UPDATE meta SET value = x'01' WHERE key = 'consent'",
    ] {
        let home = tempfile::tempdir_in(scratch.path()).unwrap();
        let (phone, _) = used(home.path());
        let directory = phone.directory().to_path_buf();
        drop(phone);
        change(&directory, spoil, []);
        let phone = open(&directory, Full);
        assert_eq!(phone.consent(), NotGiven);
        assert!(phone.slates(3).iter().all(|slate| slate.items.is_empty()));
        assert!(!phone.record(&[event("like", "item-2")]).unwrap().stored);
        assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
        assert_eq!(phone.night().learned_events, 0);
        assert!(phone.slates(3).iter().all(|slate| !slate.personalised));
        // Nobody withdrew it: nothing is lost when the app says so.
        phone.set_consent(Full).unwrap();
        phone.clock.set(NOW_MS + DAY_MS);
        assert_eq!(phone.night().learned_events, 2);
        assert!(phone.slates(3).iter().all(|slate| slate.personalised));
    }
}

#[test]
fn consent_for_the_device_learns_and_lets_nothing_leave_also_not_later() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    let mut collector = Collector::default();
    collector.drain(&phone);
    phone.record(&[event("like", "item-10"), event("like", "item-11")]).unwrap();
    let Transfer::Upload(under_way) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    phone.set_consent(OnDevice).unwrap();
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    // The app had it in hand: the answer comes too late to matter.
    let outcome = noctule_tests::collector::acknowledgement(&under_way.id, 2);
    phone.transfer_finished(&under_way.id, &outcome).unwrap();
    phone.record(&[event("like", "item-12")]).unwrap();
    let phone = phone.reopen();
    let status = phone.status().unwrap();
    assert_eq!((status.consent, status.recorded, status.pending_events), (OnDevice, 7, 0));
    assert_eq!(phone.night().learned_events, 5, "what was sent and not learned, and the rest");
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    phone.set_consent(Full).unwrap();
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
    phone.record(&[event("like", "item-13")]).unwrap();
    let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
        panic!("nothing to send");
    };
    let lines = lines(&request);
    assert_eq!((&lines[0]["first_sequence"], &lines[0]["events"]), (&8.into(), &1.into()));
    assert_eq!(lines[0]["dropped_ranges"], serde_json::json!([[5, 7]]));
    assert_eq!(lines[0]["dropped"], 3);
    assert_eq!(lines[1]["item"], "item-13");
}

#[test]
fn what_was_kept_to_be_sent_only_is_removed_when_it_may_not_be() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    phone.whole_night();
    let directory = phone.directory().to_path_buf();
    assert_eq!(phone.status().unwrap().pending_events, 4);
    phone.set_consent(OnDevice).unwrap();
    drop(phone);
    assert_eq!(rows(&directory, &["events"]), 0);
}

#[test]
fn a_damaged_queue_sends_nothing_that_was_recorded_for_this_device() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    phone.set_consent(OnDevice).unwrap();
    phone.record(&[event("like", "item-10")]).unwrap();
    phone.set_consent(Full).unwrap();
    let directory = phone.directory().to_path_buf();
    drop(phone);
    change(&directory, "UPDATE meta SET value = x'00' WHERE key = 'upload'", []);
    let phone = open(&directory, Full);
    assert_eq!(phone.next_transfer(Network::Unmetered).unwrap(), Transfer::Done);
}

#[test]
fn a_withdrawal_stops_the_night_that_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, _) = used(scratch.path());
    phone.clock.set(phone.clock.now_ms() + DAY_MS);
    let (begun, first) = channel();
    let report = std::thread::scope(|scope| {
        let phone = &phone;
        let night = scope.spawn(move || {
            let slow = |step, done, _| {
                if step == Step::Slates && done == 1 {
                    begun.send(()).unwrap();
                    // Until the withdrawal is in force.
                    while phone.consent() != NotGiven {
                        std::thread::yield_now();
                    }
                }
            };
            phone.run_night(Budget::unlimited(), &CancelToken::new(), &slow)
        });
        first.recv().unwrap();
        phone.set_consent(NotGiven).unwrap();
        night.join().unwrap().unwrap()
    });
    assert_eq!(report.outcome, NightOutcome::Stopped(StopReason::Cancelled));
    assert!(phone.slates(3).iter().all(|slate| !slate.personalised));
    let directory = phone.directory().to_path_buf();
    drop(phone);
    assert_eq!(rows(&directory, &["events", "night_runs"]), 0);
}
