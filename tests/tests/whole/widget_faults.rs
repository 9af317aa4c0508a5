//! Kills while the file for widgets is replaced, and places where it cannot be.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_core::base::{Seed, SeededRandom};
use noctule_core::widget::{FlatSlates, WIDGET_FILE, WidgetPolicy, read_file};
use noctule_tests::phone::event;
use noctule_tests::town::{DAY_MS, NOW_MS};
use noctule_tests::{Phone, Town};

use crate::full_disk::in_namespace;
use crate::kill::Working;
use crate::widget::{items, policy};

const SEED: u64 = 20_261_128;
/// Kills of a usual run; `NOCTULE_WIDGET_KILLS` says another number.
const KILLS: usize = 60;

#[test]
fn a_kill_while_it_is_replaced_leaves_the_old_file_or_the_new_and_nothing_hidden() {
    let scratch = tempfile::tempdir().unwrap();
    let town = Town { items: 2_000, ..Town::default() };
    let phone = Phone::with(&town, scratch.path());
    phone.whole_night();
    let directory = phone.directory().to_path_buf();
    drop(phone);
    let file = directory.join(WIDGET_FILE);
    let kills = std::env::var("NOCTULE_WIDGET_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut random = SeededRandom::new(Seed(SEED));
    let (mut hidden, mut files) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..kills {
        let mut working = Working::start_at("widget", &directory, NOW_MS);
        working.wait_for(1 + random.below(6));
        std::thread::sleep(Duration::from_micros(random.below(3_000) as u64));
        for line in working.kill() {
            hidden.extend(line.strip_prefix("hid ").map(str::to_owned));
        }
        // As an extension would find it, before the app is opened again.
        let bytes = read_file(&file).unwrap().expect("there is always one");
        FlatSlates::parse(&bytes).unwrap();
        let shown: BTreeSet<String> = items(&file).into_iter().flatten().collect();
        assert!(shown.is_disjoint(&hidden), "shown and hidden");
        files.insert(bytes);
    }
    assert!(hidden.len() > kills / 2 && files.len() > kills / 2);
    eprintln!("{kills} kills, seed {SEED}: {} items hidden, {} files", hidden.len(), files.len());
}

#[test]
fn where_the_file_cannot_be_written_the_night_goes_on_and_the_reason_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("group");
    let path = Some(folder.join("slates"));
    let policy = WidgetPolicy { path, ..policy() };
    let directory = scratch.path().join("profile");
    let phone = Phone::open_as(&directory, NOW_MS, |config| config.widget = Some(policy)).unwrap();
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    phone.whole_night();
    phone.record(&[event("hide", "item-1")]).unwrap();
    let failed = phone.status().unwrap().widget.unwrap().failed.unwrap();
    assert!(failed.contains("slates.new: writing: "), "{failed}");
    let findings = phone.doctor().unwrap().findings;
    assert!(
        findings.iter().any(|finding| finding.about == "widget" && finding.text.contains(&failed))
    );
    std::fs::create_dir(&folder).unwrap();
    phone.clock.set(NOW_MS + DAY_MS);
    phone.whole_night();
    assert_eq!(phone.status().unwrap().widget.unwrap().failed, None);
    assert_eq!(items(&folder.join("slates")).len(), 6);
}

#[test]
fn a_full_or_read_only_volume_of_the_file_keeps_no_night_and_shows_nothing_hidden() {
    let scratch = tempfile::tempdir().unwrap();
    let release = Town::default().pack(scratch.path());
    let now_ms = NOW_MS.to_string();
    let _ = in_namespace(&[
        "widget-starved".as_ref(),
        scratch.path().as_os_str(),
        release.as_os_str(),
        now_ms.as_ref(),
    ]);
}
