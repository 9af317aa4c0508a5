//! Nights that are cut short from inside a slate, that may spend too little, that meet a model
//! that gives no number, or lose their directory.

use std::time::{Duration, Instant};

use noctule_core::Error;
use noctule_core::base::{Budget, CancelToken, NoProgress, Step, StopReason};
use noctule_core::night::{NightOutcome, RunOutcome};
use noctule_core::serving::Tier;
use noctule_tests::phone::event;
use noctule_tests::town::NOW_MS;
use noctule_tests::{Phone, Town};

const HOUR_MS: i64 = 3_600_000;

/// Cancels from another thread at `after` into a night, and gives how long the answer took; none
/// when the night was over before.
fn answer_to_cancel(phone: &Phone, after: Duration) -> Option<Duration> {
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let token = cancel.clone();
        let canceller = scope.spawn(move || {
            std::thread::sleep(after);
            token.cancel_because("the test said so");
            Instant::now()
        });
        let report = phone.run_night(Budget::unlimited(), &cancel, &NoProgress).unwrap();
        let ended = Instant::now();
        let asked = canceller.join().unwrap();
        (report.outcome == NightOutcome::Stopped(StopReason::Cancelled))
            .then(|| ended.saturating_duration_since(asked))
    })
}

/// `NOCTULE_CANCEL_ITEMS` says how many items; the figure is printed.
#[test]
fn a_cancel_at_any_moment_is_answered_and_the_next_night_goes_on() {
    let items = std::env::var("NOCTULE_CANCEL_ITEMS").ok();
    let items = items.map_or(20_000, |items| items.parse().expect("a number of items"));
    for model in [true, false] {
        let scratch = tempfile::tempdir().unwrap();
        let town = Town { items, model, contexts: 6, ..Town::default() };
        let phone = Phone::with(&town, scratch.path());
        phone.record(&[event("like", "item-1")]).unwrap();
        let began = Instant::now();
        phone.whole_night();
        let takes = began.elapsed();
        let (mut slowest, mut answered) = (Duration::ZERO, 0);
        for number in 1..40_u32 {
            // Each time another item is liked, so that every slate is made anew; every fourth time
            // the release is opened and read again.
            phone.record(&[event("like", &Town::item(number as usize))]).unwrap();
            if let Some(took) = answer_to_cancel(&phone, takes * number / 40) {
                slowest = slowest.max(took);
                answered += 1;
            }
        }
        assert!(answered > 0, "no cancel came in time");
        phone.whole_night();
        eprintln!(
            "{items} items, model {model}: a night takes {takes:?}, {answered} cancels, the \
             slowest was answered after {slowest:?}"
        );
        let runs = phone.journal().unwrap().runs;
        let told = runs.iter().filter_map(|run| run.stop_told.as_deref());
        assert!(told.clone().count() >= answered && told.eq(told_by_test(&runs)));
    }
}

fn told_by_test(runs: &[noctule_core::night::NightRun]) -> impl Iterator<Item = &str> {
    runs.iter().filter(|run| run.stop_told.is_some()).map(|_| "the test said so")
}

#[test]
fn a_budget_without_memory_or_processor_time_stops_with_its_reason_and_breaks_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let before = phone.slates(3);
    let cases = [
        (Budget { memory: Some(0), ..Budget::default() }, StopReason::OutOfMemory),
        (Budget { memory: Some(1 << 10), ..Budget::default() }, StopReason::OutOfMemory),
        (Budget { cpu: Some(Duration::ZERO), ..Budget::default() }, StopReason::OutOfCpu),
        (Budget::wall(Duration::ZERO), StopReason::OutOfTime),
        (
            Budget {
                reserve: Some(Duration::from_secs(99)),
                ..Budget::wall(Duration::from_secs(9))
            },
            StopReason::OutOfTime,
        ),
    ];
    for (budget, reason) in cases {
        let report = phone.run_night(budget, &CancelToken::new(), &NoProgress).unwrap();
        assert_eq!(report.outcome, NightOutcome::Stopped(reason), "{budget:?}");
        assert_eq!((report.published, report.remaining), (0, 6), "{budget:?}");
        assert_eq!(phone.slates(3), before);
        let runs = phone.journal().unwrap().runs;
        assert_eq!(runs[0].outcome, RunOutcome::Ended(report.outcome));
    }
    let none = Budget { threads: Some(0), ..Budget::default() };
    let refused = phone.run_night(none, &CancelToken::new(), &NoProgress);
    assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{refused:?}");
    let one = Budget { threads: Some(1), memory: Some(1 << 30), ..Budget::default() };
    let report = phone.run_night(one, &CancelToken::new(), &NoProgress).unwrap();
    assert_eq!(report.outcome, NightOutcome::Finished);
}

#[test]
fn a_slate_that_the_model_cannot_make_stays_as_it_was_and_the_run_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town::default();
    let phone = Phone::with(&town, scratch.path());
    phone.whole_night();
    let before = phone.slates(3);
    // A release whose fold-in has no solution for whoever chose something.
    let input = noctule_releases::PackInput {
        architecture: Town::without_solution(),
        ..Town { version: 2, ..town }.input()
    };
    let bad = scratch.path().join("bad");
    noctule_releases::pack(&input, &Town::key(), &bad).unwrap();
    phone.install_release(&bad).unwrap();
    phone.record(&[event("like", "item-1"), event("like", "item-2")]).unwrap();
    let failed = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
    assert!(matches!(failed, Err(Error::Model { .. })), "{failed:?}");
    assert_eq!(phone.slates(3), before, "those of the release before are served");
    let runs = phone.journal().unwrap().runs;
    let RunOutcome::Failed(error) = &runs[0].outcome else { panic!("{runs:?}") };
    assert!(error.starts_with("model: "), "{error}");
    let told = phone.doctor().unwrap();
    assert!(told.findings.iter().any(|finding| finding.text.contains(error)), "{told:?}");
}

#[test]
fn a_directory_removed_during_the_night_is_a_typed_error() {
    for step in [Step::Learning, Step::Slates] {
        let scratch = tempfile::tempdir().unwrap();
        let phone = Phone::with(&Town::default(), scratch.path());
        let directory = phone.directory().to_path_buf();
        let remove = |at, done, _| {
            if at == step && done == 1 {
                std::fs::remove_dir_all(&directory).unwrap();
            }
        };
        let ended = phone.run_night(Budget::unlimited(), &CancelToken::new(), &remove);
        let typed = matches!(
            ended,
            Err(Error::DirectoryMissing { .. }
                | Error::ReleaseDamaged { .. }
                | Error::File { .. }
                | Error::Storage { .. })
        );
        assert!(typed, "{ended:?}");
        drop(phone);
        assert!(Phone::open_at(&directory, NOW_MS).is_ok());
    }
}

#[test]
fn a_slate_whose_inputs_did_not_change_is_kept_and_stays_fresh_for_longer() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    phone.whole_night();
    let before = phone.slates(3);
    // Later the same night, three hours before the slates would go stale.
    let fresh_ms = i64::from(Town::default().plan().fresh_hours) * HOUR_MS;
    phone.clock.set(NOW_MS + 3 * HOUR_MS);
    let report = phone.night();
    assert_eq!((report.kept, report.published), (6, 0));
    phone.clock.set(NOW_MS + fresh_ms + 2 * HOUR_MS);
    let after = phone.slates(3);
    assert!(after.iter().all(|slate| slate.tier == Tier::Fresh));
    let same = |(old, new): (&_, &_)| {
        let (old, new): (&noctule_core::serving::Recommendations, _) = (old, new);
        let new: &noctule_core::serving::Recommendations = new;
        (old.generation, &old.items) == (new.generation, &new.items)
    };
    assert!(before.iter().zip(&after).all(same));
    let phone = phone.reopen();
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Fresh));
    phone.clock.set(NOW_MS + fresh_ms + 4 * HOUR_MS);
    assert!(phone.slates(3).iter().all(|slate| slate.tier == Tier::Stale));
}

#[test]
fn learning_goes_on_where_it_was_cut_and_learns_each_event_once() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let events: Vec<_> =
        (0..1_800).map(|number| event("click", &Town::item(number % 60))).collect();
    phone.record(&events).unwrap();
    let nothing = Budget::wall(Duration::ZERO);
    let mut learned = 0;
    for _ in 0..8 {
        let report = phone.run_night(nothing, &CancelToken::new(), &NoProgress).unwrap();
        assert!(report.learned_events < 1_800, "cut inside");
        learned += report.learned_events;
    }
    assert_eq!(learned, 1_800);
    phone.whole_night();
}
