//! What the threads and the HTTP side both know.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::forgetting::Forgotten;
use crate::metrics::{Metrics, add};

/// Counters, backlog and failures.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) metrics: Metrics,
    /// Bytes of journal that are not yet Parquet.
    pub(crate) backlog: AtomicU64,
    /// Whether what the journal holds is not known any more, until a restart.
    broken: AtomicBool,
    failures: Mutex<Failures>,
    /// Who is forgotten, where other collectors are told as well; until the journal thread has
    /// heard of it.
    forgotten: Mutex<Option<Forgotten>>,
}

/// The last failure of each kind of write, until one of the same kind succeeds.
#[derive(Debug, Default)]
struct Failures {
    journal: Option<String>,
    compaction: Option<String>,
    merging: Option<String>,
}

impl Shared {
    /// What fails at present.
    pub(crate) fn failure(&self) -> Option<String> {
        let failures = self.failures();
        let Failures { journal, compaction, merging } = &*failures;
        journal.as_ref().or(compaction.as_ref()).or(merging.as_ref()).cloned()
    }

    /// Whether segments cannot become Parquet.
    pub(crate) fn compaction_fails(&self) -> bool {
        self.failures().compaction.is_some()
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    pub(crate) fn set_broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_journal_failure(&self, failure: Option<String>) {
        add(&self.metrics.write_failures, failure.is_some().into());
        self.failures().journal = failure;
    }

    pub(crate) fn set_compaction_failure(&self, failure: Option<String>) {
        add(&self.metrics.write_failures, failure.is_some().into());
        self.failures().compaction = failure;
    }

    pub(crate) fn set_merging_failure(&self, failure: Option<String>) {
        add(&self.metrics.write_failures, failure.is_some().into());
        self.failures().merging = failure;
    }

    /// Tells the journal thread who is forgotten.
    pub(crate) fn tell_forgotten(&self, forgotten: Forgotten) {
        *self.forgotten.lock().unwrap_or_else(PoisonError::into_inner) = Some(forgotten);
    }

    /// Who is forgotten, when there is news.
    pub(crate) fn hear_forgotten(&self) -> Option<Forgotten> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
