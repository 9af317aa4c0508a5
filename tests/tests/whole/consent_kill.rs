//! A withdrawal that is killed is none or a whole one, and its one request to delete survives.

use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::consent::DataConsent::{Full, NotGiven};
use noctule_core::upload::{Network, Transfer};
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Collector, Phone};

use crate::consent::{PERSONAL, used};
use crate::forgetting::copy;
use crate::kill::{Working, kills};
use crate::rows::rows;

const SEED: u64 = 20_261_130;
/// Kills of one profile, the first of them in its withdrawal.
const KILLS_EACH: u64 = 4;

#[test]
fn after_a_withdrawal_nothing_is_kept_and_one_request_is_sent_however_often_it_is_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let (phone, installation) = used(scratch.path());
    let pristine = phone.directory().to_path_buf();
    let recorded = phone.status().unwrap().recorded;
    drop(phone);
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut ends, mut asked) = ([0_u32; 2], 0);
    let kills = kills();
    for _ in 0..kills.div_ceil(KILLS_EACH) {
        let home = tempfile::tempdir().unwrap();
        copy(&pristine, home.path());
        let mut request: Option<String> = None;
        for kill in 0..KILLS_EACH {
            let now_ms = NOW_MS + 30 * DAY_MS * kill as i64;
            let mut working = Working::start_at("withdraw", home.path(), now_ms);
            working.wait_for(2 + random.below(3 * kill as usize + 1));
            std::thread::sleep(Duration::from_micros(random.below(20_000) as u64));
            let lines = working.kill();
            for id in lines.iter().filter_map(|line| line.strip_prefix("asked ")) {
                assert_eq!(request.get_or_insert_with(|| id.to_owned()), id, "a second request");
                asked += 1;
            }
            let phone = Phone::open_at(home.path(), now_ms).unwrap();
            let status = phone.status().unwrap();
            let withdrawn = status.consent == NotGiven;
            ends[usize::from(withdrawn)] += 1;
            if !withdrawn {
                assert_eq!((status.consent, status.recorded), (Full, recorded));
                assert!(!lines.iter().any(|line| line == "withdrawn") && request.is_none());
                continue;
            }
            assert_eq!((status.recorded, status.pending_events), (0, 0));
            assert_eq!(status.deletions_pending, 1);
            let transfer = phone.next_transfer(Network::Unmetered).unwrap();
            assert!(match &transfer {
                Transfer::Upload(sent) => sent.path == "/v1/deletions",
                Transfer::Wait { .. } => true,
                _ => false,
            });
            drop(phone);
            assert_eq!(rows(home.path(), &PERSONAL[..2]), 0);
        }
        let phone = Phone::open_at(home.path(), NOW_MS + 365 * DAY_MS).unwrap();
        phone.set_consent(NotGiven).unwrap();
        let mut collector = Collector::default();
        collector.drain(&phone);
        assert_eq!(collector.deleted, [installation.as_str()]);
        assert!(collector.events.is_empty());
    }
    eprintln!(
        "{kills} kills in and after withdrawals, seed {SEED}: {} before, {} after it counted; the \
         request was handed out {asked} times",
        ends[0], ends[1]
    );
    assert!(ends[1] > 0 && asked > 0);
}
