//! Wall clocks that jump: nothing is lost or put into another order, and no slate lives for ever.

use noctule_core::base::{Clock, Seed, SeededRandom};
use noctule_core::feedback::FeedbackEvent;
use noctule_core::upload::{Network, Transfer, TransferOutcome};
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{DAY_MS, NOW_MS, SURFACES};
use noctule_tests::{Collector, Phone, Town};

const YEAR_MS: i64 = 365 * DAY_MS;
/// Where a clock may jump to.
const JUMPS: [i64; 6] =
    [NOW_MS + 10 * YEAR_MS, NOW_MS - 10 * YEAR_MS, 0, NOW_MS, NOW_MS + 3_600_000, NOW_MS - DAY_MS];

#[test]
fn feedback_of_jumping_clocks_arrives_whole_and_in_order() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let mut random = SeededRandom::new(Seed(7));
    let mut collector = Collector::default();
    for number in 1..=200 {
        phone.clock.set(JUMPS[random.below(JUMPS.len())]);
        let numbered = FeedbackEvent { generation: Some(number), ..event("click", "item-2") };
        phone.record(&[numbered]).unwrap();
        if random.below(9) == 0 {
            match phone.next_transfer(Network::Unmetered).unwrap() {
                Transfer::Upload(request) => {
                    let lost = TransferOutcome::NoAnswer { reason: "cut off".into() };
                    phone.transfer_finished(&request.id, &lost).unwrap();
                }
                Transfer::Wait { until_ms } => {
                    let pause_ms = until_ms - phone.clock.now_ms();
                    assert!((1..=DAY_MS).contains(&pause_ms), "a pause of {pause_ms} ms");
                }
                Transfer::Done => {}
                other => panic!("{other:?}"),
            }
        }
    }
    phone.clock.set(NOW_MS);
    collector.drain(&phone);
    let generations: Vec<u64> =
        collector.events.values().map(|event| event.generation.unwrap()).collect();
    assert!(generations.into_iter().eq(1..=200));
}

#[test]
fn five_jumps_in_a_night_leave_whole_slates_that_age_again_afterwards() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::with(&Town::default(), scratch.path());
    let contexts = Town::default().contexts;
    for jump in &JUMPS[..5] {
        phone.clock.set(*jump);
        phone.whole_night();
        for answer in phone.slates(contexts) {
            let length = SURFACES.iter().find(|(name, _)| *name == answer.surface.as_str());
            check_whole(&answer, length.unwrap().1);
        }
    }
    // Made by a clock that ran ahead: the next right night makes them anew.
    phone.clock.set(NOW_MS + 10 * YEAR_MS);
    phone.whole_night();
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    phone.clock.set(NOW_MS + DAY_MS + 7_200_000);
    for answer in phone.slates(contexts) {
        let age_ms = answer.age_ms.expect("a slate has an age");
        assert!((7_200_000..DAY_MS).contains(&age_ms), "{age_ms}");
    }
}
