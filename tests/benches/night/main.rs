//! A whole night over 100,000 items against the sum of its bare kernels, and against the same
//! pipeline written plainly with candle tensors. Processor time, one thread.
//!
//! `cargo bench -p noctule-tests --bench night`. 24 contexts x 100 slots, 400 nearest and 100
//! popular candidates each, a ranker of hidden layers over 92 features, reasons of every slot,
//! diversity, exploration with propensities, each slate published in a transaction of its own.
//!
//! The *bare kernels* are: every file of the release read and hashed once (a flipped bit must be
//! noticed before its value is used), one fold-in a context, one search for all contexts, the
//! ranker over the candidates, the ranker over the rows that the reasons ask for (the first layer
//! once for each difference, the others for each row). The *plain*
//! pipeline is given the users' vectors and the item matrix in memory, and hashes nothing; it
//! multiplies, sorts, selects and ranks with candle, re-ranks with the same code, asks the ranker
//! for as many rows for reasons, and writes each slate as JSON into SQLite. Times are medians;
//! candle is held to one thread. With the argument `nights` only the nights run, for a profiler.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod cpu;
mod kernels;
mod plain;
mod world;

use std::process::{Command, ExitCode};

use cpu::median_ms;
use noctule_core::base::{Budget, CancelToken, NoProgress};
use noctule_core::feedback::{EventKind, FeedbackEvent};
use noctule_core::night::NightOutcome;
use noctule_tests::phone::Phone;
use world::{CONTEXTS, World};

const NIGHTS: usize = 9;
const THREADS: &str = "RAYON_NUM_THREADS";

fn main() -> ExitCode {
    if std::env::var(THREADS).as_deref() != Ok("1") {
        let program = std::env::current_exe().unwrap();
        let arguments = std::env::args().skip(1);
        let status = Command::new(program).args(arguments).env(THREADS, "1").status().unwrap();
        return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let scratch = tempfile::tempdir().unwrap();
    let world = World::packed(scratch.path());
    let phone = Phone::open(&scratch.path().join("profile"));
    phone.install_release(&world.release).unwrap();
    world.like_some(&phone);
    let night = nights(&phone, &world);
    if std::env::args().any(|argument| argument == "nights") {
        println!("a whole night {night:.1} ms of processor time");
        return ExitCode::SUCCESS;
    }
    let kernels = kernels::measure(&world);
    let plain = plain::measure(&world, scratch.path());
    println!("processor time of one thread, medians of {NIGHTS}, ms");
    println!("a whole night                          {night:>9.1}");
    println!("its bare kernels                       {:>9.1}   {kernels}", kernels.sum());
    println!("the same plainly with candle           {plain:>9.1}");
    println!("night / kernels {:.2}, plain / night {:.1}", night / kernels.sum(), plain / night);
    ExitCode::SUCCESS
}

/// Nights in which every slate has to be made anew.
fn nights(phone: &Phone, world: &World) -> f64 {
    let mut liked = 0;
    median_ms(NIGHTS, 3, || {
        liked += 1;
        let like = FeedbackEvent::new(EventKind::Like, world.item(7 * liked));
        phone.record(&[like]).unwrap();
        let report = phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress);
        let report = report.unwrap();
        assert_eq!((report.outcome, report.published), (NightOutcome::Finished, CONTEXTS as u32));
    })
}
