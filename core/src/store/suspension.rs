//! Letting go of the database for a time, so that a process that the system freezes holds no lock.

use std::sync::{PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, InterruptHandle};

use super::Store;
use super::connection::{Open, Opened};
use crate::base::sync::atomic::{AtomicU8, Ordering};
use crate::base::sync::{Mutex, MutexGuard, wait};
use crate::base::{Error, Result};

/// A transaction that is under way may end by itself for so long; then its statements are
/// interrupted, and it leaves nothing.
const GRACE: Duration = Duration::from_millis(40);
const LOOK_EVERY: Duration = Duration::from_millis(1);

const OPEN: u8 = 0;
const SUSPENDED: u8 = 1;
const CLOSED: u8 = 2;

/// Whether the database may be used, and how whoever uses it is stopped.
#[derive(Default)]
pub(super) struct Suspension {
    phase: AtomicU8,
    interrupt: Mutex<Option<InterruptHandle>>,
}

impl Suspension {
    /// Of a connection that was just opened.
    pub(super) fn of(connection: &Connection) -> Self {
        let suspension = Self::default();
        suspension.watch(connection);
        suspension
    }

    fn watch(&self, connection: &Connection) {
        let handle = connection.get_interrupt_handle();
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// Asks no lock: whoever comes while the database is being let go of must not hold it up.
    pub(super) fn check(&self) -> Result<()> {
        match self.phase.load(Ordering::Acquire) {
            OPEN => Ok(()),
            SUSPENDED => Err(Error::Suspended),
            _ => Err(Error::Closed),
        }
    }

    /// What an error means once it is known that statements were interrupted.
    pub(super) fn explain(&self, error: Error) -> Error {
        let interrupted = matches!(&error, Error::Storage { source, .. }
            if source.sqlite_error_code() == Some(ErrorCode::OperationInterrupted));
        if interrupted { self.check().err().unwrap_or(error) } else { error }
    }

    /// For good. The caller has the connection.
    pub(super) fn close(&self) {
        self.phase.store(CLOSED, Ordering::Release);
    }

    fn begin(&self) -> Result<()> {
        let begun =
            self.phase.compare_exchange(OPEN, SUSPENDED, Ordering::AcqRel, Ordering::Acquire);
        match begun {
            Ok(_) | Err(SUSPENDED) => Ok(()),
            Err(_) => Err(Error::Closed),
        }
    }
}

impl std::fmt::Debug for Suspension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suspension").field("phase", &self.phase).finish_non_exhaustive()
    }
}

impl Store {
    /// Closes the connection and lets go of the directory until [`Self::resume`]: when it returns,
    /// no file of the database is open and no lock is held. A transaction under way may end within
    /// a few hundredths of a second, or is undone. Calls in between give [`Error::Suspended`].
    ///
    /// The write-ahead log stays as it is: moving it into the file may take longer than a system
    /// waits that is about to freeze the process.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn suspend(&self) -> Result<()> {
        self.suspension.begin()?;
        let mut guard = self.guard_interrupting();
        // Somebody may have resumed it while this waited: with the guard, the phase is said again.
        self.suspension.begin()?;
        if let Some(open) = guard.take() {
            let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            // Without it closing takes longer, and that is all.
            let _ = open.connection.set_db_config(keep_log, true);
        }
        Ok(())
    }

    /// Opens the connection again, and says whether it was let go of before.
    ///
    /// # Errors
    /// As [`Self::open`]; it stays suspended then. [`Error::Closed`].
    pub fn resume(&self) -> Result<bool> {
        let mut guard = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match self.suspension.check() {
            Ok(()) => return Ok(false),
            Err(Error::Suspended) => {}
            Err(error) => return Err(error),
        }
        let Opened { open, rescued, suspected } = Open::of(&self.directory)?;
        self.suspected.store(suspected, Ordering::Relaxed);
        *self.rescued.lock().unwrap_or_else(PoisonError::into_inner) = rescued;
        self.suspension.watch(&open.connection);
        *guard = Some(open);
        self.suspension.phase.store(OPEN, Ordering::Release);
        Ok(true)
    }

    fn guard_interrupting(&self) -> MutexGuard<'_, Option<Open>> {
        let begun = Instant::now();
        loop {
            match self.open.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
            if begun.elapsed() >= GRACE {
                let handle = self.suspension.interrupt.lock();
                if let Some(handle) = &*handle.unwrap_or_else(PoisonError::into_inner) {
                    handle.interrupt();
                }
            }
            wait(LOOK_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::store::meta;

    #[test]
    fn a_suspended_store_says_so_and_goes_on_after_resuming() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.write("test", |t| meta::put_number(t, "a", 7)).unwrap();
        store.suspend().unwrap();
        store.suspend().unwrap();
        let refused = store.write("test", |t| meta::put_number(t, "a", 8));
        assert!(matches!(refused, Err(Error::Suspended)), "{refused:?}");
        assert!(matches!(store.read(|c| meta::number(c, "a")), Err(Error::Suspended)));
        assert!(store.resume().unwrap());
        assert!(!store.resume().unwrap());
        assert_eq!(store.read(|c| meta::number(c, "a")).unwrap(), 7);
    }

    #[test]
    fn another_may_open_a_suspended_directory_and_resuming_waits_for_it() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.suspend().unwrap();
        let other = Store::open(scratch.path()).unwrap();
        assert!(matches!(store.resume(), Err(Error::DirectoryInUse { .. })));
        assert!(matches!(store.read(|_| Ok(())), Err(Error::Suspended)));
        other.close();
        assert!(store.resume().unwrap());
    }

    #[test]
    fn closing_a_suspended_store_closes_it_for_good() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        store.suspend().unwrap();
        store.close();
        assert!(matches!(store.resume(), Err(Error::Closed)));
        assert!(matches!(store.suspend(), Err(Error::Closed)));
        assert!(matches!(store.read(|_| Ok(())), Err(Error::Closed)));
    }

    #[test]
    fn a_long_transaction_is_interrupted_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::open(scratch.path()).unwrap();
        let (began, has_begun) = channel();
        let forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT max(i) FROM n";
        std::thread::scope(|scope| {
            let long = scope.spawn(|| {
                store.write("test", |transaction| {
                    meta::put_number(transaction, "a", 7)?;
                    began.send(()).unwrap();
                    let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
                    transaction.query_row(forever, [], count).map_err(Error::storage("test"))
                })
            });
            has_begun.recv().unwrap();
            store.suspend().unwrap();
            let ended = long.join().unwrap();
            assert!(matches!(ended, Err(Error::Suspended)), "{ended:?}");
        });
        store.resume().unwrap();
        assert_eq!(store.read(|c| meta::number(c, "a")).unwrap(), 0);
    }
}
