//! What an app waits for: `recommend` warm, the first answer after opening a profile, a process
//! from its start to its first slate against one that opens the same SQLite file and reads a row,
//! and `record` of one screen against the same rows inserted bare into SQLite, with either
//! durability.
//!
//! `cargo bench -p noctule-tests --bench device`, with `-- --json` for one JSON object.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod rows;
mod start;

use std::time::{Duration, Instant};

use noctule_core::base::{ItemId, SurfaceId};
use noctule_core::feedback::{Durability, EventKind, FeedbackEvent};
use noctule_core::serving::{RecommendRequest, Tier};
use noctule_core::{Config, Noctule};
use noctule_tests::phone::{Phone, config};
use noctule_tests::town::{NOW_MS, Town};

/// Slots of the slate that is served.
const SLOTS: usize = 20;
/// Impressions of one screen.
const SCREEN: usize = 20;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let scratch = tempfile::tempdir().unwrap();
    let town = Town { items: 2_000, ..Town::default() };
    let phone = Phone::open(&scratch.path().join("profile"));
    phone.install_release(&town.pack(scratch.path())).unwrap();
    drop(phone);
    let directory = scratch.path().join("profile");
    let (mut config, _clock) = config(&directory, NOW_MS);
    let mut plan = town.plan();
    plan.surfaces[0].length = SLOTS;
    config.plan = Some(plan);
    // All that is recorded here is kept: a month offline is another case.
    config.retention.events = 1_000_000;
    let open = || Noctule::open(config.clone()).unwrap();

    let noctule = open();
    noctule.record(&[FeedbackEvent::new(EventKind::Like, item(3))]).unwrap();
    night(&noctule);
    let warm = recommend_warm(&noctule);
    let synced = record(&noctule, scratch.path(), Durability::PowerLoss);
    let unsynced = record(&noctule, scratch.path(), Durability::ProcessEnd);
    night(&noctule);
    noctule.close();
    let first = first_answers(&open);
    let start = start::of_processes(&directory, &config, NOW_MS);

    let first_run = first_runs(scratch.path(), &config);

    let report = Report { warm, first, start, first_run, synced, unsynced };
    if json { report.print_json() } else { report.print() }
}

fn item(index: usize) -> ItemId {
    ItemId::new(Town::item(index)).unwrap()
}

fn night(noctule: &Noctule) {
    use noctule_core::base::{Budget, CancelToken, NoProgress};
    noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress).unwrap();
}

fn request() -> RecommendRequest {
    RecommendRequest::new(SurfaceId::new("home").unwrap())
}

/// Sorted times of `count` runs.
fn timed(count: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn recommend_warm(noctule: &Noctule) -> Vec<Duration> {
    let request = request();
    let answer = noctule.recommend(&request).unwrap();
    assert_eq!((answer.items.len(), answer.tier), (SLOTS, Tier::Fresh));
    timed(100_000, || {
        std::hint::black_box(noctule.recommend(std::hint::black_box(&request)).unwrap());
    })
}

fn first_answers(open: &dyn Fn() -> Noctule) -> Vec<Duration> {
    let request = request();
    timed(300, || {
        let noctule = open();
        assert_eq!(noctule.recommend(&request).unwrap().items.len(), SLOTS);
        noctule.close();
    })
}

/// From nothing to the first slate, with a starter of 500 items that ships in the app.
fn first_runs(scratch: &std::path::Path, config: &Config) -> Vec<Duration> {
    let starter = Town { items: 500, version: 2, ..Town::default() }.pack(scratch);
    let request = request();
    let mut number = 0;
    timed(50, || {
        number += 1;
        let directory = scratch.join(format!("first-{number}"));
        let noctule = Noctule::open(Config { directory, ..config.clone() }).unwrap();
        assert!(noctule.install_starter(&starter).unwrap());
        assert_eq!(noctule.recommend(&request).unwrap().items.len(), SLOTS);
        noctule.close();
    })
}

/// Times of `record` and of the bare insert, taken in turn on the same disk.
fn record(noctule: &Noctule, scratch: &std::path::Path, durability: Durability) -> Pair {
    let screen: Vec<FeedbackEvent> = (0..SCREEN)
        .map(|position| FeedbackEvent {
            position: Some(position as i64),
            generation: Some(1),
            propensity: Some(0.9),
            visible_ms: Some(1_200),
            surface: Some(SurfaceId::new("home").unwrap()),
            ..FeedbackEvent::new(EventKind::Impression, item(position))
        })
        .collect();
    let file = scratch.join(format!("bare-{durability:?}.sqlite"));
    let mut bare = rows::Bare::open(&file, durability == Durability::PowerLoss);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // So many that both logs have grown to their size and are written over again.
    for _ in 0..40 {
        ours.extend(timed(100, || {
            noctule.record_as(durability, &screen).unwrap();
        }));
        theirs.extend(timed(100, || bare.insert(&screen)));
    }
    ours.sort_unstable();
    theirs.sort_unstable();
    (ours, theirs)
}

/// Sorted times of the library and of the bare insert.
type Pair = (Vec<Duration>, Vec<Duration>);

struct Report {
    warm: Vec<Duration>,
    first: Vec<Duration>,
    /// From the start of a process to its end, with the first slate in between, and a bare one's.
    start: Pair,
    first_run: Vec<Duration>,
    synced: Pair,
    unsynced: Pair,
}

/// The `share`-quantile in microseconds.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() - 1) as f64 * share).round() as usize;
    sorted[at].as_secs_f64() * 1e6
}

/// Screens in the same time: of all that were recorded, those that a checkpoint held up included.
fn rate_against_bare((ours, bare): &Pair) -> f64 {
    let total = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    total(bare) / total(ours)
}

impl Report {
    fn print(&self) {
        println!("{:<52}{:>12}{:>12}", "microseconds", "p50", "p99");
        for (name, times) in [
            ("recommend, 20 slots, warm", &self.warm),
            ("open a profile, first answer, close", &self.first),
            ("a process from its start to its first slate", &self.start.0),
            ("one that opens the same SQLite file, reads a row", &self.start.1),
            ("first run: new profile, starter, first slate", &self.first_run),
            ("record one screen of 20, against loss of power", &self.synced.0),
            ("the same 20 rows bare into SQLite, synced", &self.synced.1),
            ("record one screen of 20, against the process's end", &self.unsynced.0),
            ("the same 20 rows bare into SQLite, not synced", &self.unsynced.1),
        ] {
            println!("{name:<52}{:>12.2}{:>12.2}", quantile(times, 0.5), quantile(times, 0.99));
        }
        let (synced, unsynced) =
            (rate_against_bare(&self.synced), rate_against_bare(&self.unsynced));
        println!("record reaches {synced:.2} of the rate of the bare insert, both synced,");
        println!("and {unsynced:.2} of it with neither synced");
    }

    fn print_json(&self) {
        let both = |times: &Vec<Duration>| {
            let (p50, p99) = (quantile(times, 0.5), quantile(times, 0.99));
            serde_json::json!({"p50": p50, "p99": p99})
        };
        let value = serde_json::json!({
            "recommend_warm_us": both(&self.warm),
            "open_first_answer_us": both(&self.first),
            "process_first_slate_us": both(&self.start.0),
            "process_bare_sqlite_us": both(&self.start.1),
            "first_run_us": both(&self.first_run),
            "record_screen_us": both(&self.synced.0),
            "bare_insert_us": both(&self.synced.1),
            "record_rate_against_bare": rate_against_bare(&self.synced),
            "record_screen_unsynced_us": both(&self.unsynced.0),
            "bare_insert_unsynced_us": both(&self.unsynced.1),
            "record_unsynced_rate_against_bare": rate_against_bare(&self.unsynced),
        });
        println!("{value}");
    }
}
