//! What making a slate takes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Times a slate is made. The quickest counts: whatever else the machine does can only slow it.
const RUNS: usize = 3;

/// Time between two looks at the memory.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What one slate takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Milliseconds of the quickest run.
    pub(super) slate_ms: f64,
    /// Greatest growth of anonymous memory over all runs, bytes; none where it cannot be told.
    pub(super) memory_bytes: Option<u64>,
}

/// Runs `make` three times and measures it, or gives its error; the memory only when asked for.
pub(super) fn measure<T, E>(memory: bool, make: impl Fn() -> Result<T, E>) -> Result<Measured, E> {
    let before = if memory { anonymous_bytes() } else { None };
    let (peak, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let look = || {
        if let (Some(_), Some(bytes)) = (before, anonymous_bytes()) {
            peak.fetch_max(bytes, Ordering::Relaxed);
        }
    };
    let result = std::thread::scope(|scope| {
        if before.is_some() {
            // Without this thread the peaks within a run stay unseen, and the ends of runs count.
            let watch = || {
                while !done.load(Ordering::Relaxed) {
                    look();
                    std::thread::sleep(LOOK_EVERY);
                }
            };
            let _ = std::thread::Builder::new().name("exam".into()).spawn_scoped(scope, watch);
        }
        let mut quickest = Duration::MAX;
        let mut run = || {
            let began = Instant::now();
            let made = make()?;
            quickest = quickest.min(began.elapsed());
            look();
            drop(made);
            Ok(())
        };
        let ran = (0..RUNS).try_for_each(|_| run());
        done.store(true, Ordering::Relaxed);
        ran.map(|()| quickest)
    });
    let slate_ms = 1_000.0 * result?.as_secs_f64();
    let memory_bytes = before.map(|before| peak.load(Ordering::Relaxed).saturating_sub(before));
    Ok(Measured { slate_ms, memory_bytes })
}

/// Anonymous resident memory of this process, bytes; none where the system does not tell.
///
/// `RssAnon` of `/proc/self/status` (proc(5)), which Linux since 4.5 and Android have. The kernel
/// counts in batches of some hundred kilobytes for each thread.
fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_a_run_takes_and_gives_back_is_seen() {
        if anonymous_bytes().is_none() {
            return;
        }
        let megabytes = 64;
        let measured = measure(true, || {
            let taken = std::hint::black_box(vec![1_u8; megabytes << 20]);
            std::thread::sleep(Duration::from_millis(20));
            drop(taken);
            Ok::<(), ()>(())
        });
        let found = measured.unwrap().memory_bytes.unwrap();
        assert!(found > (megabytes as u64 / 2) << 20, "{found}");
    }

    #[test]
    fn an_error_ends_the_measurement() {
        assert_eq!(measure(true, || Err::<(), _>("no")).unwrap_err(), "no");
    }
}
