//! Every kind of call on one profile from eight threads, while it is suspended again and again.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use noctule_ffi::{RecommenderError, Transfer, TransferOutcome};

use crate::boundary::{Profile, Token};
use crate::{click, config, home};

/// How often the profile is suspended, and for how long.
const EVERY: Duration = Duration::from_millis(150);
const NAP: Duration = Duration::from_millis(10);

/// What happened. All numbers of events are equal when nothing was lost or doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Calls that were answered.
    pub calls: u64,
    /// Calls that were refused because of a suspension, or since another call was under way.
    pub refused: u64,
    /// Nights that ended by themselves.
    pub nights: u64,
    /// Suspensions.
    pub suspensions: u64,
    /// Events that a receipt was given for.
    pub acknowledged: u64,
    /// Events that the profile says it has recorded.
    pub recorded: u64,
    /// Events in batches that were sent and acknowledged.
    pub sent: u64,
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    refused: AtomicU64,
    nights: AtomicU64,
    acknowledged: AtomicU64,
    sent: AtomicU64,
}

impl Counts {
    /// Takes note of an answer; panics at one that should not be.
    fn note<T>(&self, answer: Result<T, RecommenderError>) -> Option<T> {
        match answer {
            Ok(value) => {
                self.calls.fetch_add(1, Ordering::Relaxed);
                Some(value)
            }
            Err(RecommenderError::Suspended | RecommenderError::AlreadyRunning { .. }) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Runs for `time` on a new profile in `scratch` with the signed `release`.
///
/// # Panics
/// When a call fails in a way that it should not.
#[must_use]
pub fn run(scratch: &Path, release: &str, key: &str, time: Duration) -> Told {
    let profile = Profile::open(config(&scratch.join("profile"), Some(key))).unwrap();
    profile.install_release(release).unwrap();
    // Confirms the release: one on probation is given up after nights that were cut off.
    profile.run_night(&Token::new()).unwrap();
    let (counts, over) = (Counts::default(), AtomicBool::new(false));
    let mut suspensions = 0;
    std::thread::scope(|scope| {
        let work: [fn(&Profile, &Counts, &AtomicBool, &str); 8] =
            [serve, serve, record, record, record, nights, send, administrate];
        for call in work {
            let (own, counts, over) = (profile.clone(), &counts, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    call(&own, counts, over, release);
                }
            });
        }
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::thread::sleep(EVERY.min(time));
            profile.suspend().unwrap();
            suspensions += 1;
            std::thread::sleep(NAP);
            profile.resume().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    while send_one(&profile, &counts) {}
    let status = profile.status().unwrap();
    assert_eq!(status.pending_events, 0);
    Told {
        calls: counts.calls.into_inner(),
        refused: counts.refused.into_inner(),
        nights: counts.nights.into_inner(),
        suspensions,
        acknowledged: counts.acknowledged.into_inner(),
        recorded: status.recorded,
        sent: counts.sent.into_inner(),
    }
}

fn serve(profile: &Profile, counts: &Counts, _: &AtomicBool, _: &str) {
    let answer = counts.note(profile.recommend(home())).expect("memory answers in a suspension");
    assert!(!answer.items.is_empty());
    counts.note(profile.status());
}

fn record(profile: &Profile, counts: &Counts, _: &AtomicBool, _: &str) {
    if let Some(receipt) = counts.note(profile.record(vec![click(), click()])) {
        let events = receipt.last_sequence - receipt.first_sequence + 1;
        counts.acknowledged.fetch_add(events, Ordering::Relaxed);
    }
}

fn nights(profile: &Profile, counts: &Counts, _: &AtomicBool, _: &str) {
    let token = Token::new();
    std::thread::scope(|scope| {
        let canceller = token.clone();
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            canceller.cancel_because("enough");
        });
        if counts.note(profile.run_night(&token)).is_some() {
            counts.nights.fetch_add(1, Ordering::Relaxed);
        }
    });
}

fn send(profile: &Profile, counts: &Counts, _: &AtomicBool, _: &str) {
    send_one(profile, counts);
    std::thread::sleep(Duration::from_millis(5));
}

/// Whether something was sent.
fn send_one(profile: &Profile, counts: &Counts) -> bool {
    let Some(Transfer::Upload { request }) = counts.note(profile.next_transfer()) else {
        return false;
    };
    let events = events(&request.body);
    let id = &request.id;
    let body = format!(r#"{{"batch_id":"{id}","accepted":{events},"repeated":0}}"#);
    let outcome =
        TransferOutcome::Answer { status: 200, body: body.into_bytes(), retry_after_s: None };
    // An answer that comes in a suspension is told again, as the workers do.
    while counts.note(profile.transfer_finished(&request.id, outcome.clone())).is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    counts.sent.fetch_add(events, Ordering::Relaxed);
    true
}

/// Events of a batch: its lines but the first.
fn events(body: &[u8]) -> u64 {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text.lines().count() as u64 - 1
}

fn administrate(profile: &Profile, counts: &Counts, over: &AtomicBool, release: &str) {
    counts.note(profile.install_release(release));
    if !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
    }
}
