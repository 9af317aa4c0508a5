//! A suspended profile holds no lock and no file of its database.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use noctule_core::Error;
use noctule_core::base::{Budget, CancelToken, Network, NoProgress, Progress, Step, Transfer};
use noctule_core::night::{NightOutcome, RunOutcome};
use noctule_tests::phone::event;
use noctule_tests::server::fetch;
use noctule_tests::{Phone, Town};

use crate::delivery::Stage;

/// Locks that this process holds on files of `directory`, as the kernel lists them.
fn locks(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let inodes: HashSet<String> =
        files.map(|entry| entry.metadata().unwrap().ino().to_string()).collect();
    let of_ours = |line: &&str| {
        let place = line.split_whitespace().find(|word| word.matches(':').count() == 2);
        place.and_then(|place| place.rsplit(':').next()).is_some_and(|ino| inodes.contains(ino))
    };
    let all = fs::read_to_string("/proc/locks").unwrap();
    all.lines().filter(of_ours).map(str::to_owned).collect()
}

/// Files of the database that this process has open.
fn open_files(directory: &Path) -> Vec<String> {
    let directory = fs::canonicalize(directory).unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
    let ours = open.filter(|path| path.starts_with(&directory));
    ours.map(|path| path.display().to_string()).filter(|path| path.contains("noctule.")).collect()
}

fn check_nothing_is_held(directory: &Path) {
    assert_eq!(locks(directory), Vec::<String>::new());
    assert_eq!(open_files(directory), Vec::<String>::new());
}

#[test]
fn a_suspended_profile_holds_no_lock_and_no_file_and_goes_on_to_serve() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let phone = Phone::open(&directory);
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    phone.record(&[event("like", "item-3")]).unwrap();
    phone.whole_night();
    assert!(!locks(&directory).is_empty(), "the test would see a lock");
    assert!(!open_files(&directory).is_empty(), "the test would see an open file");
    let before = phone.slate("home", 0);
    phone.suspend().unwrap();
    phone.suspend().unwrap();
    check_nothing_is_held(&directory);
    assert_eq!(phone.slate("home", 0).items, before.items);
    let refused = phone.record(&[event("click", "item-1")]);
    assert!(matches!(refused, Err(Error::Suspended)), "{refused:?}");
    assert!(matches!(phone.status(), Err(Error::Suspended)));
    assert!(matches!(phone.erase(), Err(Error::Suspended)));
    phone.resume().unwrap();
    phone.resume().unwrap();
    assert_eq!(phone.status().unwrap().recorded, 1);
    phone.record(&[event("click", "item-1")]).unwrap();
    assert_eq!(phone.status().unwrap().recorded, 2);
}

#[test]
fn a_release_comes_although_the_profile_is_suspended_before_and_after_every_step() {
    let mut stage = Stage::new();
    stage.repository.publish(&Town::default().pack(stage.path()), 100);
    let nap = || {
        stage.phone.suspend().unwrap();
        stage.phone.resume().unwrap();
    };
    for _ in 0..100 {
        nap();
        let next = stage.phone.next_transfer(Network::Unmetered).unwrap();
        nap();
        match next {
            Transfer::Fetch(request) => {
                let outcome = fetch(stage.server.address(), &request, &mut |_| {});
                nap();
                stage.phone.transfer_finished(&request.id, &outcome).unwrap();
            }
            Transfer::Done => {
                assert_eq!(stage.release().as_deref(), Some("town@1"));
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it never ends");
}

#[test]
fn what_another_process_did_meanwhile_counts_after_resuming() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let phone = Phone::open(&directory);
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    phone.whole_night();
    let first = phone.slate("home", 0).items[0].item.to_string();
    let before = phone.status().unwrap();
    phone.suspend().unwrap();
    let other = Phone::open(&directory);
    assert!(matches!(phone.resume(), Err(Error::DirectoryInUse { .. })));
    other.erase().unwrap();
    other.record(&[event("hide", &first)]).unwrap();
    other.whole_night();
    other.close();
    phone.resume().unwrap();
    let after = phone.status().unwrap();
    assert_ne!(after.installation, before.installation);
    assert!(phone.slate("home", 0).items.iter().all(|item| item.item.to_string() != first));
    let receipt = phone.record(&[event("click", "item-1")]).unwrap();
    assert_eq!(receipt.first_sequence, 2);
}

struct Telling(std::sync::mpsc::Sender<()>);

impl Progress for Telling {
    fn report(&self, step: Step, _: u32, _: u32) {
        if step == Step::Slates {
            let _ = self.0.send(());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Keeps a night from ending while the profile is suspended.
struct Busy<'a> {
    begun: std::sync::mpsc::Sender<()>,
    suspended: &'a AtomicBool,
}

impl Progress for Busy<'_> {
    fn report(&self, _: Step, _: u32, _: u32) {
        let _ = self.begun.send(());
        while !self.suspended.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn nights_that_suspensions_take_the_database_from_are_not_held_against_a_release_on_probation() {
    let scratch = tempfile::tempdir().unwrap();
    let phone = Phone::open(&scratch.path().join("profile"));
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    for _ in 0..5 {
        let suspended = AtomicBool::new(false);
        let (sender, begun) = channel();
        let busy = Busy { begun: sender, suspended: &suspended };
        let night = std::thread::scope(|scope| {
            let phone = &phone;
            let cancel = CancelToken::new();
            let night = scope.spawn(move || phone.run_night(Budget::unlimited(), &cancel, &busy));
            begun.recv().unwrap();
            phone.suspend().unwrap();
            suspended.store(true, Ordering::Release);
            night.join().unwrap()
        });
        assert!(matches!(night, Err(Error::Suspended)), "{night:?}");
        phone.resume().unwrap();
    }
    assert!(phone.status().unwrap().reverted.is_none());
    assert_eq!(phone.night().outcome, NightOutcome::Finished);
}

#[test]
fn a_night_that_is_suspended_ends_in_time_and_the_next_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let phone = Phone::open(&directory);
    let town = Town { contexts: 6, ..Town::default() };
    phone.install_release(&town.pack(scratch.path())).unwrap();
    let (sender, began) = channel();
    let report = std::thread::scope(|scope| {
        let phone = &phone;
        let telling = Telling(sender);
        let cancel = CancelToken::new();
        let night = scope.spawn(move || phone.run_night(Budget::unlimited(), &cancel, &telling));
        began.recv().unwrap();
        phone.suspend().unwrap();
        check_nothing_is_held(&directory);
        night.join().unwrap()
    });
    match &report {
        Ok(report) => assert!(matches!(report.outcome, NightOutcome::Stopped(_)), "{report:?}"),
        Err(error) => assert!(matches!(error, Error::Suspended), "{error:?}"),
    }
    phone.resume().unwrap();
    let run = &phone.journal().unwrap().runs[0];
    if report.is_ok() {
        assert_eq!(run.stop_told.as_deref(), Some("suspended"));
        assert!(matches!(run.outcome, RunOutcome::Ended(_)), "{run:?}");
    }
    assert_eq!(phone.night().outcome, NightOutcome::Finished);
}

/// One of eight threads: every call either does what it should or says why not, exactly counted.
fn mixed(phone: &Phone, thread: u64, stop: &AtomicBool, recorded: &AtomicU64) {
    let mut turn = thread;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let result = match turn % 5 {
            0 => phone.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress).map(drop),
            1 => phone.status().map(drop),
            2 => {
                assert!(!phone.slate("home", 0).items.is_empty());
                Ok(())
            }
            _ => phone.record(&[event("click", "item-1")]).map(|_| {
                recorded.fetch_add(1, Ordering::Relaxed);
            }),
        };
        match result {
            Ok(()) | Err(Error::Suspended | Error::AlreadyRunning { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[test]
fn a_thousand_suspensions_under_eight_threads_hold_nothing_and_lose_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("profile");
    let phone = Phone::open(&directory);
    phone.install_release(&Town::default().pack(scratch.path())).unwrap();
    let (stop, recorded) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (phone, stop, recorded) = (&phone, &stop, &recorded);
            scope.spawn(move || mixed(phone, thread, stop, recorded));
        }
        // Also when this fails, so that the threads end.
        let cycles = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..1_000 {
                let begun = Instant::now();
                phone.suspend().unwrap();
                slowest = slowest.max(begun.elapsed());
                check_nothing_is_held(&directory);
                phone.resume().unwrap();
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = cycles {
            std::panic::resume_unwind(panic);
        }
    });
    println!("slowest of 1,000 suspensions: {slowest:?}");
    assert_eq!(phone.status().unwrap().recorded, recorded.into_inner());
}
