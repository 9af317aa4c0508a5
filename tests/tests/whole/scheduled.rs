//! The schedule with a real profile: asked through weeks, with a clock that jumps.

use noctule_core::base::{CancelToken, NoProgress};
use noctule_core::night::schedule::{Conditions, Decision, NotYetReason, RunReason};
use noctule_core::night::{NightOutcome, RunOutcome};
use noctule_core::{Level, NightJournal};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};

const HOUR_MS: i64 = 3_600_000;

fn ready() -> Conditions {
    Conditions { battery_percent: Some(90), charging: true, idle: true, ..Conditions::default() }
}

/// On the charger and put away from eleven to seven, in use otherwise.
fn at_hour(hour: i64) -> Conditions {
    let night = !(7..23).contains(&hour);
    Conditions { charging: night, idle: night, ..ready() }
}

/// Asks once an hour and does what it is told; gives the hours at which nights ran.
fn live(phone: &Phone, from_ms: i64, hours: i64) -> Vec<i64> {
    let mut ran = Vec::new();
    for hour in 0..hours {
        let now_ms = from_ms + hour * HOUR_MS;
        phone.clock.set(now_ms);
        let of_day = now_ms.div_euclid(HOUR_MS).rem_euclid(24);
        if let Decision::Run { budget, .. } = phone.schedule(&at_hour(of_day)).unwrap() {
            phone.run_night(budget, &CancelToken::new(), &NoProgress).unwrap();
            ran.push(of_day);
        }
    }
    ran
}

#[test]
fn a_phone_that_is_asked_every_hour_has_one_night_a_night() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let midnight = NOW_MS.div_euclid(DAY_MS) * DAY_MS;
    let ran = live(&phone, midnight + 12 * HOUR_MS, 10 * 24);
    assert_eq!(ran, [23; 10]);
    let NightJournal { runs, refusals } = phone.journal().unwrap();
    assert_eq!(runs.len(), 10);
    for run in &runs {
        assert_eq!(run.outcome, RunOutcome::Ended(NightOutcome::Finished));
        let conditions = run.conditions.as_deref();
        assert_eq!(conditions, Some("battery 90 %, charging, idle"));
    }
    assert!(refusals.iter().any(|refused| refused.reason == NotYetReason::Done));
    assert!(phone.doctor().unwrap().level() < Level::Problem);
}

#[test]
fn after_a_jump_of_the_clock_either_way_a_night_runs_within_a_day() {
    for jump in [-3_650, -40, -2, 2, 40, 3_650] {
        let scratch = tempfile::tempdir().unwrap();
        let phone = Phone::with(&Town::default(), scratch.path());
        live(&phone, NOW_MS, 48);
        let before = phone.journal().unwrap().runs.len();
        live(&phone, NOW_MS + jump * DAY_MS, 24);
        assert!(phone.journal().unwrap().runs.len() > before, "{jump} days");
    }
}

#[test]
fn an_app_that_is_opened_after_a_week_without_a_charger_catches_up() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    phone.record(&[event("like", "item-1")]).unwrap();
    for hour in 24..7 * 24 {
        phone.clock.set(NOW_MS + hour * HOUR_MS);
        let lying = Conditions { charging: false, ..ready() };
        assert!(matches!(phone.schedule(&lying).unwrap(), Decision::NotYet { .. }));
    }
    let told = phone.doctor().unwrap();
    let text: Vec<&str> = told.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert!(text.iter().any(|text| text.contains("the device was not charging")), "{text:?}");
    let opened = Conditions { charging: false, idle: false, foreground: true, ..ready() };
    let Decision::Run { budget, why } = phone.schedule(&opened).unwrap() else { panic!() };
    assert_eq!(why, RunReason::CatchUp);
    let report = phone.run_night(budget, &CancelToken::new(), &NoProgress).unwrap();
    assert!(report.published > 0);
}

#[test]
fn erasing_the_user_erases_the_journal_and_the_habits() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    live(&phone, NOW_MS, 48);
    phone.erase().unwrap();
    assert_eq!(phone.journal().unwrap(), NightJournal::default());
}
