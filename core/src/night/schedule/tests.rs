//! What the schedule decides.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;
/// Midnight of a Monday.
const MIDNIGHT: i64 = 20_717 * 24 * HOUR_MS;

fn ready() -> Conditions {
    Conditions {
        battery_percent: Some(80),
        charging: true,
        idle: true,
        free_storage: Some(1 << 30),
        ..Conditions::default()
    }
}

fn on_the_screen() -> Conditions {
    Conditions { charging: false, idle: false, foreground: true, ..ready() }
}

fn run(ended_ms: i64, outcome: PastOutcome) -> PastRun {
    PastRun { began_ms: ended_ms.saturating_sub(1_000), ended_ms, outcome }
}

fn after(runs: &[PastRun]) -> History {
    History { runs: runs.to_vec(), has_release: true, ..History::default() }
}

fn decided(conditions: &Conditions, history: &History, hour: f64) -> Decision {
    let now_ms = MIDNIGHT + (hour * HOUR_MS as f64) as i64;
    decide(conditions, history, &SchedulePolicy::default(), now_ms)
}

fn why(decision: Decision) -> Option<RunReason> {
    match decision {
        Decision::Run { why, .. } => Some(why),
        Decision::NotYet { .. } => None,
    }
}

fn reason(decision: Decision) -> Option<NotYetReason> {
    match decision {
        Decision::Run { .. } => None,
        Decision::NotYet { reason, .. } => Some(reason),
    }
}

#[test]
fn a_device_that_is_ready_runs_at_night_and_once() {
    let last_night = run(MIDNIGHT - 22 * HOUR_MS, PastOutcome::Finished);
    assert_eq!(why(decided(&ready(), &after(&[last_night]), 1.0)), Some(RunReason::Night));
    let tonight = run(MIDNIGHT - HOUR_MS, PastOutcome::Finished);
    let decision = decided(&ready(), &after(&[tonight, last_night]), 1.0);
    let earliest_ms = MIDNIGHT + 22 * HOUR_MS;
    assert_eq!(decision, Decision::NotYet { reason: NotYetReason::Done, earliest_ms });
}

#[test]
fn each_condition_that_does_not_hold_is_named() {
    let history = after(&[]);
    let cases = [
        (Conditions { charging: false, ..ready() }, NotYetReason::NotCharging),
        (
            Conditions { charging: false, battery_percent: Some(29), ..ready() },
            NotYetReason::BatteryLow,
        ),
        (Conditions { idle: false, ..ready() }, NotYetReason::NotIdle),
        (Conditions { thermal: Thermal::Serious, ..ready() }, NotYetReason::Hot),
        (Conditions { charging: false, power_save: true, ..ready() }, NotYetReason::PowerSave),
        (Conditions { free_storage: Some(1 << 20), ..ready() }, NotYetReason::StorageLow),
        (
            Conditions { allowed: Some(Duration::from_millis(50)), ..ready() },
            NotYetReason::TooShort,
        ),
    ];
    for (conditions, expected) in cases {
        assert_eq!(reason(decided(&conditions, &history, 1.0)), Some(expected), "{conditions}");
    }
    let nothing = decided(&ready(), &History::default(), 1.0);
    assert_eq!(reason(nothing), Some(NotYetReason::NoRelease));
}

#[test]
fn the_charger_makes_up_for_a_low_battery_and_saving_power_but_not_for_heat() {
    let history = after(&[]);
    let low = Conditions { battery_percent: Some(3), power_save: true, ..ready() };
    assert_eq!(why(decided(&low, &history, 1.0)), Some(RunReason::Night));
    let warm = Conditions { thermal: Thermal::Fair, ..ready() };
    let Decision::Run { budget, .. } = decided(&warm, &history, 1.0) else { panic!() };
    assert_eq!(budget.cpu, Some(SchedulePolicy::default().night_cpu / 2));
}

#[test]
fn by_day_only_a_night_that_was_missed_is_made_up_for() {
    let whole = after(&[run(MIDNIGHT + HOUR_MS, PastOutcome::Finished)]);
    assert_eq!(reason(decided(&ready(), &whole, 10.0)), Some(NotYetReason::Done));
    let last_week = after(&[run(MIDNIGHT - 160 * HOUR_MS, PastOutcome::Finished)]);
    assert_eq!(why(decided(&ready(), &last_week, 10.0)), Some(RunReason::Missed));
}

#[test]
fn an_app_that_is_opened_after_a_missed_night_catches_up_in_300_milliseconds_and_not_every_minute()
{
    let missed = after(&[run(MIDNIGHT - 30 * HOUR_MS, PastOutcome::Finished)]);
    let Decision::Run { budget, why } = decided(&on_the_screen(), &missed, 9.0) else { panic!() };
    assert_eq!((why, budget.cpu), (RunReason::CatchUp, Some(Duration::from_millis(300))));
    let partly = run(MIDNIGHT + 9 * HOUR_MS, PastOutcome::Partly);
    let tried = after(&[partly]);
    assert_eq!(reason(decided(&on_the_screen(), &tried, 9.5)), Some(NotYetReason::Failed));
    assert_eq!(self::why(decided(&on_the_screen(), &tried, 10.5)), Some(RunReason::CatchUp));
}

#[test]
fn an_evening_on_the_phone_after_a_whole_night_is_left_alone() {
    let last_night = after(&[run(MIDNIGHT - 22 * HOUR_MS, PastOutcome::Finished)]);
    assert_eq!(reason(decided(&on_the_screen(), &last_night, -1.0)), Some(NotYetReason::NotIdle));
}

#[test]
fn a_night_that_was_cut_goes_on_at_once_and_a_new_release_does_not_wait_for_night() {
    let cut = after(&[run(MIDNIGHT + HOUR_MS, PastOutcome::Partly)]);
    assert_eq!(why(decided(&ready(), &cut, 1.1)), Some(RunReason::GoOn));
    let done = run(MIDNIGHT + HOUR_MS, PastOutcome::Finished);
    let history = History { new_release: true, ..after(&[done]) };
    assert_eq!(why(decided(&ready(), &history, 12.0)), Some(RunReason::NewRelease));
}

#[test]
fn failures_wait_longer_each_time_and_never_past_six_hours() {
    let wait = |failures: usize| {
        let failed = run(MIDNIGHT, PastOutcome::Nothing);
        match decided(&ready(), &after(&vec![failed; failures]), 0.1) {
            Decision::NotYet { earliest_ms, .. } => (earliest_ms - MIDNIGHT) / 60_000,
            Decision::Run { .. } => 0,
        }
    };
    assert_eq!([1, 2, 3, 4, 5, 6, 200].map(wait), [15, 30, 60, 120, 240, 360, 360]);
}

#[test]
fn a_run_that_a_wrong_clock_noted_in_the_future_blocks_nothing() {
    for ahead in [1, HOUR_MS, 365 * 24 * HOUR_MS, i64::MAX - MIDNIGHT] {
        let future = MIDNIGHT.saturating_add(2 * HOUR_MS).saturating_add(ahead);
        for outcome in [PastOutcome::Finished, PastOutcome::Nothing] {
            let history = after(&[run(future, outcome)]);
            assert_eq!(why(decided(&ready(), &history, 2.0)), Some(RunReason::Night));
        }
    }
}

#[test]
fn a_traveller_loses_no_night_and_a_changed_hour_does_not_either() {
    // Every zone that a flight can lead to, after a night at home, at each hour of the next day.
    for offset_minutes in (-12 * 60..=14 * 60).step_by(30) {
        let there = Conditions { offset_minutes, ..ready() };
        let history = after(&[run(MIDNIGHT + HOUR_MS, PastOutcome::Finished)]);
        let ran = (2..50).find(|hour| why(decided(&there, &history, f64::from(*hour))).is_some());
        let ran = ran.expect("a night within two days");
        // West of home ten in the evening comes once more.
        assert!(ran <= 34, "{offset_minutes}: after {ran} hours");
    }
}

#[test]
fn who_charges_by_day_has_nights_by_day() {
    let mut history = after(&[run(MIDNIGHT - 14 * HOUR_MS, PastOutcome::Finished)]);
    for hour in [8, 9, 10, 11, 12, 13, 14, 15] {
        (0..4).for_each(|_| history.good_hours.note(hour * 60));
    }
    assert_eq!(why(decided(&ready(), &history, 8.5)), Some(RunReason::Night));
    assert_eq!(reason(decided(&ready(), &history, 1.0)), Some(NotYetReason::Done));
}

fn outcome() -> impl Strategy<Value = PastOutcome> {
    prop_oneof![Just(PastOutcome::Finished), Just(PastOutcome::Partly), Just(PastOutcome::Nothing)]
}

fn times() -> impl Strategy<Value = i64> {
    let near = MIDNIGHT - 400 * HOUR_MS..MIDNIGHT + 400 * HOUR_MS;
    prop_oneof![8 => near, 2 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)]
}

fn history() -> impl Strategy<Value = History> {
    let run = (times(), times(), outcome());
    let run = run.prop_map(|(began_ms, ended_ms, outcome)| PastRun { began_ms, ended_ms, outcome });
    let runs = prop::collection::vec(run, 0..12);
    let hours = prop::array::uniform24(0u16..=64).prop_map(GoodHours);
    (runs, prop::bool::weighted(0.9), any::<bool>(), hours).prop_map(
        |(runs, has_release, new_release, good_hours)| History {
            runs,
            has_release,
            new_release,
            good_hours,
        },
    )
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let flags = prop::array::uniform4(any::<bool>());
    let thermal = prop_oneof![
        4 => Just(Thermal::Nominal),
        1 => Just(Thermal::Fair),
        1 => Just(Thermal::Critical)
    ];
    let battery = prop::option::of(any::<u8>());
    (battery, flags, thermal, any::<i32>(), prop::option::of(any::<u64>())).prop_map(
        |(battery_percent, [charging, idle, foreground, power_save], thermal, offset, free)| {
            Conditions {
                battery_percent,
                charging,
                idle,
                foreground,
                thermal,
                power_save,
                free_storage: free,
                offset_minutes: offset,
                allowed: None,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_next_time_is_never_past_and_never_more_than_a_day_away(
        conditions in conditions(),
        history in history(),
        now_ms in times(),
    ) {
        let policy = SchedulePolicy::default();
        let decision = decide(&conditions, &history, &policy, now_ms);
        prop_assert_eq!(decision, decide(&conditions, &history, &policy, now_ms));
        match decision {
            Decision::NotYet { earliest_ms, .. } => {
                prop_assert!(earliest_ms >= now_ms);
                prop_assert!(earliest_ms.saturating_sub(now_ms) <= EARLIEST_MS_MAX);
                prop_assert!(earliest_ms > now_ms || now_ms == i64::MAX);
            }
            Decision::Run { budget, .. } => {
                prop_assert!(budget.check().is_ok() && budget.wall > Some(Duration::ZERO));
            }
        }
    }

    #[test]
    fn whatever_the_clock_did_a_ready_device_runs_within_a_day(
        history in history(),
        offset_minutes in -18 * 60..=18 * 60,
        now_ms in MIDNIGHT - 400 * HOUR_MS..MIDNIGHT + 400 * HOUR_MS,
    ) {
        let history = History { has_release: true, ..history };
        let conditions = Conditions { offset_minutes, ..ready() };
        let policy = SchedulePolicy::default();
        let soon = now_ms + 1..now_ms + 48 * HOUR_MS;
        // What a clock noted that was ahead by hours is believed once its time has come, and may
        // make the next try wait for the longest time that failures make it wait.
        let ahead = history.runs.iter().any(|run| soon.contains(&run.ended_ms));
        let most = if ahead { 30 } else { 24 };
        let mut at = now_ms;
        let decided = |at| decide(&conditions, &history, &policy, at);
        while let Decision::NotYet { earliest_ms, .. } = decided(at) {
            at = earliest_ms;
            prop_assert!(at - now_ms <= most * HOUR_MS, "{} h", (at - now_ms) / HOUR_MS);
        }
    }

    #[test]
    fn better_conditions_never_make_a_run_impossible(
        conditions in conditions(),
        history in history(),
        now_ms in times(),
    ) {
        let policy = SchedulePolicy::default();
        let background = Conditions { foreground: false, ..conditions };
        let better = Conditions {
            charging: true, idle: true, power_save: false, thermal: Thermal::Nominal,
            free_storage: None, ..background
        };
        if matches!(decide(&background, &history, &policy, now_ms), Decision::Run { .. }) {
            let decision = decide(&better, &history, &policy, now_ms);
            let runs = matches!(decision, Decision::Run { .. });
            prop_assert!(runs, "{:?}", decision);
        }
    }
}
