//! Sentences for the states that a support engineer meets.

use std::collections::BTreeMap;

use super::*;
use crate::base::{Day, StopReason};
use crate::consent::DataConsent;
use crate::night::schedule::NotYetReason;
use crate::night::{NightOutcome, NightRun, Refusals, RunOutcome};
use crate::release::rows::Installed;
use crate::release::{Policy, ReleaseName};
use crate::runtime::{NightJournal, Releases, Sizes, Status, WidgetStatus};

const HOUR_MS: i64 = 3_600_000;
const NOW_MS: i64 = 20_720 * 24 * HOUR_MS + 9 * HOUR_MS;

fn facts() -> Facts {
    let release = ReleaseName { name: "town".into(), version: 3 };
    let status = Status {
        release: Some("town@3".into()),
        arm: None,
        policy: Policy::Model,
        installation: String::new(),
        consent: DataConsent::Full,
        deletions_pending: 0,
        recorded: 10,
        pending_events: 2,
        rejected: 0,
        set_aside: 0,
        evicted: 0,
        lost: 0,
        slates: 6,
        delivery: None,
        damaged: vec![],
        exam: None,
        reverted: None,
        widget: None,
    };
    Facts {
        now_ms: NOW_MS,
        offset_minutes: 60,
        journal: NightJournal { runs: vec![whole(8)], refusals: vec![] },
        status,
        releases: Releases {
            active: Some(Installed { release, manifest_sha256: String::new() }),
            ..Releases::default()
        },
        planned: 6,
        fresh: 6,
        database: vec![],
        release_damage: None,
        unmet: BTreeMap::new(),
        sizes: Sizes { database: 1_500_000, releases: 20_000_000 },
    }
}

fn run(hours_ago: i64, outcome: RunOutcome) -> NightRun {
    let began_ms = NOW_MS - hours_ago * HOUR_MS;
    NightRun {
        id: 1,
        began_ms,
        ended_ms: Some(began_ms),
        outcome,
        published: 6,
        kept: 0,
        remaining: 0,
        cpu_ms: 900,
        wall_ms: 1_500,
        stop_told: None,
        conditions: None,
    }
}

fn whole(hours_ago: i64) -> NightRun {
    run(hours_ago, RunOutcome::Ended(NightOutcome::Finished))
}

fn said(facts: &Facts) -> String {
    let line = |f: &Finding| format!("{:?} {}: {} {:?}\n", f.level, f.about, f.text, f.advice);
    of(facts).iter().map(line).collect()
}

#[test]
fn a_device_that_is_well_has_nothing_but_fine_findings() {
    let facts = facts();
    assert!(of(&facts).iter().all(|finding| finding.level == Level::Fine), "{}", said(&facts));
    assert!(said(&facts).contains("the last whole night was 2026-09-24 02:00, 8 hours ago"));
}

#[test]
fn a_phone_that_never_charges_is_told_from_one_whose_app_never_asks() {
    let refused = |reason, count| Refusals { day: Day(20_719), reason, count };
    let mut charging = facts();
    charging.fresh = 0;
    charging.journal.runs = vec![whole(100)];
    charging.journal.refusals =
        vec![refused(NotYetReason::NotIdle, 3), refused(NotYetReason::NotCharging, 12)];
    let text = said(&charging);
    assert!(text.contains("the device was not charging (12 times)"), "{text}");
    assert!(text.contains("not charged at night"), "{text}");
    let mut silent = facts();
    silent.journal = NightJournal::default();
    let text = said(&silent);
    assert!(text.contains("registers its background work"), "{text}");
    assert_eq!(of(&silent)[0].level, Level::Problem);
}

#[test]
fn how_the_newest_night_ended_is_said_with_what_to_do() {
    let stopped = |reason| RunOutcome::Ended(NightOutcome::Stopped(reason));
    let cases = [
        (RunOutcome::Failed("model: nan".into()), "failed: model: nan", "team of the release"),
        (RunOutcome::Cut, "did not come to its end", "make it smaller"),
        (stopped(StopReason::OutOfMemory), "needed more memory", "more memory"),
        (stopped(StopReason::OutOfCpu), "too little processor time", "too small"),
    ];
    for (outcome, what, advice) in cases {
        let mut facts = facts();
        let told = Some("device is low on battery".to_owned());
        let newest = NightRun { published: 0, stop_told: told, ..run(1, outcome) };
        facts.journal.runs.insert(0, newest);
        let text = said(&facts);
        assert!(text.contains(what) && text.contains(advice), "{text}");
        assert!(text.contains("the platform said: device is low on battery"), "{text}");
    }
}

#[test]
fn damage_a_clock_ahead_waiting_feedback_and_a_missing_release_are_found() {
    let mut facts = facts();
    facts.database = vec!["row 3 missing from index".into()];
    facts.release_damage = Some("items.safetensors: another digest".into());
    facts.status.pending_events = 50_000;
    facts.journal.runs.insert(0, whole(-5_000));
    let text = said(&facts);
    for expected in ["row 3 missing", "items.safetensors", "clock was ahead", "nothing arrives"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    facts.releases = Releases::default();
    assert!(said(&facts).contains("no release is installed"));
}

#[test]
fn rules_that_slates_do_not_meet_are_named_with_the_number_of_slates() {
    let unmet = BTreeMap::from([("fresh".to_owned(), 2), ("local".to_owned(), 1)]);
    let found = slates_unmet(&Facts { unmet, ..facts() }).unwrap();
    assert_eq!(found.text, "rules that slates do not meet: fresh in 2, local in 1");
    assert_eq!(slates_unmet(&facts()), None);
}

#[test]
fn a_file_for_widgets_that_could_not_be_written_is_a_problem_with_its_reason() {
    let mut facts = facts();
    assert_eq!(widget(&facts), None);
    let failed = WidgetStatus { failed: Some("the storage is full".into()), ..Default::default() };
    facts.status.widget = Some(failed);
    let found = widget(&facts).unwrap();
    assert_eq!(found.level, Level::Problem);
    assert!(found.text.ends_with("the storage is full"), "{}", found.text);
    let good = WidgetStatus { slates: 6, left_out: 2, bytes: 4_000, failed: None };
    facts.status.widget = Some(good);
    let found = widget(&facts).unwrap();
    assert_eq!(found.text, "the file for widgets has 6 slates in 4000 bytes, 2 did not fit");
    assert_eq!(found.level, Level::Note);
}
