//! Kills, repeats, full disks: what was acknowledged is in the output exactly once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::fixture::{agent, batch, files, gzip, identities, settings, start, try_send, uuid};
use crate::readers::rows_by_pyarrow;

/// The URL of the store that a child writes to in place of its folder.
pub(crate) const CHILD_STORE: &str = "NOCTULE_COLLECTOR_CHILD_STORE";
const CHILD_OUTPUT: &str = "NOCTULE_COLLECTOR_CHILD_OUTPUT";

/// The body of the child process: a collector that flushes often, until it is killed.
#[test]
fn child_collector() {
    let Some(output) = env::var_os(CHILD_OUTPUT) else { return };
    let output = Path::new(&output);
    let mut settings = settings(output);
    settings.flush_every = Duration::from_millis(40);
    settings.lease = Duration::from_millis(300);
    if let Some(url) = env::var_os(CHILD_STORE) {
        settings.output = url.into();
    }
    let collector = noctule_collector::Collector::start(settings).unwrap();
    let told = output.join("_address.tmp");
    fs::write(&told, collector.address().to_string()).unwrap();
    fs::rename(told, output.join("_address")).unwrap();
    loop {
        thread::park();
    }
}

/// Starts the child, with at most `file_blocks` of 512 bytes in any file it writes.
pub(crate) fn spawn(output: &Path, file_blocks: Option<u32>) -> (Child, SocketAddr) {
    let limit = file_blocks.map_or(String::new(), |blocks| format!("ulimit -f {blocks}; "));
    // The shell ignores the signal of the file size limit, and what it becomes inherits that:
    // writes past the limit fail with an error, as on a full disk.
    let script = format!("trap '' XFSZ; {limit}exec \"$0\" --exact durability::child_collector");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(env::current_exe().unwrap());
    spawn_as(command, output)
}

/// Starts a child by its command, and waits until it tells its address in a file of `output`.
pub(crate) fn spawn_as(mut command: Command, output: &Path) -> (Child, SocketAddr) {
    let address = output.join("_address");
    let _ = fs::remove_file(&address);
    command.env(CHILD_OUTPUT, output).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    loop {
        if let Some(address) = fs::read_to_string(&address).ok().and_then(|text| text.parse().ok())
        {
            return (child, address);
        }
        assert!(child.try_wait().unwrap().is_none(), "the child has ended");
        assert!(begun.elapsed() < Duration::from_secs(60), "the child does not start");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How often the child is killed: as often as the environment says, for long runs.
pub(crate) fn kills(default: u64) -> u64 {
    env::var("NOCTULE_KILLS").map_or(default, |text| text.parse().expect("a number of kills"))
}

#[test]
fn acknowledged_events_survive_kills_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeSet::new());
    let merged = Mutex::new(false);
    let rounds = kills(12);
    for round in 0..rounds {
        let (mut child, address) = spawn(folder.path(), None);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for installation in 1..=3u128 {
                let (stop, acknowledged) = (&stop, &acknowledged);
                scope.spawn(move || send_until(stop, installation, address, acknowledged));
            }
            // Another moment each round: while journal, Parquet, removal and merging take turns.
            thread::sleep(Duration::from_millis(40 + round * 29 % 190));
            child.kill().unwrap();
            child.wait().unwrap();
            stop.store(true, Ordering::SeqCst);
        });
        let is_merged = |path: &std::path::PathBuf| path.to_string_lossy().contains("merged-");
        *merged.lock().unwrap() |= files(folder.path(), "parquet").iter().any(is_merged);
    }
    // A start recovers what is left in the journal.
    start(folder.path()).stop().unwrap();
    let stored = identities(folder.path());
    let distinct: BTreeSet<_> = stored.iter().cloned().collect();
    assert_eq!(distinct.len(), stored.len(), "an event is there twice");
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() > 100, "only {} events got through", acknowledged.len());
    for (installation, sequence) in &acknowledged {
        let row = ("town".to_owned(), uuid(*installation), *sequence as i64);
        assert!(distinct.contains(&row), "{row:?} was acknowledged and is lost");
    }
    assert!(files(folder.path(), "tmp").is_empty());
    assert!(!folder.path().join("_merging").exists());
    assert!(merged.into_inner().unwrap(), "no day was merged");
    if let Some(rows) = rows_by_pyarrow(folder.path()) {
        assert_eq!(rows, stored.len());
        println!(
            "{rounds} kills: {rows} rows, by pyarrow as well, {} acknowledged",
            acknowledged.len()
        );
    }
}

/// Sends batch after batch like a device: the same again until it is acknowledged.
fn send_until(
    stop: &AtomicBool,
    installation: u128,
    address: SocketAddr,
    acknowledged: &Mutex<BTreeSet<(u128, u64)>>,
) {
    let agent = agent();
    let last = |set: &BTreeSet<(u128, u64)>| {
        set.range((installation, 0)..=(installation, u64::MAX)).next_back().map_or(0, |key| key.1)
    };
    while !stop.load(Ordering::SeqCst) {
        let first = last(&acknowledged.lock().unwrap()) + 1;
        let sequences = first..=first + 9;
        let mut batch = batch("town", installation, first.into(), sequences.clone());
        for event in &mut batch.events {
            // 2020-09-13: a day that is over for long.
            event["at_ms"] = 1_600_000_000_000_i64.into();
        }
        let Ok(answer) = try_send(&agent, address, &gzip(&batch.text()), &[]) else { continue };
        if answer.status == 200 {
            acknowledged.lock().unwrap().extend(sequences.map(|sequence| (installation, sequence)));
        }
    }
}

#[test]
fn a_repeated_batch_gives_no_second_row_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let batch = batch("town", 7, 1, 1..=30);
    for round in 0..3 {
        let collector = start(folder.path());
        for send in 0..2 {
            let answer = batch.acknowledged(&agent(), collector.address());
            let repeated = if round == 0 && send == 0 { 0 } else { 30 };
            assert_eq!((answer.accepted, answer.repeated), (30, repeated), "{round}.{send}");
        }
        collector.stop().unwrap();
        assert_eq!(identities(folder.path()).len(), 30);
    }
}

#[test]
fn batches_that_overlap_share_their_events() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let (agent, address) = (agent(), collector.address());
    batch("town", 7, 1, 1..=10).acknowledged(&agent, address);
    let answer = batch("town", 7, 2, 6..=15).acknowledged(&agent, address);
    assert_eq!((answer.accepted, answer.repeated), (10, 5));
    collector.stop().unwrap();
    let sequences: Vec<i64> = identities(folder.path()).into_iter().map(|row| row.2).collect();
    assert_eq!(sequences, (1..=15).collect::<Vec<_>>());
}

#[test]
fn the_same_batch_sent_by_many_at_once_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    let address = collector.address();
    let sums: Vec<(u32, u32)> = thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|sender| {
                scope.spawn(move || {
                    let own =
                        batch("town", 100 + sender, 2, 1..=50).acknowledged(&agent(), address);
                    assert_eq!((own.accepted, own.repeated), (50, 0));
                    let same = batch("town", 7, 1, 1..=50).acknowledged(&agent(), address);
                    (same.accepted, same.repeated)
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(sums.iter().all(|(accepted, _)| *accepted == 50));
    assert_eq!(sums.iter().map(|(_, repeated)| repeated).sum::<u32>(), 7 * 50);
    collector.stop().unwrap();
    assert_eq!(identities(folder.path()).len(), 9 * 50);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_answered_with_503_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = spawn(folder.path(), Some(64));
    let agent = agent();
    let mut acknowledged = 0;
    let refused = (0..40u64).find_map(|number| {
        let sequences = number * 100 + 1..=number * 100 + 100;
        let answer = batch("town", 7, number.into(), sequences).send(&agent, address);
        if answer.status == 200 {
            acknowledged += 100;
        }
        (answer.status != 200).then_some(answer)
    });
    let refused = refused.expect("every batch was stored");
    assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("60")));
    child.kill().unwrap();
    child.wait().unwrap();
    // With room again the device's retry goes through.
    let collector = start(folder.path());
    let next = acknowledged + 1..=acknowledged + 100;
    let answer = batch("town", 7, 99, next).acknowledged(&agent, collector.address());
    assert_eq!(answer.accepted, 100);
    collector.stop().unwrap();
    let sequences: Vec<i64> = identities(folder.path()).into_iter().map(|row| row.2).collect();
    assert_eq!(sequences, (1..=acknowledged as i64 + 100).collect::<Vec<_>>());
}

#[test]
fn a_compaction_cut_short_is_done_again_without_doubles() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("_journal");
    let collector = start(folder.path());
    batch("town", 7, 1, 1..=10).acknowledged(&agent(), collector.address());
    let segment = files(&journal, "ndjson").remove(0);
    let before = fs::read(&segment).unwrap();
    collector.stop().unwrap();
    assert_eq!(identities(folder.path()).len(), 10);
    // As if the crash had come between the last rename and the removal of the segment; a torn
    // line behind it was never acknowledged.
    fs::write(&segment, [before.as_slice(), b"{\"event\":{\"app\":\"to"].concat()).unwrap();
    let part = files(folder.path(), "parquet").remove(0);
    fs::write(part.with_extension("parquet.tmp"), b"half").unwrap();
    let collector = start(folder.path());
    let answer = batch("town", 7, 1, 1..=10).acknowledged(&agent(), collector.address());
    assert_eq!(answer.repeated, 10);
    collector.stop().unwrap();
    assert_eq!(identities(folder.path()).len(), 10);
    assert!(files(&journal, "ndjson").is_empty() && files(folder.path(), "tmp").is_empty());
}

#[test]
fn a_foreign_file_in_a_partition_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let partition = folder.path().join("app=town").join("day=2026-11-20");
    fs::create_dir_all(&partition).unwrap();
    let foreign = partition.join("part-1.parquet");
    fs::write(&foreign, "no parquet").unwrap();
    let error = noctule_collector::Collector::start(settings(folder.path())).unwrap_err();
    assert!(error.to_string().contains("part-1.parquet"), "{error}");
    assert_eq!(fs::read(&foreign).unwrap(), b"no parquet");
}

#[test]
fn a_damaged_parquet_file_stops_the_start_and_not_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(folder.path());
    batch("town", 7, 1, 1..=30).acknowledged(&agent(), collector.address());
    collector.stop().unwrap();
    let part = files(folder.path(), "parquet").remove(0);
    let whole = fs::read(&part).unwrap();
    // The footer is what tells a reader where everything is.
    for index in (whole.len() - 400..whole.len()).step_by(3) {
        let mut flipped = whole.clone();
        flipped[index] ^= 0x55;
        fs::write(&part, &flipped).unwrap();
        // A flip in a statistic may go unseen; what counts is that there is an answer.
        let _ = noctule_collector::Collector::start(settings(folder.path()));
    }
    fs::write(&part, &whole[..whole.len() / 2]).unwrap();
    let error = noctule_collector::Collector::start(settings(folder.path())).unwrap_err();
    assert!(error.to_string().contains("part-"), "{error}");
}
