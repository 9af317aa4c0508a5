//! A process that opens a profile and reads its first slate, as an app does when it is tapped:
//! `noctule-tests-first DIRECTORY APP KEY [MILLIS [SCREENS]]`.
//!
//! With `MILLIS` the clock stands there, and with 0 it runs. With `SCREENS` it then records so many
//! screens of that slate, against the end of the process, and prints the median and the least of
//! what a second half as many took, in microseconds.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;
use std::time::Instant;

use noctule_core::base::{ManualClock, SurfaceId};
use noctule_core::consent::DataConsent;
use noctule_core::feedback::{Durability, EventKind, FeedbackEvent};
use noctule_core::serving::{RecommendRequest, Recommendations, RecommendedItem};
use noctule_core::{Config, Noctule};
use noctule_releases::PublicKey;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, app, key] = &arguments[..3] else { unreachable!("three of a slice of three") };
    let mut config = Config::new(directory, app, DataConsent::Full);
    config.trusted_keys = vec![key.parse::<PublicKey>().unwrap().0];
    let number = |at: usize| arguments.get(at).map_or(0, |text| text.parse::<i64>().unwrap());
    if number(3) != 0 {
        config.clock = Arc::new(ManualClock::at(number(3)));
    }
    let noctule = Noctule::open(config).unwrap();
    let request = RecommendRequest::new(SurfaceId::new("home").unwrap());
    let answer = noctule.recommend(&request).unwrap();
    assert!(!answer.items.is_empty());
    if number(4) > 0 {
        record(&noctule, &screen(&answer), number(4));
    }
}

/// An impression of every item.
fn screen(answer: &Recommendations) -> Vec<FeedbackEvent> {
    let impression = |item: &RecommendedItem| FeedbackEvent {
        position: Some(i64::from(item.position)),
        generation: answer.generation,
        propensity: item.propensity,
        surface: Some(answer.surface.clone()),
        context: answer.context.clone(),
        ..FeedbackEvent::new(EventKind::Impression, item.item.clone())
    };
    answer.items.iter().map(impression).collect()
}

fn record(noctule: &Noctule, screen: &[FeedbackEvent], screens: i64) {
    let mut micros: Vec<f64> = (0..screens)
        .map(|_| {
            let began = Instant::now();
            noctule.record_as(Durability::ProcessEnd, screen).unwrap();
            began.elapsed().as_secs_f64() * 1e6
        })
        .skip(screens as usize / 2)
        .collect();
    micros.sort_unstable_by(f64::total_cmp);
    println!("{:.2} {:.2}", micros[micros.len() / 2], micros[0]);
}
