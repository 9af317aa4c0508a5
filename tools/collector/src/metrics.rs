//! What a collector has done since it started, as numbers and as Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the collector started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches answered with 200.
    pub batches: u64,
    /// Batches refused with another status.
    pub refused_batches: u64,
    /// Requests refused with 429 because of their installation.
    pub limited_installations: u64,
    /// Requests refused with 429 because of their app.
    pub limited_apps: u64,
    /// Requests refused with 503 because too many were under way.
    pub shed_requests: u64,
    /// Events stored, each once.
    pub stored_events: u64,
    /// Events that came again and were not stored again.
    pub repeated_events: u64,
    /// Events that do not fit the schema.
    pub rejected_events: u64,
    /// Bytes of bodies as sent.
    pub received_bytes: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Parquet files published.
    pub parts: u64,
    /// Requests to forget an installation that were answered with 200.
    pub deletions: u64,
    /// Parquet files rewritten or removed because they held something of a forgotten installation.
    pub rewritten_files: u64,
    /// Small files that were merged into large ones.
    pub merged_files: u64,
    /// Files that were made by merging.
    pub merges: u64,
    /// Failures to write the journal or to make Parquet of it.
    pub write_failures: u64,
}

/// The running counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) batches: AtomicU64,
    pub(crate) refused_batches: AtomicU64,
    pub(crate) limited_installations: AtomicU64,
    pub(crate) limited_apps: AtomicU64,
    pub(crate) shed_requests: AtomicU64,
    pub(crate) stored_events: AtomicU64,
    pub(crate) repeated_events: AtomicU64,
    pub(crate) rejected_events: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
    pub(crate) journal_bytes: AtomicU64,
    pub(crate) parts: AtomicU64,
    pub(crate) deletions: AtomicU64,
    pub(crate) rewritten_files: AtomicU64,
    pub(crate) merged_files: AtomicU64,
    pub(crate) merges: AtomicU64,
    pub(crate) write_failures: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            batches: read(&self.batches),
            refused_batches: read(&self.refused_batches),
            limited_installations: read(&self.limited_installations),
            limited_apps: read(&self.limited_apps),
            shed_requests: read(&self.shed_requests),
            stored_events: read(&self.stored_events),
            repeated_events: read(&self.repeated_events),
            rejected_events: read(&self.rejected_events),
            received_bytes: read(&self.received_bytes),
            journal_bytes: read(&self.journal_bytes),
            parts: read(&self.parts),
            deletions: read(&self.deletions),
            rewritten_files: read(&self.rewritten_files),
            merged_files: read(&self.merged_files),
            merges: read(&self.merges),
            write_failures: read(&self.write_failures),
        }
    }
}

impl Counts {
    /// The Prometheus text exposition format, version 0.0.4.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let counters = [
            ("batches_total", "Batches answered with 200.", self.batches),
            ("batches_refused_total", "Batches refused.", self.refused_batches),
            (
                "requests_limited_installation_total",
                "429 by installation.",
                self.limited_installations,
            ),
            ("requests_limited_app_total", "429 by app.", self.limited_apps),
            ("requests_shed_total", "503 while too many were under way.", self.shed_requests),
            ("events_stored_total", "Events stored, each once.", self.stored_events),
            ("events_repeated_total", "Events that came again.", self.repeated_events),
            ("events_rejected_total", "Events outside the schema.", self.rejected_events),
            ("received_bytes_total", "Bytes of bodies as sent.", self.received_bytes),
            ("journal_bytes_total", "Bytes written to the journal.", self.journal_bytes),
            ("parts_total", "Parquet files published.", self.parts),
            ("deletions_total", "Requests to forget an installation.", self.deletions),
            ("files_rewritten_total", "Files rewritten to forget.", self.rewritten_files),
            ("files_merged_total", "Small files merged into large ones.", self.merged_files),
            ("merges_total", "Files made by merging.", self.merges),
            ("write_failures_total", "Failed writes of journal or Parquet.", self.write_failures),
        ];
        let mut text = String::new();
        for (name, help, value) in counters {
            let name = format!("noctule_collector_{name}");
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_help_type_and_value() {
        let text = Counts { batches: 3, ..Counts::default() }.prometheus();
        assert!(text.contains("\nnoctule_collector_batches_total 3\n"), "{text}");
        assert_eq!(text.lines().count() % 3, 0);
        assert_eq!(text.matches("# TYPE").count(), text.matches(" counter").count());
    }
}
