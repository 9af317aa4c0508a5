//! Threads on one profile, in orders that a model checker draws: `NOCTULE_SCHEDULES` says how
//! many, 100,000 is the bar. At each lock and atomic of this crate it decides who goes on; a
//! deadlock is found, and not waited for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;

use super::*;
use crate::base::{Budget, ItemId, ManualClock, NoProgress, SurfaceId};
use crate::feedback::{EventKind, FeedbackEvent, Retention};
use crate::release::tests::fixture::{NOW_MS, OnDisk, fixture};

const DAY_MS: i64 = 24 * 3_600_000;
/// More threads than the deepest of the known kinds of faults needs.
const DEPTH: usize = 3;

/// A profile that is opened anew for every schedule, a day later each time.
struct Place {
    _scratch: tempfile::TempDir,
    directory: PathBuf,
    release: OnDisk,
    now_ms: AtomicI64,
}

impl Place {
    fn new() -> Arc<Self> {
        // In memory where there is such a place: what is asked here is no disk.
        let memory = std::path::Path::new("/dev/shm");
        let scratch = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let scratch = scratch.unwrap();
        let mut release = fixture();
        release.manifest.created_ms = NOW_MS;
        // A day for each of a million schedules.
        release.manifest.expires_ms = NOW_MS + 1_000_000 * DAY_MS;
        let directory = scratch.path().join("profile");
        let now_ms = AtomicI64::new(NOW_MS);
        Arc::new(Self { _scratch: scratch, directory, release: release.on_disk(), now_ms })
    }

    fn open(&self) -> Arc<Noctule> {
        let now_ms = self.now_ms.fetch_add(DAY_MS, std::sync::atomic::Ordering::SeqCst);
        let mut config = Config::new(&self.directory, "town", DataConsent::Full);
        config.trusted_keys = vec![self.release.key];
        config.seed = Some(11);
        config.retention = Retention { days: 90, events: 1_000 };
        config.clock = Arc::new(ManualClock::at(now_ms));
        let noctule = Noctule::open(config).unwrap();
        if noctule.releases().unwrap().active.is_none() {
            noctule.install_release(self.release.path()).unwrap();
            // A whole night confirms it: on probation it would be given up after a few openings.
            noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress).unwrap();
        }
        Arc::new(noctule)
    }
}

/// Draws schedules of `body`, half of them at random and half with few changes of thread.
fn explore(body: fn(&Place)) {
    let schedules = std::env::var("NOCTULE_SCHEDULES").ok();
    let schedules: usize = schedules.map_or(400, |number| number.parse().expect("a number"));
    let mut config = shuttle::Config::new();
    // SQLite and a night need more than the checker's own 32 kB.
    config.stack_size = 2 << 20;
    let place = Place::new();
    let same = Arc::clone(&place);
    let random = RandomScheduler::new(schedules.div_ceil(2));
    shuttle::Runner::new(random, config.clone()).run(move || body(&same));
    let pct = PctScheduler::new(DEPTH, schedules / 2);
    shuttle::Runner::new(pct, config).run(move || body(&place));
    println!("{schedules} schedules");
}

fn click() -> FeedbackEvent {
    FeedbackEvent::new(EventKind::Click, ItemId::new("a").unwrap())
}

/// Whether the call did what it should; panics when it was refused for another reason than those.
fn done<T>(result: Result<T>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::Suspended | Error::AlreadyRunning { .. } | Error::Cancelled) => false,
        Err(error) => panic!("{error:?}"),
    }
}

fn recorded(noctule: &Noctule) -> u64 {
    noctule.status().unwrap().recorded
}

fn spawn<T: Send + 'static>(
    noctule: &Arc<Noctule>,
    body: impl FnOnce(&Noctule) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let noctule = Arc::clone(noctule);
    thread::spawn(move || body(&noctule))
}

fn ask(noctule: &Noctule) -> bool {
    let request = RecommendRequest::new(SurfaceId::new("home").unwrap());
    !noctule.recommend(&request).unwrap().items.is_empty()
}

#[test]
fn schedules_of_recording_a_night_and_a_suspension_lose_no_event_and_hold_no_lock() {
    explore(|place| {
        let noctule = place.open();
        let before = recorded(&noctule);
        let record = |noctule: &Noctule| {
            u64::from(done(noctule.record(&[click()])))
                + u64::from(done(noctule.record(&[click()])))
        };
        let recorders = [spawn(&noctule, record), spawn(&noctule, record)];
        let cancel = CancelToken::new();
        let night = spawn(&noctule, move |noctule| {
            done(noctule.run_night(Budget::unlimited(), &cancel, &NoProgress))
        });
        let suspended = spawn(&noctule, |noctule| {
            noctule.suspend().unwrap();
            assert!(noctule.store.place().is_none(), "nothing is held");
            noctule.resume().unwrap();
        });
        assert!(ask(&noctule), "memory answers whatever happens");
        suspended.join().unwrap();
        night.join().unwrap();
        let told: u64 = recorders.into_iter().map(|recorder| recorder.join().unwrap()).sum();
        assert_eq!(recorded(&noctule) - before, told);
        // Nobody is left who holds the work.
        assert!(done(noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress)));
    });
}

#[test]
fn schedules_of_two_suspensions_an_installation_and_a_close_end_closed() {
    explore(|place| {
        let noctule = place.open();
        let release = place.release.path().to_path_buf();
        let or_closed = |result: Result<()>| match result {
            Err(Error::Closed) => {}
            other => drop(done(other)),
        };
        let install = spawn(&noctule, move |noctule| {
            or_closed(noctule.install_release(&release).map(drop));
        });
        let nap = move |noctule: &Noctule| {
            or_closed(noctule.suspend());
            or_closed(noctule.resume());
        };
        let naps = [spawn(&noctule, nap), spawn(&noctule, nap)];
        noctule.close();
        naps.into_iter().for_each(|nap| nap.join().unwrap());
        install.join().unwrap();
        assert!(matches!(noctule.status(), Err(Error::Closed)));
        assert!(matches!(noctule.resume(), Err(Error::Closed)));
        assert!(noctule.store.place().is_none(), "nothing is held");
    });
}

#[test]
fn schedules_of_a_withdrawal_a_night_and_recording_leave_nothing_of_the_user() {
    explore(|place| {
        let noctule = place.open();
        noctule.set_consent(DataConsent::Full).unwrap();
        let recording = spawn(&noctule, |noctule| done(noctule.record(&[click()])));
        let night = spawn(&noctule, |noctule| {
            done(noctule.run_night(Budget::unlimited(), &CancelToken::new(), &NoProgress))
        });
        noctule.set_consent(DataConsent::NotGiven).unwrap();
        recording.join().unwrap();
        night.join().unwrap();
        let status = noctule.status().unwrap();
        assert_eq!((status.recorded, status.pending_events), (0, 0));
        assert!(noctule.store.read(profiles::load).unwrap().is_none());
    });
}
