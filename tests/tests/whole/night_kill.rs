//! Kills at random moments of nights over many items: no slate is torn, no published slate is made
//! again, and the slates are those of a phone that nobody disturbed.

use std::path::Path;
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::night::{NightRun, RunOutcome};
use noctule_core::serving::Recommendations;
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{DAY_MS, NOW_MS, SURFACES};
use noctule_tests::{Phone, Town};

use crate::kill::Working;

const SEED: u64 = 20_261_125;
/// Kills of a usual run; `NOCTULE_NIGHT_KILLS` says another number.
const KILLS: u64 = 100;
const CONTEXTS: usize = 6;
/// Kills of one night before it is let come to its end.
const KILLS_A_NIGHT: usize = 6;

fn town() -> Town {
    Town { items: 10_000, contexts: CONTEXTS, ..Town::default() }
}

fn slates(phone: &Phone) -> Vec<Recommendations> {
    let slates = phone.slates(CONTEXTS);
    for slate in &slates {
        let length = SURFACES.iter().find(|(name, _)| *name == slate.surface.as_str());
        check_whole(slate, length.unwrap().1);
    }
    slates
}

/// The user's day: the same on both phones.
fn day(phone: &Phone, random: &mut SeededRandom) {
    for kind in ["click", "like", "conversion", "dislike", "impression"] {
        let item = Town::item(random.below(10_000));
        phone.record(&[event(kind, &item)]).unwrap();
    }
}

/// How long an undisturbed night takes, to the end of its last slate.
fn night_takes(scratch: &Path) -> Duration {
    std::fs::create_dir(scratch).unwrap();
    let phone = Phone::with(&town(), scratch);
    let began = std::time::Instant::now();
    phone.whole_night();
    began.elapsed()
}

/// Runs of the night at `now_ms`, the oldest first.
fn runs_at(phone: &Phone, now_ms: i64) -> Vec<NightRun> {
    let runs = phone.journal().unwrap().runs;
    runs.into_iter().filter(|run| run.began_ms == now_ms).rev().collect()
}

#[test]
fn nights_killed_at_any_moment_make_no_published_slate_again_and_end_as_undisturbed_ones() {
    let scratch = tempfile::tempdir().unwrap();
    let takes = night_takes(&scratch.path().join("timed"));
    let release = town().pack(scratch.path());
    let homes = ["killed", "undisturbed"].map(|name| scratch.path().join(name));
    for home in &homes {
        let phone = Phone::open(home);
        phone.install_release(&release).unwrap();
        // Confirmed, so that what follows counts against no release.
        phone.whole_night();
    }
    let kills = std::env::var("NOCTULE_NIGHT_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut killed, mut night, mut inside) = (0, 0, 0);
    let total = (SURFACES.len() * CONTEXTS) as u32;
    while killed < kills {
        night += 1;
        let now_ms = NOW_MS + night * DAY_MS;
        let draws = random.next_u64();
        for home in &homes {
            let phone = Phone::open_at(home, now_ms).unwrap();
            day(&phone, &mut SeededRandom::new(Seed(draws)));
        }
        for _ in 0..1 + random.below(KILLS_A_NIGHT) {
            let mut working = Working::start_at("sleepless", &homes[0], now_ms);
            // One in five falls before the first slate, the others somewhere behind the next few.
            let early = random.chance(0.2);
            working.wait_for(if early { 1 } else { 2 + random.below(4) });
            let most = if early { takes } else { takes / total };
            let micros = random.below(most.as_micros() as usize + 1);
            std::thread::sleep(Duration::from_micros(micros as u64));
            working.kill();
            killed += 1;
            let phone = Phone::open_at(&homes[0], now_ms).unwrap();
            assert!(phone.status().unwrap().damaged.is_empty());
            slates(&phone);
        }
        let phone = Phone::open_at(&homes[0], now_ms).unwrap();
        let before: u32 = runs_at(&phone, now_ms).iter().map(|run| run.published).sum();
        let report = phone.night();
        assert_eq!(report.remaining, 0);
        // What the killed runs had published, each counted with its slate, is kept: nothing that
        // was published is made again, so a kill costs at most the slate it fell into.
        assert_eq!((report.kept, report.published), (before, total - before), "night {night}");
        inside += u64::from(before > 0 && before < total);
        let runs = runs_at(&phone, now_ms);
        assert!(runs.last().is_some_and(|run| run.outcome != RunOutcome::Cut));
        let undisturbed = Phone::open_at(&homes[1], now_ms).unwrap();
        undisturbed.whole_night();
        assert_eq!(slates(&phone), slates(&undisturbed), "night {night}");
    }
    assert!(inside > 0, "no kill fell between two slates");
    eprintln!(
        "{killed} kills in {night} nights, seed {SEED}, a night takes {takes:?}: {inside} nights \
         were resumed with some slates made, 0 torn slates, 0 published slates made again"
    );
}
