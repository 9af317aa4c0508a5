//! Two collectors, as processes, with one object store: what either has acknowledged is there once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use futures_util::TryStreamExt as _;
use noctule_collector::{Collector, forget};
use object_store::local::LocalFileSystem;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::deletions::{ask, check_gone, deletion};
use crate::durability::{CHILD_STORE, kills, spawn_as};
use crate::fixture::{agent, batch, gzip, identities, settings, try_send, uuid};
use crate::readers::rows_by_pyarrow;

/// A store that children find by a URL and settings in their environment.
pub(crate) struct Shared {
    pub(crate) url: String,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) runtime: Runtime,
}

impl Shared {
    fn list(&self) -> Vec<ObjectMeta> {
        self.runtime.block_on(self.store.list(None).try_collect()).unwrap()
    }

    /// Whether something acknowledged waits to become Parquet.
    fn has_journal(&self) -> bool {
        let is_segment = |found: &ObjectMeta| found.location.as_ref().ends_with(".ndjson");
        self.list().iter().any(is_segment)
    }

    /// The Parquet files, copied into a folder.
    fn copied(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for found in self.list() {
            if found.location.extension() == Some("parquet") {
                let path = folder.path().join(found.location.as_ref());
                let read = async { self.store.get(&found.location).await?.bytes().await };
                let bytes = self.runtime.block_on(read).unwrap();
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
        folder
    }

    fn spawn(&self, output: &Path) -> (Child, SocketAddr) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "durability::child_collector"]).env(CHILD_STORE, &self.url);
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        spawn_as(command, output)
    }
}

#[test]
fn two_collectors_that_are_killed_leave_the_union_in_a_folder_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    kill_two(&Shared {
        url: format!("file://{}", folder.path().display()),
        environment: Vec::new(),
        store: Arc::new(store),
        runtime: runtime(),
    });
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn who_left_at_one_collector_is_not_taken_by_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let mut of_store = settings(Path::new(&url));
    of_store.lease = Duration::from_secs(60);
    let [one, two] = [&of_store, &of_store].map(|one| Collector::start(one.clone()).unwrap());
    batch("town", 7, 1, 1..=5).acknowledged(&agent(), two.address());
    batch("town", 8, 1, 1..=5).acknowledged(&agent(), two.address());
    one.flush().unwrap();
    assert_eq!(ask(one.address(), &deletion("town", 7)).status, 200);
    one.flush().unwrap();
    two.flush().unwrap();
    let answer = batch("town", 7, 2, 6..=9).acknowledged(&agent(), two.address());
    assert_eq!(answer.repeated, 4);
    one.stop().unwrap();
    two.stop().unwrap();
    check_gone(folder.path(), 7);
    assert_eq!(identities(folder.path()).len(), 5);
    // And by command, while another collector runs.
    let three = Collector::start(of_store).unwrap();
    forget(Path::new(&url), "town", &[uuid::Uuid::from_u128(8)]).unwrap();
    three.flush().unwrap();
    assert!(identities(folder.path()).is_empty());
    check_gone(folder.path(), 8);
}

/// The two addresses that there are at present.
type Addresses = [Mutex<SocketAddr>; 2];

/// Kills one of two collectors again and again while devices send to both.
pub(crate) fn kill_two(shared: &Shared) {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let homes = [one.path(), two.path()];
    let started = homes.map(|home| shared.spawn(home));
    let addresses: Addresses = [Mutex::new(started[0].1), Mutex::new(started[1].1)];
    let mut children = started.map(|(child, _)| child);
    let acknowledged = Mutex::new(BTreeSet::new());
    let repeats = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let rounds = kills(14);
    thread::scope(|scope| {
        for installation in 1..=3u128 {
            let (stop, addresses, acknowledged) = (&stop, &addresses, &acknowledged);
            let repeats = &repeats;
            scope.spawn(move || send_to_both(stop, installation, addresses, acknowledged, repeats));
        }
        for round in 0..rounds {
            thread::sleep(Duration::from_millis(60 + round * 37 % 250));
            let victim = (round % 3 % 2) as usize;
            children[victim].kill().unwrap();
            children[victim].wait().unwrap();
            let (child, address) = shared.spawn(homes[victim]);
            children[victim] = child;
            *addresses[victim].lock().unwrap() = address;
        }
        stop.store(true, Ordering::SeqCst);
    });
    let begun = Instant::now();
    while shared.has_journal() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the journal is not taken in");
        thread::sleep(Duration::from_millis(100));
    }
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // A last start sweeps what the kills may have left beside.
    let (mut child, address) = shared.spawn(homes[0]);
    batch("other", 9, 9, 1..=1).acknowledged(&agent(), address);
    let begun = Instant::now();
    while !shared.list().iter().any(|found| found.location.as_ref().starts_with("app=other/")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is taken in");
        thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    check(shared, &acknowledged.into_inner().unwrap(), rounds, repeats.into_inner());
}

fn check(shared: &Shared, acknowledged: &BTreeSet<(u128, u64)>, rounds: u64, repeats: usize) {
    let copied = shared.copied();
    let stored = identities(copied.path());
    let distinct: BTreeSet<_> = stored.iter().cloned().collect();
    assert_eq!(distinct.len(), stored.len(), "an event is there twice");
    assert!(acknowledged.len() > 50, "only {} events got through", acknowledged.len());
    assert!(repeats > 0, "no batch went to both");
    for (installation, sequence) in acknowledged {
        let row = ("town".to_owned(), uuid(*installation), *sequence as i64);
        assert!(distinct.contains(&row), "{row:?} was acknowledged and is lost");
    }
    if let Some(rows) = rows_by_pyarrow(copied.path()) {
        assert_eq!(rows, stored.len());
    }
    let (rows, acknowledged) = (stored.len(), acknowledged.len());
    println!("{rounds} kills: {rows} rows, {acknowledged} acknowledged, {repeats} sent to both");
}

/// Sends batch after batch to the one or the other, and every third to both.
fn send_to_both(
    stop: &AtomicBool,
    installation: u128,
    addresses: &Addresses,
    acknowledged: &Mutex<BTreeSet<(u128, u64)>>,
    repeats: &AtomicUsize,
) {
    let agent = agent();
    let (mut number, mut turn) = (0u64, installation as usize);
    while !stop.load(Ordering::SeqCst) {
        let sequences = number * 10 + 1..=number * 10 + 10;
        let mut batch = batch("town", installation, number.into(), sequences.clone());
        for event in &mut batch.events {
            // 2020-09-13: a day that is over for long.
            event["at_ms"] = 1_600_000_000_000_i64.into();
        }
        let body = gzip(&batch.text());
        let mut answered = 0;
        for attempt in 0..if number % 3 == 0 { 2 } else { 1 } {
            let address = *addresses[(turn + attempt) % 2].lock().unwrap();
            let answer = try_send(&agent, address, &body, &[]);
            answered += usize::from(answer.is_ok_and(|answer| answer.status == 200));
        }
        turn += 1;
        if answered > 0 {
            acknowledged.lock().unwrap().extend(sequences.map(|one| (installation, one)));
            number += 1;
        }
        repeats.fetch_add(usize::from(answered == 2), Ordering::SeqCst);
    }
}
