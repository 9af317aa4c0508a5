//! A process that records and uploads until it is killed, and says what it was promised.

use std::net::SocketAddr;
use std::path::Path;

use noctule_core::base::{Clock, Seed, SeededRandom};
use noctule_core::feedback::{Durability, FeedbackEvent};
use noctule_core::upload::{Network, Transfer};
use noctule_tests::phone::event;
use noctule_tests::post::post;
use noctule_tests::{Phone, Town};

use crate::say;

/// Works on the profile in `directory`; its collector listens at `address`.
pub(crate) fn work(directory: &Path, address: SocketAddr, seed: u64, now_ms: i64) {
    let phone = Phone::open_at(directory, now_ms).unwrap();
    say("ready");
    let mut random = SeededRandom::new(Seed(seed));
    let mut number = seed << 24;
    loop {
        phone.clock.set(phone.clock.now_ms() + 1_000);
        if random.chance(0.6) {
            record(&phone, &mut random, &mut number);
        } else {
            say("begin upload");
            upload(&phone, address);
        }
    }
}

/// Sends everything that there is, as long as that takes, and learns it.
pub(crate) fn drain(directory: &Path, address: SocketAddr, now_ms: i64) {
    let phone = Phone::open_at(directory, now_ms).unwrap();
    while phone.status().unwrap().pending_events > 0 {
        upload(&phone, address);
    }
    say(&format!("recorded {}", phone.status().unwrap().recorded));
}

fn record(phone: &Phone, random: &mut SeededRandom, number: &mut u64) {
    let count = 1 + random.below(12) as u64;
    let first = *number;
    let events: Vec<FeedbackEvent> = (0..count)
        .map(|at| FeedbackEvent {
            generation: Some(first + at),
            ..event("impression", &Town::item(random.below(70)))
        })
        .collect();
    *number += count;
    let safe = random.chance(0.3);
    let durability = if safe { Durability::PowerLoss } else { Durability::ProcessEnd };
    say("begin record");
    let receipt = phone.record_as(durability, &events).unwrap();
    say(&format!("kept {} {} {first}", receipt.first_sequence, receipt.last_sequence));
}

fn upload(phone: &Phone, address: SocketAddr) {
    match phone.next_transfer(Network::Unmetered).unwrap() {
        Transfer::Upload(request) => {
            let outcome = post(address, &request);
            phone.transfer_finished(&request.id, &outcome).unwrap();
        }
        Transfer::Wait { until_ms } => phone.clock.set(until_ms),
        Transfer::Done => {}
        other => panic!("{other:?}"),
    }
}
