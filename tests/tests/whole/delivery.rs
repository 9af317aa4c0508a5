//! Releases that come over a network with all its faults.

use std::path::Path;

use noctule_core::base::{Network, Transfer, TransferOutcome};
use noctule_core::delivery::CHUNK_BYTES;
use noctule_core::release::{ITEMS_FILE, Manifest};
use noctule_tests::collector::answer;
use noctule_tests::phone::check_whole;
use noctule_tests::server::{Manners, Server, fetch};
use noctule_tests::town::DAY_MS;
use noctule_tests::{Phone, Repository, Town};

/// A release of some megabytes, so that its files have several pieces.
fn large(version: u64) -> Town {
    Town { items: 40_000, version, ..Town::default() }
}

/// A repository with a server and a phone that follows it.
pub(crate) struct Stage {
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) repository: Repository,
    pub(crate) server: Server,
    pub(crate) phone: Phone,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let repository = Repository::new(&scratch.path().join("repository"));
        let server = Server::start(repository.folder());
        let phone = Phone::following(&scratch.path().join("profile"), &repository.root());
        Self { scratch, repository, server, phone }
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Fetches until there is nothing more to do at the moment; gives the last word and the bytes.
    pub(crate) fn drive(&self) -> (Transfer, u64) {
        let mut bytes = 0;
        loop {
            match self.phone.next_transfer(Network::Unmetered).unwrap() {
                Transfer::Fetch(request) => {
                    let outcome = fetch(self.server.address(), &request, &mut |_| {});
                    self.phone.transfer_finished(&request.id, &outcome).unwrap();
                    bytes += self.server.served().last().map_or(0, |served| served.bytes);
                }
                other => return (other, bytes),
            }
        }
    }

    /// Drives through all pauses.
    pub(crate) fn settle(&self) {
        for _ in 0..200 {
            match self.drive().0 {
                Transfer::Wait { until_ms } => self.phone.clock.set(until_ms),
                Transfer::Done => return,
                other => panic!("{other:?}"),
            }
        }
        panic!("it never ends");
    }

    pub(crate) fn next_day(&self) {
        self.phone.clock.set(self.phone.clock.now_ms() + DAY_MS);
    }

    pub(crate) fn release(&self) -> Option<String> {
        self.phone.status().unwrap().release
    }

    /// Offers and fetches the first release.
    pub(crate) fn with_first(town: &Town) -> Self {
        let mut stage = Self::new();
        stage.repository.publish(&town.pack(stage.path()), 100);
        assert_eq!(stage.drive().0, Transfer::Done);
        assert_eq!(stage.release().as_deref(), Some("town@1"));
        stage.next_day();
        let _ = stage.server.take_served();
        stage
    }
}

use noctule_core::base::Clock as _;

#[test]
fn a_release_that_is_offered_is_fetched_verified_and_serves() {
    let mut stage = Stage::with_first(&Town::default());
    stage.phone.whole_night();
    for slate in stage.phone.slates(3) {
        check_whole(&slate, slate.items.len());
    }
    stage.repository.publish(&Town { version: 2, ..Town::default() }.pack(stage.path()), 100);
    assert_eq!(stage.drive().0, Transfer::Done);
    assert_eq!(stage.release().as_deref(), Some("town@2"));
    stage.phone.whole_night();
    let slates = stage.phone.slates(3);
    assert!(slates.iter().all(|slate| slate.release.as_deref() == Some("town@2")));
}

#[test]
fn nothing_is_asked_again_before_it_is_time() {
    let stage = Stage::with_first(&Town::default());
    assert_eq!(stage.drive().0, Transfer::Done);
    let looks = stage.server.take_served();
    assert!(!looks.is_empty(), "a day has passed");
    assert_eq!(stage.drive(), (Transfer::Done, 0));
    assert!(stage.server.take_served().is_empty());
    stage.phone.look_for_release().unwrap();
    assert_eq!(stage.drive().0, Transfer::Done);
    assert!(!stage.server.take_served().is_empty());
}

#[test]
fn a_delta_moves_in_place_of_the_files() {
    let mut stage = Stage::with_first(&large(1));
    let old = stage.path().join("1");
    // The same town with another ranker: titles and vectors stay.
    let new = Town { epsilon: 0.3, ..large(1) };
    let mut input = new.input();
    input.version = 2;
    let new = stage.path().join("2");
    noctule_releases::pack(&input, &Town::key(), &new).unwrap();
    stage.repository.publish(&new, 100);
    let _ = stage.repository.publish_delta(&old, &new);
    let (last, bytes) = stage.drive();
    assert_eq!((last, stage.release().as_deref()), (Transfer::Done, Some("town@2")));
    let served = stage.server.take_served();
    let full: u64 = std::fs::metadata(new.join(ITEMS_FILE)).unwrap().len();
    assert!(bytes < full / 4, "{bytes} of {full}");
    let manifest = Manifest::parse(&std::fs::read(new.join("manifest.json")).unwrap()).unwrap();
    for entry in manifest.files.values() {
        assert!(!served.iter().any(|one| one.path.ends_with(&entry.sha256)), "{served:?}");
    }
}

#[test]
fn a_delta_that_is_not_what_it_should_be_is_no_obstacle() {
    let mut stage = Stage::with_first(&large(1));
    let old = stage.path().join("1");
    let new = large(2).pack(stage.path());
    stage.repository.publish(&new, 100);
    let delta = stage.repository.publish_delta(&old, &new);
    // Whole and signed, but not what it says: as after a fault of the publisher's tools.
    let blob = stage.repository.blob(&delta);
    let length = std::fs::metadata(&blob).unwrap().len();
    std::fs::write(&blob, vec![0; length as usize]).unwrap();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@2"));
}

#[test]
fn a_connection_that_breaks_goes_on_where_it_broke() {
    let mut stage = Stage::new();
    let directory = large(1).pack(stage.path());
    stage.repository.publish(&directory, 100);
    stage.server.behave(Manners { cut_after: Some(700_001), ..Manners::default() });
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
    let mut reached = std::collections::HashMap::new();
    for served in stage.server.take_served() {
        if served.path.starts_with("blobs/") {
            let before = reached.insert(served.path.clone(), served.offset + served.bytes);
            assert_eq!(served.offset, before.unwrap_or(0), "{served:?}");
        }
    }
    assert!(reached.values().any(|end| *end > 2 * 700_001), "{reached:?}");
}

#[test]
fn a_wrong_piece_is_fetched_again_alone() {
    let mut stage = Stage::new();
    let directory = large(1).pack(stage.path());
    stage.repository.publish(&directory, 100);
    let wrong = CHUNK_BYTES + 77;
    stage.server.behave(Manners { flips: Some(wrong), ..Manners::default() });
    let (last, _) = stage.drive();
    let Transfer::Wait { until_ms } = last else { panic!("{last:?}") };
    let _ = stage.server.take_served();
    stage.server.behave(Manners::default());
    stage.phone.clock.set(until_ms);
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
    let first = stage.server.take_served().remove(0);
    assert_eq!(first.offset, CHUNK_BYTES, "the piece before it was right");
}

#[test]
fn an_endless_answer_is_cut_at_its_length_and_one_without_ranges_serves() {
    for manners in [
        Manners { endless: true, ..Manners::default() },
        Manners { ignores_ranges: true, cut_after: None, ..Manners::default() },
    ] {
        let mut stage = Stage::new();
        stage.repository.publish(&large(1).pack(stage.path()), 100);
        stage.server.behave(Manners { cut_after: Some(300_000), ..Manners::default() });
        let (last, _) = stage.drive();
        let Transfer::Wait { until_ms } = last else { panic!("{last:?}") };
        stage.server.behave(manners);
        stage.phone.clock.set(until_ms);
        stage.settle();
        assert_eq!(stage.release().as_deref(), Some("town@1"), "{manners:?}");
    }
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    stage.server.behave(Manners { busy_s: Some(3_600), ..Manners::default() });
    let now_ms = stage.phone.clock.now_ms();
    let (last, _) = stage.drive();
    assert!(matches!(last, Transfer::Wait { until_ms } if until_ms >= now_ms + 3_600_000));
    assert_eq!(stage.drive().0, last);
    stage.server.behave(Manners::default());
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn a_good_answer_that_brings_nothing_is_followed_by_a_pause() {
    let mut stage = Stage::new();
    stage.repository.publish(&large(1).pack(stage.path()), 100);
    let request = loop {
        match stage.phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Fetch(request) if request.length_max > 512 * 1_024 => break request,
            Transfer::Fetch(request) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                stage.phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            other => panic!("{other:?}"),
        }
    };
    for status in [206, 200] {
        stage.phone.transfer_finished(&request.id, &answer(status, "")).unwrap();
        let Transfer::Wait { until_ms } = stage.phone.next_transfer(Network::Unmetered).unwrap()
        else {
            panic!("asked again at once after an empty {status}");
        };
        stage.phone.clock.set(until_ms);
        let Transfer::Fetch(again) = stage.phone.next_transfer(Network::Unmetered).unwrap() else {
            panic!("it is still wanted");
        };
        assert_eq!(again, request);
    }
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn what_is_large_waits_for_an_unmetered_network() {
    let mut stage = Stage::new();
    stage.repository.publish(&large(1).pack(stage.path()), 100);
    loop {
        match stage.phone.next_transfer(Network::Metered).unwrap() {
            Transfer::Fetch(request) => {
                assert!(request.length_max <= 512 * 1_024, "{request:?}");
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                stage.phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            Transfer::WaitForUnmetered { bytes } => {
                assert!(bytes > 512 * 1_024);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let delivery = stage.phone.status().unwrap().delivery.unwrap();
    assert_eq!(delivery.release, "town@1");
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
    assert_eq!(stage.phone.status().unwrap().delivery, None);
}

#[test]
fn a_roll_out_reaches_its_share_and_a_halt_takes_it_back() {
    let mut stage = Stage::with_first(&Town::default());
    stage.phone.whole_night();
    let second = Town { version: 2, ..Town::default() }.pack(stage.path());
    let sha256 = stage.repository.publish(&second, 0);
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"), "0 % is nobody");
    stage.repository.change(&sha256, |release| release.percent = 100);
    stage.next_day();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@2"));
    stage.phone.whole_night();
    stage.repository.change(&sha256, |release| release.halted = true);
    stage.next_day();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
    for slate in stage.phone.slates(3) {
        assert_eq!(slate.release.as_deref(), Some("town@1"));
        check_whole(&slate, slate.items.len());
    }
    stage.next_day();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"), "halted is not offered");
}

#[test]
fn a_phone_whose_only_release_is_halted_takes_the_one_before() {
    let mut stage = Stage::new();
    let first = Town::default().pack(stage.path());
    let second = Town { version: 2, ..Town::default() }.pack(stage.path());
    let halted = stage.repository.publish(&second, 100);
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@2"));
    stage.phone.whole_night();
    stage.repository.publish(&first, 100);
    stage.repository.change(&halted, |release| release.halted = true);
    stage.next_day();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn a_cancelled_delivery_frees_its_space_and_may_come_again() {
    let mut stage = Stage::new();
    stage.repository.publish(&large(1).pack(stage.path()), 100);
    stage.server.behave(Manners { cut_after: Some(300_000), ..Manners::default() });
    let _ = stage.drive();
    let incoming = || {
        let entries = std::fs::read_dir(stage.phone.directory().join("releases")).unwrap();
        entries.filter(|e| e.as_ref().unwrap().file_name() != ".incoming-metadata").count()
    };
    assert!(incoming() > 0);
    stage.phone.cancel_delivery().unwrap();
    assert_eq!(incoming(), 0);
    assert_eq!(stage.phone.status().unwrap().delivery, None);
    stage.server.behave(Manners::default());
    stage.next_day();
    stage.settle();
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}

#[test]
fn a_damaged_release_is_fetched_again_as_far_as_it_is_damaged() {
    let stage = Stage::with_first(&large(1));
    let items = stage.phone.directory().join("releases/town@1").join(ITEMS_FILE);
    let mut bytes = std::fs::read(&items).unwrap();
    let at = bytes.len() - 9;
    bytes[at] ^= 8;
    std::fs::write(&items, bytes).unwrap();
    stage.settle();
    let served = stage.server.take_served();
    let blobs: Vec<_> = served.iter().filter(|one| one.path.starts_with("blobs/")).collect();
    // The manifest and the one file.
    assert_eq!(blobs.len(), 2, "{blobs:?}");
    stage.phone.whole_night();
    assert!(stage.phone.status().unwrap().damaged.is_empty());
}

#[test]
fn an_outcome_of_another_process_is_taken_from_the_file() {
    let mut stage = Stage::new();
    stage.repository.publish(&large(1).pack(stage.path()), 100);
    // The process ends behind every transfer, before it can say how that went.
    for _ in 0..100 {
        match stage.phone.next_transfer(Network::Unmetered).unwrap() {
            Transfer::Fetch(request) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                if request.path.starts_with("metadata/") {
                    stage.phone.transfer_finished(&request.id, &outcome).unwrap();
                } else {
                    stage.phone = stage.phone.reopen_following(&stage.repository.root());
                    let nothing = TransferOutcome::NoAnswer { reason: "unknown".into() };
                    stage.phone.transfer_finished(&request.id, &nothing).unwrap();
                }
            }
            Transfer::Done => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stage.release().as_deref(), Some("town@1"));
}
