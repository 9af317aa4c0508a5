//! What this process takes while something runs: anonymous memory, and time on a processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Samples `RssAnon` until it is told to stop.
pub(crate) struct Peak {
    before_kb: u64,
    stop: Arc<AtomicBool>,
    sampler: JoinHandle<u64>,
}

impl Peak {
    pub(crate) fn watch(before_kb: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let sampler = std::thread::spawn(move || {
            let mut peak = 0;
            while !told.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_kb());
                std::thread::sleep(Duration::from_millis(1));
            }
            peak
        });
        Self { before_kb, stop, sampler }
    }

    /// Kilobytes at the peak above `before_kb`.
    pub(crate) fn finish(self) -> u64 {
        let last = anonymous_kb();
        self.stop.store(true, Ordering::Relaxed);
        let peak = self.sampler.join().unwrap_or_default();
        peak.max(last).saturating_sub(self.before_kb)
    }
}

/// Nothing where the system does not tell.
pub(crate) fn anonymous_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Milliseconds that this thread was on a processor; nothing where the system does not tell.
pub(crate) fn thread_cpu_ms() -> f64 {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e6
}
