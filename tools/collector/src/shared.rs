//! What the threads and the HTTP side both know.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::{Metrics, add};

/// Counters, backlog and failures.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) metrics: Metrics,
    /// Bytes of journal that are not yet Parquet.
    pub(crate) backlog: AtomicU64,
    failures: Mutex<Failures>,
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

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
