//! Kills of both sides at any moment: what was acknowledged is stored, once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_tests::town::NOW_MS;

use crate::collector;
use crate::network::Network;

const SEED: u64 = 20_261_128;
const HOUR_MS: i64 = 3_600_000;

/// What the phone was promised: by sequence number the number of the event.
type Promises = Arc<Mutex<BTreeMap<u64, u64>>>;

struct Phone {
    child: Child,
    listening: JoinHandle<()>,
}

impl Phone {
    fn start(directory: &Path, address: SocketAddr, round: u64, promises: &Promises) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
        command.arg("send").arg(directory).args([
            address.to_string(),
            round.to_string(),
            (NOW_MS + round as i64 * HOUR_MS).to_string(),
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let promises = Arc::clone(promises);
        let listening = thread::spawn(move || listen(output, &promises));
        Self { child, listening }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), None, "the phone ended by itself: {status}");
        self.listening.join().unwrap();
    }
}

/// Reads to the end, also what was said before the kill; half a line is no promise.
fn listen(output: impl Read, promises: &Promises) {
    let mut output = BufReader::new(output);
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "kept" {
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            promises.lock().unwrap().extend((number(1)..=number(2)).zip(number(3)..));
        }
        line.clear();
    }
}

fn drain(directory: &Path, address: SocketAddr, round: u64) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
    let now_ms = NOW_MS + round as i64 * HOUR_MS;
    command.arg("drain").arg(directory).args([address.to_string(), now_ms.to_string()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().strip_prefix("recorded ").unwrap().parse().unwrap()
}

#[test]
fn kills_of_both_sides_lose_nothing_and_double_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let (profile, output) = (scratch.path().join("profile"), scratch.path().join("output"));
    std::fs::create_dir(&output).unwrap();
    let kills = std::env::var("NOCTULE_KILLS").ok();
    let kills: u64 = kills.map_or(60, |kills| kills.parse().expect("NOCTULE_KILLS is a number"));
    let promises = Promises::default();
    let network = Network::start(SEED);
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut collector, address) = collector::start(&output);
    network.lead_to(address);
    let mut phone = Phone::start(&profile, network.address(), 1, &promises);
    let (mut of_phone, mut of_collector) = (0, 0);
    for round in 2..2 + kills {
        thread::sleep(Duration::from_micros(random.below(60_000) as u64));
        let which = random.below(5);
        if which < 3 {
            of_phone += 1;
            phone.kill();
            phone = Phone::start(&profile, network.address(), round, &promises);
        }
        if which >= 2 {
            of_collector += 1;
            collector.kill().unwrap();
            collector.wait().unwrap();
            let address;
            (collector, address) = collector::start(&output);
            network.lead_to(address);
        }
    }
    phone.kill();
    network.mend();
    let recorded = drain(&profile, network.address(), 2 + kills);
    collector.kill().unwrap();
    collector.wait().unwrap();
    let stored = collector::stored(&output);
    assert!(stored.keys().copied().eq(1..=recorded), "{} of {recorded}", stored.len());
    for (sequence, generations) in &stored {
        assert_eq!(generations.len(), 1, "event {sequence} is stored more than once");
    }
    let promises = promises.lock().unwrap();
    for (sequence, number) in promises.iter() {
        assert_eq!(stored[sequence], [*number as i64], "event {sequence}");
    }
    assert!(!promises.is_empty());
    let happened = network.happened();
    eprintln!(
        "{of_phone} kills of the phone, {of_collector} of the collector, seed {SEED}, mishaps of \
         the network {happened:?}: {} events promised, {recorded} recorded and stored once each",
        promises.len()
    );
}
