//! A phone whose disk fails, and one whose battery is taken out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use noctule_tests::collector::Delivered;
use noctule_tests::phone::check_whole;
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::volume::copy_tree;
use noctule_tests::{Collector, Phone, Town};

use crate::hook::{self, Fault, Life};
use crate::image::{self, Unsynced};
use crate::points;

const SEED: u64 = 20_261_128;
const HOUR_MS: i64 = 3_600_000;

/// What is the same in every life.
struct Bench {
    scratch: tempfile::TempDir,
    releases: PathBuf,
    pristine: PathBuf,
}

impl Bench {
    /// A profile with a release and slates, and the next release; none without a C compiler.
    fn new() -> Option<Self> {
        hook::library()?;
        let scratch = tempfile::tempdir().unwrap();
        let releases = scratch.path().join("releases");
        for version in 1..=2 {
            let _ = Town { version, ..Town::default() }.pack(&releases);
        }
        let pristine = scratch.path().join("pristine");
        let phone = Phone::open(&pristine);
        phone.install_release(&releases.join("1")).unwrap();
        phone.whole_night();
        phone.close();
        Some(Self { scratch, releases, pristine })
    }

    /// A fresh folder with a profile in it.
    fn profile(&self, name: &str) -> PathBuf {
        let place = self.scratch.path().join(name);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).unwrap();
        copy_tree(&self.pristine, &place.join("profile"));
        place.join("profile")
    }

    fn live(&self, profile: &Path, fault: Fault<'_>, shadow: Option<&Path>) -> Life {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctule-tests-child"));
        command.arg("mishap").args([profile, &self.releases]);
        command.args([SEED.to_string(), NOW_MS.to_string()]);
        hook::run(&mut command, fault, profile, shadow)
    }
}

/// What a process was promised before something happened to it.
#[derive(Default)]
struct Promises {
    /// By sequence number the number of the event.
    events: BTreeMap<u64, u64>,
    /// All events up to here survive a loss of power: one after them was to, or they were about to
    /// leave.
    safe_through: u64,
    collector: Collector,
    version: u64,
    refused: u64,
    done: bool,
}

impl Promises {
    fn of(output: &[u8]) -> Self {
        let mut promises = Self { version: 1, ..Self::default() };
        let text = String::from_utf8_lossy(output);
        // A line without its end is no promise.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            promises.read(line);
        }
        promises
    }

    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            word @ ("safe" | "kept") => {
                self.events.extend((number(1)..=number(2)).zip(number(3)..));
                if word == "safe" {
                    self.safe_through = number(2);
                }
            }
            "delivered" => {
                self.safe_through = self.safe_through.max(number(1));
                let (id, generation) = (words[2].to_owned(), Some(number(3)));
                self.collector.take(number(1), Delivered { id, generation });
            }
            "installed" => self.version = number(1),
            "refused" => self.refused += 1,
            "done" => self.done = true,
            "ready" | "night" => {}
            other => panic!("unknown line {other}"),
        }
    }

    /// Opens what is left and holds it to the promises; events beyond `safe_through` may be gone.
    fn check(mut self, directory: &Path, power_was_lost: bool) {
        let phone = Phone::open_at(directory, NOW_MS + 24 * HOUR_MS).unwrap();
        let status = phone.status().unwrap();
        assert_eq!(status.damaged, [] as [String; 0]);
        let release = status.release.unwrap();
        let active: u64 = release.strip_prefix("town@").unwrap().parse().unwrap();
        assert!(active == self.version || active == self.version + 1, "{release}");
        for slate in phone.slates(Town::default().contexts) {
            let length = SURFACES.iter().find(|(name, _)| *name == slate.surface.as_str());
            check_whole(&slate, length.unwrap().1);
        }
        let recorded = status.recorded;
        self.collector.drain(&phone);
        let gone = self.collector.gaps(recorded);
        // What is gone may be gone, and is known to be.
        assert_eq!(status.lost, gone.len() as u64, "{gone:?}");
        assert!(gone.is_empty() || power_was_lost, "{gone:?}");
        for (sequence, number) in &self.events {
            if power_was_lost && *sequence > self.safe_through {
                continue;
            }
            let delivered = self.collector.events.get(sequence).map(|event| event.generation);
            assert_eq!(delivered, Some(Some(*number)), "event {sequence} is lost");
        }
        phone.whole_night();
        // The night reads every byte of the release, and would have fallen back.
        let after = phone.status().unwrap();
        assert_eq!((after.release, after.reverted), (Some(release), None));
    }
}

#[test]
fn after_a_loss_of_power_everything_promised_is_there_and_every_slate_is_whole() {
    let Some(bench) = Bench::new() else { return };
    let shadow = bench.scratch.path().join("shadow");
    let whole = bench.live(&bench.profile("whole"), Fault { at: 0, kind: "exit" }, None);
    let promises = Promises::of(&whole.output.stdout);
    assert!(promises.done && promises.refused == 0, "{:?}", whole.output);
    let cuts = points(whole.calls, 60, SEED);
    for at in &cuts {
        let profile = bench.profile("cut");
        let _ = fs::remove_dir_all(&shadow);
        fs::create_dir(&shadow).unwrap();
        image::begin(&profile, &shadow);
        let life = bench.live(&profile, Fault { at: *at, kind: "exit" }, Some(&shadow));
        assert_eq!(life.output.status.code(), Some(137), "call {at}: {:?}", life.output);
        for unsynced in [&mut Unsynced::Gone, &mut Unsynced::mixed(SEED ^ at)] {
            let left = bench.scratch.path().join("image");
            let _ = fs::remove_dir_all(&left);
            image::make(&profile, &shadow, &left, unsynced);
            eprintln!("power lost at call {at} of {}", whole.calls);
            Promises::of(&life.output.stdout).check(&left, true);
        }
    }
    eprintln!("{} losses of power, two images each: nothing promised is missing", cuts.len());
}

#[test]
fn a_disk_that_fails_once_or_for_good_costs_typed_errors_and_nothing_promised() {
    let Some(bench) = Bench::new() else { return };
    let whole = bench.live(&bench.profile("whole"), Fault { at: 0, kind: "eio" }, None);
    let (mut lives, mut refused) = (0, 0);
    for kind in ["eio", "enospc", "short", "eio-on", "enospc-on"] {
        for at in points(whole.calls, 24, SEED) {
            let profile = bench.profile("failing");
            let life = bench.live(&profile, Fault { at, kind }, None);
            let told = String::from_utf8_lossy(&life.output.stderr);
            eprintln!("{kind} at call {at} of {}", whole.calls);
            assert!(life.output.status.success(), "{told}");
            let promises = Promises::of(&life.output.stdout);
            lives += 1;
            refused += promises.refused;
            promises.check(&profile, false);
        }
    }
    assert!(refused > 0, "nothing was ever refused");
    eprintln!(
        "{lives} lives with a failing disk, {refused} calls refused: nothing promised is lost"
    );
}
