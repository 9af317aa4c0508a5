//! A process to be killed: works on a profile and says on its standard output what it was promised.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod mishap;
mod sender;
mod starved;

use std::net::SocketAddr;
use std::path::Path;

use noctule_core::Config;
use noctule_core::base::{Budget, CancelToken, Clock, ItemId, Seed, SeededRandom, Step};
use noctule_core::consent::DataConsent;
use noctule_core::feedback::FeedbackEvent;
use noctule_core::scoring::Kernel;
use noctule_core::upload::{Network, Transfer};
use noctule_core::widget::{FlatSlates, WIDGET_FILE, WidgetPolicy, read_file};
use noctule_tests::collector::{acknowledgement, answer, delivered, lines};
use noctule_tests::phone::event;
use noctule_tests::server::fetch;
use noctule_tests::slates::published;
use noctule_tests::switching::switch;
use noctule_tests::town::DAY_MS;
use noctule_tests::{Phone, Town};

/// Kinds of events that a slate survives at its full length.
const KINDS: [&str; 7] =
    ["impression", "click", "like", "conversion", "dwell", "dislike", "shared_it"];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["hold", directory] => hold(Path::new(directory)),
        ["deliver", directory, address, root, now_ms, end] => {
            let root = std::fs::read(root).unwrap();
            let now_ms = now_ms.parse().unwrap();
            let phone = Phone::following_at(Path::new(directory), &root, now_ms);
            deliver(&phone, address.parse().unwrap(), end.parse().unwrap());
        }
        ["full-fetch", volume, pristine, address, root, now_ms] => {
            let (volume, pristine, root) =
                (Path::new(volume), Path::new(pristine), Path::new(root));
            starved::deliver(volume, pristine, address.parse().unwrap(), root, number(now_ms));
        }
        ["full-install", volume, first, second, now_ms] => {
            starved::install(volume.as_ref(), first.as_ref(), second.as_ref(), number(now_ms));
        }
        ["read-only", scratch, first, second, pristine, address, root, now_ms] => {
            let following = (pristine.as_ref(), address.parse().unwrap(), root.as_ref());
            let (first, second) = (first.as_ref(), second.as_ref());
            starved::only_read(scratch.as_ref(), first, second, following, number(now_ms));
        }
        ["sleepless", directory, now_ms] => {
            let phone = Phone::open_at(Path::new(directory), now_ms.parse().unwrap()).unwrap();
            say("ready");
            sleepless(&phone);
        }
        ["widget", directory, now_ms] => widget(Path::new(directory), number(now_ms)),
        ["widget-starved", scratch, release, now_ms] => {
            starved::widget(scratch.as_ref(), release.as_ref(), number(now_ms));
        }
        [forget, directory, now_ms] if forget.starts_with("forget ") => {
            let phone = Phone::open_at(Path::new(directory), number(now_ms)).unwrap();
            let item = ItemId::new(forget.trim_start_matches("forget ")).unwrap();
            say("ready");
            phone.forget_items(&[item]).unwrap();
            say("begin nothing");
            wait_for_the_end();
        }
        ["erase", directory, now_ms] => erase(Path::new(directory), number(now_ms)),
        ["withdraw", directory, now_ms] => withdraw(Path::new(directory), number(now_ms)),
        ["rotate", directory, now_ms] => rotate(Path::new(directory), number(now_ms)),
        ["slates", scratch] => {
            say(&format!("kernel {}", Kernel::fastest().name()));
            published(Path::new(scratch)).iter().for_each(|line| say(line));
        }
        ["release", parent] => release(Path::new(parent)),
        ["kernels"] => Kernel::available().iter().for_each(|kernel| say(kernel.name())),
        ["night", directory, slates] => night(Path::new(directory), slates.parse().unwrap()),
        ["work", directory, releases, seed, now_ms] => {
            let phone = Phone::open_at(Path::new(directory), now_ms.parse().unwrap()).unwrap();
            say("ready");
            let random = SeededRandom::new(Seed(seed.parse().unwrap()));
            let number = seed.parse::<u64>().unwrap() << 24;
            Worker { phone, releases: Path::new(releases), random, number }.work();
        }
        ["mishap" | "send" | "drain", ..] => feedback(&args),
        ["switch", directory, releases, seed, now_ms] => {
            let phone = Phone::open_at(Path::new(directory), now_ms.parse().unwrap()).unwrap();
            say("ready");
            switch(&phone, Path::new(releases), seed.parse().unwrap());
        }
        _ => panic!("unknown arguments {args:?}"),
    }
}

/// Makes a release for a process of another build, and says who signed it.
fn release(parent: &Path) {
    say(&Town::default().pack_today(parent).display().to_string());
    say(&Town::key().public().to_string());
}

/// Records and sends until something happens to it, or nothing is left.
fn feedback(args: &[&str]) {
    match *args {
        ["mishap", directory, releases, seed, now_ms] => {
            let (directory, releases) = (Path::new(directory), Path::new(releases));
            mishap::live(directory, releases, seed.parse().unwrap(), number(now_ms));
        }
        ["send", directory, address, seed, now_ms] => {
            let (address, seed) = (address.parse().unwrap(), seed.parse().unwrap());
            sender::work(Path::new(directory), address, seed, number(now_ms));
        }
        ["drain", directory, address, now_ms] => {
            sender::drain(Path::new(directory), address.parse().unwrap(), number(now_ms));
        }
        _ => panic!("unknown arguments {args:?}"),
    }
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

/// A line to the parent; standard output is flushed at each line end.
fn say(line: &str) {
    println!("{line}");
}

/// Opens the profile and keeps it.
fn hold(directory: &Path) {
    let _phone = Phone::open(directory);
    say("ready");
    wait_for_the_end();
}

/// Fetches and installs what is offered; the process ends in the middle of everything once `end`
/// bytes have been written.
fn deliver(phone: &Phone, address: SocketAddr, end: u64) {
    say("ready");
    let mut total = 0;
    loop {
        match phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Fetch(request) => {
                let mut before = 0;
                let outcome = fetch(address, &request, &mut |written| {
                    total += written - before;
                    before = written;
                    if total >= end {
                        std::process::abort();
                    }
                });
                phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            Transfer::Done => break,
            other => panic!("{other:?}"),
        }
    }
    phone.whole_night();
    say("done");
}

/// Runs a whole night and says when each slate is done; then says so as often as anybody waits for.
fn sleepless(phone: &Phone) {
    let tell = |step, _, _| {
        if step == Step::Slates {
            say("begin slate");
        }
    };
    phone.run_night(Budget::unlimited(), &CancelToken::new(), &tell).unwrap();
    for _ in 0..8 {
        say("begin nothing");
    }
    wait_for_the_end();
}

/// Runs a night that stands still after so many slates.
fn night(directory: &Path, slates: u32) {
    let phone = Phone::open(directory);
    let stop = |step, done, _| {
        if step == Step::Slates && done == slates {
            say("there");
            wait_for_the_end();
        }
    };
    phone.run_night(Budget::unlimited(), &CancelToken::new(), &stop).unwrap();
}

/// Hides what the file for widgets shows first, again and again.
fn widget(directory: &Path, now_ms: i64) {
    let policy = WidgetPolicy { slots_max: 4, ..WidgetPolicy::default() };
    let phone = Phone::open_as(directory, now_ms, |config| config.widget = Some(policy)).unwrap();
    say("ready");
    loop {
        let bytes = read_file(&directory.join(WIDGET_FILE)).unwrap().unwrap();
        let slate = FlatSlates::parse(&bytes).unwrap().slates().next().unwrap();
        let Some(first) = slate.slots().next() else {
            // All are hidden: the next night finds others.
            phone.clock.set(phone.clock.now_ms() + DAY_MS);
            phone.whole_night();
            continue;
        };
        say("begin hide");
        phone.record(&[event("hide", first.item)]).unwrap();
        say(&format!("hid {}", first.item));
    }
}

/// Erases the user once.
fn erase(directory: &Path, now_ms: i64) {
    let phone = Phone::open_at(directory, now_ms).unwrap();
    say("ready");
    say("begin erase");
    phone.erase().unwrap();
    say("begin nothing");
    wait_for_the_end();
}

/// Withdraws the consent, and then asks for the deletion as often as anybody waits for.
fn withdraw(directory: &Path, now_ms: i64) {
    let phone = Phone::open_at(directory, now_ms).unwrap();
    say("ready");
    say("begin withdraw");
    phone.set_consent(DataConsent::NotGiven).unwrap();
    say("withdrawn");
    loop {
        say("begin asking");
        match phone.next_transfer(Network::Metered).unwrap() {
            Transfer::Upload(request) => {
                assert_eq!(request.path, "/v1/deletions");
                say(&format!("asked {}", request.id));
                phone.transfer_finished(&request.id, &answer(500, "")).unwrap();
            }
            Transfer::Wait { until_ms } => phone.clock.set(until_ms),
            other => panic!("{other:?}"),
        }
    }
}

/// Records and sends for days, under a pseudonym a day; each event has a number of its own.
fn rotate(directory: &Path, now_ms: i64) {
    let daily = |config: &mut Config| {
        config.rotate_pseudonym_days = Some(1);
        // The days fly by here, and nothing is to be too old.
        config.retention.days = 100_000;
    };
    let phone = Phone::open_as(directory, now_ms, daily).unwrap();
    let mut random = SeededRandom::new(Seed(now_ms as u64));
    let mut own = now_ms as u64;
    say("ready");
    loop {
        phone.clock.set(phone.clock.now_ms() + DAY_MS / 6);
        say("begin record");
        let events: Vec<FeedbackEvent> = (0..1 + random.below(3))
            .map(|_| {
                own += 1;
                FeedbackEvent { generation: Some(own), ..event("like", "item-1") }
            })
            .collect();
        phone.record(&events).unwrap();
        say(&format!("recorded {} {own}", own + 1 - events.len() as u64));
        if random.chance(0.2) {
            // Without a release a night only learns.
            let _ = phone.night();
        }
        say("begin transfer");
        let Transfer::Upload(request) = phone.next_transfer(Network::Unmetered).unwrap() else {
            continue;
        };
        if random.chance(0.3) {
            continue;
        }
        let lines = lines(&request);
        let installation = lines[0]["installation"].as_str().unwrap();
        for line in &lines[1..] {
            let (sequence, event) = (&line["sequence"], delivered(line));
            say(&format!("delivered {installation} {sequence} {}", event.generation.unwrap()));
        }
        let acknowledged = acknowledgement(&request.id, lines.len() - 1);
        phone.transfer_finished(&request.id, &acknowledged).unwrap();
    }
}

fn wait_for_the_end() {
    loop {
        std::thread::park();
    }
}

struct Worker<'a> {
    phone: Phone,
    releases: &'a Path,
    random: SeededRandom,
    /// A number that no event had before.
    number: u64,
}

impl Worker<'_> {
    fn work(&mut self) {
        loop {
            self.phone.clock.set(self.phone.clock.now_ms() + 60_000);
            match self.random.below(20) {
                0..9 => self.record(),
                9..13 => self.night(),
                13..15 => self.install(),
                _ => self.transfer(),
            }
        }
    }

    fn record(&mut self) {
        let count = 1 + self.random.below(8);
        let first = self.number;
        let events: Vec<FeedbackEvent> = (0..count).map(|_| self.event()).collect();
        say("begin record");
        let receipt = self.phone.record(&events).unwrap();
        say(&format!("recorded {} {} {first}", receipt.first_sequence, receipt.last_sequence));
    }

    fn event(&mut self) -> FeedbackEvent {
        let kind = KINDS[self.random.below(KINDS.len())];
        let item = Town::item(self.random.below(70));
        self.number += 1;
        FeedbackEvent { generation: Some(self.number - 1), ..event(kind, &item) }
    }

    fn night(&self) {
        say("begin night");
        self.phone.whole_night();
        for slate in self.phone.slates(Town::default().contexts) {
            let (context, generation) = (slate.context.unwrap(), slate.generation.unwrap());
            say(&format!("slate {}/{context} {generation}", slate.surface));
        }
    }

    /// The next version, or the newest once more.
    fn install(&self) {
        let active = self.phone.status().unwrap().release.unwrap();
        let version: u64 = active.trim_start_matches("town@").parse().unwrap();
        let next = self.releases.join((version + 1).to_string());
        let same = self.releases.join(version.to_string());
        say("begin install");
        let release =
            self.phone.install_release(if next.exists() { &next } else { &same }).unwrap();
        say(&format!("installed {}", release.version));
    }

    fn transfer(&mut self) {
        say("begin transfer");
        let Transfer::Upload(request) = self.phone.next_transfer(Network::Unmetered).unwrap()
        else {
            return;
        };
        if self.random.chance(0.2) {
            self.phone.transfer_finished(&request.id, &answer(500, "")).unwrap();
            return;
        }
        let lines = lines(&request);
        let (first, last) = (&lines[0]["first_sequence"], &lines[0]["last_sequence"]);
        say(&format!("batch {} {first} {last}", request.id));
        for line in &lines[1..] {
            let event = delivered(line);
            say(&format!(
                "delivered {} {} {}",
                line["sequence"],
                event.id,
                event.generation.unwrap()
            ));
        }
        let acknowledged = acknowledgement(&request.id, lines.len() - 1);
        self.phone.transfer_finished(&request.id, &acknowledged).unwrap();
    }
}
