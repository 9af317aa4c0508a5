//! `noctule-races handles SCRATCH ROUNDS` and `noctule-races mixed SCRATCH RELEASE KEY SECONDS`:
//! exits with 0 when the counts agree.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use noctule_races::{handles, mixed};

const THREADS: u64 = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let exact = match arguments[..] {
        ["handles", scratch, rounds] => {
            let told = handles::run(Path::new(scratch), THREADS, rounds.parse().unwrap(), 1);
            println!("{told:?}");
            told.acknowledged == told.recorded
        }
        ["mixed", scratch, release, key, seconds] => {
            let time = Duration::from_secs(seconds.parse().unwrap());
            let told = mixed::run(Path::new(scratch), release, key, time);
            println!("{told:?}");
            told.acknowledged == told.recorded && told.recorded == told.sent
        }
        _ => {
            eprintln!("handles SCRATCH ROUNDS, or mixed SCRATCH RELEASE KEY SECONDS");
            return ExitCode::from(2);
        }
    };
    if exact { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
