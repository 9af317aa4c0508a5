//! Processes from their start to their end.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use noctule_core::Config;
use noctule_releases::PublicKey;

const FIRST: &str = env!("CARGO_BIN_EXE_noctule-tests-first");
const BARE: &str = env!("CARGO_BIN_EXE_noctule-tests-bare");
const STARTS: usize = 200;

/// Sorted times of processes that open the profile in `directory` and read its first slate, and of
/// those that only open its database, taken in turn.
pub(crate) fn of_processes(
    directory: &Path,
    config: &Config,
    now_ms: i64,
) -> (Vec<Duration>, Vec<Duration>) {
    let key = PublicKey(config.trusted_keys[0]).to_string();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut first = Command::new(FIRST);
        first.arg(directory).args([&config.app, &key, &now_ms.to_string()]);
        ours.push(time_of(&mut first));
        bare.push(time_of(Command::new(BARE).arg(directory.join("noctule.sqlite"))));
    }
    ours.sort_unstable();
    bare.sort_unstable();
    (ours, bare)
}

fn time_of(command: &mut Command) -> Duration {
    let began = Instant::now();
    assert!(command.status().unwrap().success());
    began.elapsed()
}
