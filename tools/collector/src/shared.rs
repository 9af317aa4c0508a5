//! What the threads and the HTTP side both know.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
}

/// The last failure of each kind of write, until one of the same kind succeeds.
#[derive(Debug, Default)]
struct Failures {
    journal: Option<String>,
    compaction: Option<String>,
}

impl Shared {
    /// What fails at present.
    pub(crate) fn failure(&self) -> Option<String> {
        let failures = self.failures();
        failures.journal.clone().or_else(|| failures.compaction.clone())
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

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
