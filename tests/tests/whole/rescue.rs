//! A database with a spoiled page: the profile goes on with what is on the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use noctule_core::base::{Error, Seed, SeededRandom};
use noctule_core::upload::{Network, Transfer};
use noctule_tests::collector::{acknowledgement, lines};
use noctule_tests::phone::{check_whole, event};
use noctule_tests::town::{NOW_MS, SURFACES};
use noctule_tests::volume::copy_tree;
use noctule_tests::{Phone, Town};

/// Files that are spoiled; `NOCTULE_DAMAGED_FILES` asks for more, 500 is the bar.
const FILES: usize = 30;
const SEED: u64 = 20_261_130;
/// Events that wait, recorded by so many at once.
const EVENTS: usize = 4_000;
const SCREEN: usize = 20;
/// Bytes of a page of the database.
const PAGE: usize = 4_096;

/// A profile with slates and with events that wait, closed: all of it is in one file.
fn closed(scratch: &Path) -> PathBuf {
    let phone = Phone::with(&Town::default(), scratch);
    phone.whole_night();
    for _ in 0..EVENTS / SCREEN {
        phone.record(&vec![event("like", "item-7"); SCREEN]).unwrap();
    }
    let directory = phone.directory().to_path_buf();
    phone.close();
    directory
}

/// Spoils one page as drives do: noise, nothing, or some bits of it.
fn spoil(file: &Path, random: &mut SeededRandom) -> String {
    let mut bytes = fs::read(file).unwrap();
    let page = random.below(bytes.len() / PAGE);
    let spoiled = &mut bytes[page * PAGE..(page + 1) * PAGE];
    let how = ["noise", "nothing", "some bits"][random.below(3)];
    match how {
        "noise" => spoiled.iter_mut().for_each(|byte| *byte = random.below(256) as u8),
        "nothing" => spoiled.fill(0),
        _ => (0..8).for_each(|_| spoiled[random.below(PAGE)] ^= 1 << random.below(8)),
    }
    fs::write(file, bytes).unwrap();
    format!("page {page}: {how}")
}

/// What a profile came to.
#[derive(Debug, Default)]
struct Outcomes {
    untouched: u32,
    rescued: u32,
    delivered: u64,
    /// Events that are neither delivered nor said to be lost.
    silent: u64,
    /// Files after which something could not be sent.
    stuck: u32,
}

fn check_slates(phone: &Phone) {
    for answer in phone.slates(Town::default().contexts) {
        let length = SURFACES.iter().find(|(name, _)| *name == answer.surface.as_str()).unwrap().1;
        if answer.generation.is_some() {
            check_whole(&answer, length);
        }
    }
}

/// Sends what there is, and notes the numbers of what arrived; the error when that ends it.
fn send_all(phone: &Phone, collector: &mut BTreeSet<u64>) -> Result<(), Error> {
    loop {
        match phone.next_transfer(Network::Unmetered)? {
            Transfer::Upload(request) => {
                // Within a batch there may be a gap, where the lost ones were.
                let lines = lines(&request);
                collector.extend(lines[1..].iter().map(|line| line["sequence"].as_u64().unwrap()));
                let answered = acknowledgement(&request.id, lines.len() - 1);
                phone.transfer_finished(&request.id, &answered)?;
            }
            Transfer::Wait { until_ms } => phone.clock.set(until_ms),
            _ => return Ok(()),
        }
    }
}

fn live(directory: &Path, spoiled: &str, outcomes: &mut Outcomes) {
    let mut collector = BTreeSet::new();
    let (mut lost, mut rescued) = (0, false);
    let mut sent = Ok(());
    // An app opens its profile again and again.
    for day in 0..3 {
        let phone = match Phone::open_at(directory, NOW_MS + day) {
            Ok(phone) => phone,
            Err(error) => {
                sent = Err(error);
                continue;
            }
        };
        check_slates(&phone);
        sent = send_all(&phone, &mut collector);
        let status = phone.status();
        lost = status.as_ref().map_or(lost, |status| status.lost);
        rescued |=
            status.is_ok_and(|status| status.damaged.iter().any(|text| text.contains("anew")));
    }
    if let Err(error) = sent {
        eprintln!("{spoiled}: {error}");
        outcomes.stuck += 1;
    }
    outcomes.rescued += u32::from(rescued);
    outcomes.untouched += u32::from(!rescued);
    let delivered = collector.len() as u64;
    outcomes.delivered += delivered;
    outcomes.silent += (EVENTS as u64).saturating_sub(delivered + lost);
    assert!(!directory.join("noctule.damaged").exists());
}

#[test]
fn a_spoiled_page_costs_what_is_on_it_and_the_profile_goes_on() {
    let files = std::env::var("NOCTULE_DAMAGED_FILES").ok();
    let files = files.map_or(FILES, |files| files.parse().expect("a number of files"));
    let scratch = tempfile::tempdir().unwrap();
    let whole = closed(scratch.path());
    let mut random = SeededRandom::new(Seed(SEED));
    let mut outcomes = Outcomes::default();
    for _ in 0..files {
        let directory = scratch.path().join("spoiled");
        let _ = fs::remove_dir_all(&directory);
        copy_tree(&whole, &directory);
        let spoiled = spoil(&directory.join("noctule.sqlite"), &mut random);
        live(&directory, &spoiled, &mut outcomes);
    }
    let share = outcomes.delivered as f64 / (files * EVENTS) as f64;
    eprintln!("{files} spoiled pages, seed {SEED}: {outcomes:?}, {share:.4} of the events kept");
    assert!(outcomes.rescued > 0 && outcomes.untouched > 0);
    assert_eq!(outcomes.stuck, 0, "what is damaged stops nothing for good");
}

#[test]
fn a_plan_that_is_damaged_is_taken_from_the_release_again_by_the_next_night() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = closed(scratch.path());
    let file = directory.join("noctule.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let name = b"\"surfaces\"";
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at] = 0xFF);
    fs::write(&file, bytes).unwrap();
    let phone = Phone::open_at(&directory, NOW_MS).unwrap();
    let damaged = phone.status().unwrap().damaged;
    assert!(damaged.iter().any(|text| text.contains("the plan is damaged")), "{damaged:?}");
    phone.whole_night();
    check_slates(&phone);
    let phone = phone.reopen();
    assert_eq!(phone.status().unwrap().damaged, [] as [String; 0]);
    assert!(phone.slates(Town::default().contexts).iter().all(|slate| slate.generation.is_some()));
}
