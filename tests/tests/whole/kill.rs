//! A kill at any point leaves old or new slates, never torn ones, and every acknowledged event.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_tests::collector::Delivered;
use noctule_tests::phone::check_whole;
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::{Collector, Phone, Town};

const SEED: u64 = 20_260_921;
const KILLS: u64 = 200;
const RELEASES: u64 = 50;
const HOUR_MS: i64 = 3_600_000;
/// After this long without a word a child counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the children were promised, and what is known of the profile.
struct Ledger {
    /// By sequence number: the number with which the event was recorded.
    acknowledged: BTreeMap<u64, u64>,
    collector: Collector,
    /// Highest generation seen of each slate.
    generations: HashMap<String, u64>,
    version: u64,
    /// By the work that a kill interrupted.
    interrupted: BTreeMap<String, u64>,
}

impl Ledger {
    fn new() -> Self {
        Self {
            acknowledged: BTreeMap::new(),
            collector: Collector::default(),
            generations: HashMap::new(),
            version: 1,
            interrupted: BTreeMap::new(),
        }
    }

    /// Takes note of all that a child said.
    fn read(&mut self, lines: &[String]) {
        let mut doing = "open";
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().unwrap();
            match words[0] {
                "begin" => doing = words[1],
                "recorded" => {
                    let numbers = (number(1)..=number(2)).zip(number(3)..);
                    self.acknowledged.extend(numbers);
                }
                "slate" => self.saw(words[1], number(2)),
                "installed" => self.version = number(1),
                "batch" => self.collector.batch(words[1], number(2), number(3)),
                "delivered" => {
                    let (id, generation) = (words[2].to_owned(), Some(number(3)));
                    self.collector.take(number(1), Delivered { id, generation });
                }
                "ready" => {}
                other => panic!("unknown line {other}"),
            }
        }
        *self.interrupted.entry(doing.to_owned()).or_default() += 1;
    }

    /// A published slate never goes back to an older generation.
    fn saw(&mut self, key: &str, generation: u64) {
        let highest = self.generations.entry(key.to_owned()).or_insert(generation);
        assert!(generation >= *highest, "{key}: {generation} after {highest}");
        *highest = generation;
    }

    /// Opens the profile that the killed child left, and checks all of it.
    fn check(&mut self, directory: &Path, round: u64) {
        let phone = Phone::open_at(directory, NOW_MS + round as i64 * HOUR_MS).unwrap();
        let status = phone.status().unwrap();
        assert!(status.damaged.is_empty(), "{:?}", status.damaged);
        let last = self.acknowledged.last_key_value().map_or(0, |(last, _)| *last);
        assert!(status.recorded >= last, "{} of {last} events", status.recorded);
        let version = status.release.as_deref().and_then(|name| name.strip_prefix("town@"));
        let version: u64 = version.unwrap().parse().unwrap();
        assert!(version == self.version || version == self.version + 1, "release {version}");
        self.version = version;
        self.check_slates(&phone);
        if round.is_multiple_of(2) {
            phone.whole_night();
            self.check_slates(&phone);
            let newest = format!("town@{version}");
            let slates = phone.slates(Town::default().contexts);
            assert!(slates.iter().all(|slate| slate.release.as_deref() == Some(&*newest)));
        }
        if round.is_multiple_of(10) {
            self.collector.drain(&phone);
            self.check_delivered(phone.status().unwrap().recorded);
        }
    }

    fn check_slates(&mut self, phone: &Phone) {
        for slate in phone.slates(Town::default().contexts) {
            let length = SURFACES.iter().find(|(name, _)| *name == slate.surface.as_str());
            check_whole(&slate, length.unwrap().1);
            let key = format!("{}/{}", slate.surface, slate.context.as_ref().unwrap());
            self.saw(&key, slate.generation.unwrap());
        }
    }

    /// Everything was sent: no gap, and each acknowledged event as it was recorded.
    fn check_delivered(&self, recorded: u64) {
        self.collector.check_contiguous(recorded);
        for (sequence, number) in &self.acknowledged {
            assert_eq!(self.collector.events[sequence].generation, Some(*number), "{sequence}");
        }
    }
}

/// A child at work and the lines that it says.
pub(crate) struct Working {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Working {
    pub(crate) fn start(mode: &str, directory: &Path, releases: &Path, round: u64) -> Self {
        let now_ms = NOW_MS + round as i64 * HOUR_MS;
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
        command.arg(mode).args([directory, releases]);
        Self::listening(command.args([round.to_string(), now_ms.to_string()]))
    }

    /// A child in `mode` on the profile in `directory`, at `now_ms`.
    pub(crate) fn start_at(mode: &str, directory: &Path, now_ms: i64) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
        Self::listening(command.arg(mode).arg(directory).arg(now_ms.to_string()))
    }

    fn listening(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        // Reads to the end, also what was said before the kill; half a line is not a promise.
        std::thread::spawn(move || {
            let mut output = output;
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
                if sender.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Self { child, lines, heard: Vec::new() }
    }

    /// Waits until the child has begun so many pieces of work.
    pub(crate) fn wait_for(&mut self, pieces: usize) {
        let mut begun = 0;
        while begun < pieces {
            let line = self.lines.recv_timeout(PATIENCE).expect("the child goes on working");
            begun += usize::from(line == "ready" || line.starts_with("begin"));
            self.heard.push(line);
        }
    }

    /// Kills the child and gives all that it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), None, "the child ended by itself: {status}");
        self.heard.extend(self.lines.iter());
        self.heard
    }
}

/// How often to kill: NOCTULE_KILLS, or 200 times.
pub(crate) fn kills() -> u64 {
    let kills = std::env::var("NOCTULE_KILLS").ok();
    kills.map_or(KILLS, |kills| kills.parse().expect("NOCTULE_KILLS is a number"))
}

fn releases(parent: &Path) -> PathBuf {
    let parent = parent.join("releases");
    for version in 1..=RELEASES {
        let _ = Town { version, ..Town::default() }.pack(&parent);
    }
    parent
}

#[test]
fn a_kill_at_any_point_leaves_old_or_new_slates_and_every_acknowledged_event() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, releases) = (scratch.path().join("profile"), releases(scratch.path()));
    let phone = Phone::open(&directory);
    phone.install_release(&releases.join("1")).unwrap();
    drop(phone);
    let kills = kills();
    let mut random = SeededRandom::new(Seed(SEED));
    let mut ledger = Ledger::new();
    for round in 1..=kills {
        let mut working = Working::start("work", &directory, &releases, round);
        // One in five dies while it opens, the others somewhere in their work.
        let pieces = if random.chance(0.2) { 0 } else { 1 + random.below(30) };
        working.wait_for(pieces);
        std::thread::sleep(Duration::from_micros(random.below(8_000) as u64));
        ledger.read(&working.kill());
        ledger.check(&directory, round);
    }
    let phone = Phone::open_at(&directory, NOW_MS + (kills as i64 + 24) * HOUR_MS).unwrap();
    ledger.collector.drain(&phone);
    let recorded = phone.status().unwrap().recorded;
    ledger.check_delivered(recorded);
    assert!(!ledger.acknowledged.is_empty() && ledger.version > 1);
    eprintln!(
        "{kills} kills, seed {SEED}: {} events acknowledged, {recorded} recorded, {} delivered \
         twice, release {}; interrupted {:?}",
        ledger.acknowledged.len(),
        ledger.collector.repeated,
        ledger.version,
        ledger.interrupted
    );
}
