//! The one connection of a profile.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::first::first_alone;
use super::lock::DirectoryLock;
use super::suspension::Suspension;
use super::{mark, migrations, rescue};
use crate::base::sync::atomic::AtomicBool;
use crate::base::sync::{Mutex, MutexGuard};
use crate::base::{Error, Result};

/// The database of one profile directory.
#[derive(Debug)]
pub struct Store {
    pub(super) directory: PathBuf,
    pub(super) open: Mutex<Option<Open>>,
    pub(super) suspension: Suspension,
    /// What was wrong with a database that had to be made anew, until somebody asks.
    pub(super) rescued: Mutex<Option<String>>,
    /// Whether it was under suspicion when it was opened.
    pub(super) suspected: AtomicBool,
}

/// What a commit survives.
///
/// In the write-ahead log a commit is one append; the two differ in whether it is also forced out
/// of the system's cache. SQLite keeps the database whole in both cases, and a commit that is
/// forced takes along all that were before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// The end of the process, however it comes. A loss of power, or a crash of the system, may
    /// cost the last commits, newest first, none of them in part: SQLite's `synchronous = NORMAL`.
    ProcessEnd,
    /// Also a loss of power, as far as the drive keeps its word: SQLite's `synchronous = FULL`.
    PowerLoss,
}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) connection: Connection,
    /// As what the connection commits now.
    durability: Durability,
    // Behind the connection on purpose: fields are dropped in order, the lock last.
    lock: DirectoryLock,
}

/// Name of the database in the profile directory.
pub(super) const FILE: &str = "noctule.sqlite";
/// How every database begins.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl Store {
    /// Opens or creates the database in `directory`, which is made when its parent exists.
    ///
    /// # Errors
    /// [`Error::DirectoryMissing`], [`Error::File`] (not a directory, not writable),
    /// [`Error::DirectoryInUse`], [`Error::NotADatabase`], [`Error::SchemaTooNew`]; a file that is
    /// refused is kept as it is. A database that SQLite finds damaged is made anew from what can be
    /// read of it: see [`Self::take_rescued`].
    pub fn open(directory: &Path) -> Result<Self> {
        make_directory(directory)?;
        let Opened { open, rescued, suspected } = Open::of(directory)?;
        let suspension = Suspension::of(&open.connection);
        Ok(Self {
            directory: directory.to_path_buf(),
            open: Mutex::new(Some(open)),
            suspension,
            rescued: Mutex::new(rescued),
            suspected: AtomicBool::new(suspected),
        })
    }

    /// The profile directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Refuses to go on when the database is no longer where it was: SQLite would write to a file
    /// that has no name.
    ///
    /// # Errors
    /// [`Error::DirectoryMissing`].
    pub fn check_present(&self) -> Result<()> {
        if self.directory.join(FILE).exists() {
            return Ok(());
        }
        Err(Error::DirectoryMissing { path: self.directory.clone() })
    }

    /// Runs `body` in one transaction: all of it survives a loss of power, or nothing of it
    /// happened.
    ///
    /// # Errors
    /// Those of `body` and of storage; [`Error::Closed`], [`Error::Suspended`].
    pub fn write<T>(
        &self,
        action: &'static str,
        body: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_as(Durability::PowerLoss, action, body)
    }

    /// As [`Self::write`], and what was committed survives what `durability` says.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_as<T>(
        &self,
        durability: Durability,
        action: &'static str,
        body: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.suspension.check()?;
        self.transact(&mut self.guard(), durability, action, body)
    }

    /// As [`Self::write`], but gives none at once when another thread has the connection.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn try_write<T>(
        &self,
        action: &'static str,
        body: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut guard = match self.open.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(None),
        };
        self.transact(&mut guard, Durability::PowerLoss, action, body).map(Some)
    }

    /// Runs `body` with the connection, for reading.
    ///
    /// # Errors
    /// Those of `body`, [`Error::Closed`], [`Error::Suspended`].
    pub fn read<T>(&self, body: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let (mut body, mut value) = (Some(body), None);
        self.read_with(&mut |connection| {
            value = body.take().map(|body| body(connection)).transpose()?;
            Ok(())
        })?;
        // The body has run when there was no error.
        value.ok_or(Error::Closed)
    }

    fn read_with(&self, body: &mut dyn FnMut(&Connection) -> Result<()>) -> Result<()> {
        self.suspension.check()?;
        let guard = self.guard();
        self.suspension.check()?;
        let open = guard.as_ref().ok_or(Error::Closed)?;
        let read = body(&open.connection);
        read.map_err(|error| self.suspension.explain(open.noting(error)))
    }

    /// Moves the write-ahead log into the file and cuts it, and refreshes the query planner.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Storage`].
    pub fn maintain(&self) -> Result<()> {
        self.read(|connection| {
            connection
                .execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);")
                .map_err(Error::storage("maintaining the database"))
        })
    }

    /// Overwrites what was deleted, in the file and in the write-ahead log.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::StorageFull`], [`Error::Storage`].
    pub fn scrub(&self) -> Result<()> {
        self.read(|connection| {
            let sql = "PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE);";
            connection.execute_batch(sql).map_err(Error::storage("overwriting what was deleted"))
        })
    }

    /// Closes the connection and lets go of the directory. Later calls give [`Error::Closed`].
    pub fn close(&self) {
        let mut guard = self.guard();
        self.suspension.close();
        guard.take();
    }

    /// Runs `body` with the file that carries the directory's lock; none when it is not held now.
    pub(super) fn with_lock_file<T>(&self, body: impl FnOnce(&std::fs::File) -> T) -> Option<T> {
        self.guard().as_ref().map(|open| body(&open.lock.file))
    }

    /// A panic while the lock was held left no half-done transaction: its drop rolled it back.
    fn guard(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T>(
        &self,
        open: &mut Option<Open>,
        durability: Durability,
        action: &'static str,
        body: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let (mut body, mut value) = (Some(body), None);
        self.transact_with(open, durability, action, &mut |transaction| {
            value = body.take().map(|body| body(transaction)).transpose()?;
            Ok(())
        })?;
        // The body has run when there was no error.
        value.ok_or(Error::Closed)
    }

    /// What all transactions have in common, once in the library and not once for each caller.
    fn transact_with(
        &self,
        open: &mut Option<Open>,
        durability: Durability,
        action: &'static str,
        body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>,
    ) -> Result<()> {
        self.suspension.check()?;
        let open = open.as_mut().ok_or(Error::Closed)?;
        let done = open.transact(durability, action, body);
        done.map_err(|error| self.suspension.explain(open.noting(error)))
    }
}

/// A connection, and what there was to say of its database.
pub(super) struct Opened {
    pub(super) open: Open,
    pub(super) rescued: Option<String>,
    pub(super) suspected: bool,
}

impl Open {
    /// Takes the lock of `directory` and opens the database in it.
    ///
    /// It is made anew when it is damaged.
    pub(super) fn of(directory: &Path) -> Result<Opened> {
        let lock = DirectoryLock::take(directory)?;
        let suspected = mark::is_suspect(&lock.file);
        let (connection, rescued) = rescue::connect_or_rescue(directory, &lock.file)?;
        // From now on this is known to be a profile.
        if mark::read(&lock.file).is_none() {
            let _ = mark::write(&lock.file, 0);
        }
        let suspected = suspected || rescued.is_some();
        let open = Self { connection, durability: Durability::PowerLoss, lock };
        Ok(Opened { open, rescued, suspected })
    }

    /// Who opens the database next looks through it, when this is an error of that kind.
    fn noting(&self, error: Error) -> Error {
        if error.is_database_damage() {
            mark::suspect(&self.lock.file, true);
        }
        error
    }

    fn transact(
        &mut self,
        durability: Durability,
        action: &'static str,
        body: &mut dyn FnMut(&Transaction<'_>) -> Result<()>,
    ) -> Result<()> {
        self.commit_as(durability).map_err(Error::storage(action))?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(Error::storage(action))?;
        body(&transaction)?;
        transaction.commit().map_err(Error::storage(action))
    }

    fn commit_as(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.durability == durability {
            return Ok(());
        }
        self.connection.execute_batch(match durability {
            Durability::ProcessEnd => "PRAGMA synchronous = NORMAL",
            Durability::PowerLoss => "PRAGMA synchronous = FULL",
        })?;
        self.durability = durability;
        Ok(())
    }
}

fn make_directory(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    match std::fs::create_dir(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::DirectoryMissing { path: directory.to_path_buf() })
        }
        // Another thread that opens the profile made it in between.
        Err(_) if directory.is_dir() => Ok(()),
        Err(error) => Err(Error::file(directory, "making the directory")(error)),
    }
}

pub(super) fn connect(path: &Path) -> Result<Connection> {
    check_header(path)?;
    let mut connection = first_alone(|| Connection::open(path)).map_err(opening(path))?;
    check_version(&connection, path)?;
    configure(&connection).map_err(opening(path))?;
    migrations::migrate(&mut connection, path)?;
    Ok(connection)
}

/// Refuses a file of a newer library before anything is changed: choosing the journal would write
/// to its header, and closing it would move its write-ahead log into it.
fn check_version(connection: &Connection, path: &Path) -> Result<()> {
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep_log, true).map_err(opening(path))?;
    let version = |row: &rusqlite::Row<'_>| row.get(0);
    let found = connection.query_row("PRAGMA user_version", [], version).map_err(opening(path))?;
    migrations::check_version(found, path)?;
    connection.set_db_config(keep_log, false).map(drop).map_err(opening(path))
}

/// SQLite overwrites a file that is shorter than its header without asking; we keep it.
fn check_header(path: &Path) -> Result<()> {
    use std::io::Read;
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file(path, "opening")(error)),
    };
    let mut head = Vec::with_capacity(MAGIC.len());
    let taken = file.take(MAGIC.len() as u64).read_to_end(&mut head);
    taken.map_err(Error::file(path, "reading"))?;
    // An empty file is what a kill between creation and the first write leaves.
    if head.is_empty() || head == MAGIC {
        Ok(())
    } else {
        Err(Error::NotADatabase { path: path.to_path_buf() })
    }
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Error::NotADatabase { path: path.clone() },
        _ => Error::storage("opening the database")(source),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // On Apple's systems a plain fsync stops at the drive's cache; elsewhere these do nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    // Phones have no directory for temporary files that SQLite would find.
    connection.pragma_update(None, "temp_store", "memory")?;
    // More than the log has when it is moved into the file (1,000 pages): the space is written over
    // and over, which syncs twice as fast as a file that grows. A log that a long reading has kept
    // from being moved is cut.
    connection.pragma_update(None, "journal_size_limit", 8 << 20)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
