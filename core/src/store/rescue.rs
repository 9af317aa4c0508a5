//! A database that SQLite finds damaged is made anew from what can be read of it.
//!
//! Only what SQLite calls damaged, twice, in a directory that has a mark of ours. Any other error,
//! a full or failing disk above all, leaves every file as it is. The files are copied to a folder
//! first, database and write-ahead log together; as long as that folder is there, opening begins
//! again from it, so that a kill at any moment costs nothing. It is gone when the new database is
//! durable: nothing of the user stays behind in a file that nobody knows.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connection::{FILE, MAGIC, connect};
use super::{Store, mark, rescue_rows};
use crate::base::replace::sync_directory;
use crate::base::{Error, Result};

/// Where the damaged files are until the database is made anew.
const DAMAGED: &str = "noctule.damaged";
/// Where they are while they are copied, or removed.
const UNFINISHED: &str = "noctule.damaged.tmp";
/// What is appended to the name of the database for its log, and for the index of that.
const LOGS: [&str; 2] = ["-wal", "-shm"];

impl Store {
    /// What SQLite finds wrong with the database, each in its words; nothing when it is whole.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Storage`].
    pub fn check(&self) -> Result<Vec<String>> {
        let found = match self.read(rescue_rows::findings) {
            Err(error) if error.is_database_damage() => vec![error.to_string()],
            found => found?,
        };
        if !found.is_empty() {
            self.with_lock_file(|file| mark::suspect(file, true));
        }
        Ok(found)
    }

    /// Whether the database was under suspicion when it was opened, or resumed: a value in it may
    /// be another than was stored, though SQLite finds nothing wrong.
    pub fn was_suspected(&self) -> bool {
        self.suspected.load(Ordering::Relaxed)
    }

    /// What was wrong with the database when it had to be made anew; told once.
    pub fn take_rescued(&self) -> Option<String> {
        self.rescued.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Opens the database in `directory`, whose lock is `lock`; tells what was wrong with it when it
/// had to be made anew.
pub(super) fn connect_or_rescue(
    directory: &Path,
    lock: &File,
) -> Result<(Connection, Option<String>)> {
    remove(&directory.join(UNFINISHED))?;
    let damaged = directory.join(DAMAGED);
    let reason = if damaged.exists() {
        "it was damaged".to_owned()
    } else {
        match look(&directory.join(FILE), lock)? {
            Looked::Whole(connection) => return Ok((connection, None)),
            Looked::Damaged(reason) => {
                set_aside(directory)?;
                reason
            }
        }
    };
    let (connection, kept) = rebuild(directory, mark::read(lock).unwrap_or(0))?;
    mark::suspect(lock, false);
    // Under the other name first: half of them must not be taken for all.
    let unfinished = directory.join(UNFINISHED);
    fs::rename(&damaged, &unfinished).map_err(Error::file(&damaged, "renaming"))?;
    remove(&unfinished)?;
    Ok((connection, Some(format!("the database was made anew, {kept}: {reason}"))))
}

enum Looked {
    Whole(Connection),
    Damaged(String),
}

/// Opens the database and, when it is under suspicion, looks through all of it.
fn look(path: &Path, lock: &File) -> Result<Looked> {
    let connection = match connect(path) {
        // A file that was never a database of ours is somebody's.
        Err(error) if is_damage(&error) && mark::read(lock).is_some() => connect(path),
        other => other,
    };
    let connection = match connection {
        Err(error) if is_damage(&error) && mark::read(lock).is_some() => {
            return Ok(Looked::Damaged(error.to_string()));
        }
        other => other?,
    };
    if !mark::is_suspect(lock) {
        return Ok(Looked::Whole(connection));
    }
    match rescue_rows::findings(&connection) {
        Ok(found) if found.is_empty() => {
            mark::suspect(lock, false);
            Ok(Looked::Whole(connection))
        }
        Ok(found) => {
            keep_log(&connection);
            Ok(Looked::Damaged(found.join("; ")))
        }
        Err(error) if is_damage(&error) => {
            keep_log(&connection);
            Ok(Looked::Damaged(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Whether SQLite says that the file is damaged, rather than that it cannot get at it.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::NotADatabase { .. }) || error.is_database_damage()
}

/// What is damaged is not written to any more.
fn keep_log(connection: &Connection) {
    // Without it the log is moved into the file, as far as its checksums vouch for it.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

/// Copies database and log to their folder, in one step as far as any reader can tell.
fn set_aside(directory: &Path) -> Result<()> {
    let unfinished = directory.join(UNFINISHED);
    fs::create_dir(&unfinished).map_err(Error::file(&unfinished, "making"))?;
    for name in [FILE.to_owned(), log(LOGS[0])] {
        let (from, to) = (directory.join(&name), unfinished.join(&name));
        if from.exists() {
            fs::copy(&from, &to).map_err(Error::file(&to, "copying"))?;
            let flushed = File::options().write(true).open(&to).and_then(|mut file| {
                if name == FILE {
                    // The one part of the file that is the same in all.
                    file.write_all(MAGIC)?;
                }
                file.sync_all()
            });
            flushed.map_err(Error::file(&to, "flushing"))?;
        }
    }
    sync_directory(&unfinished)?;
    let damaged = directory.join(DAMAGED);
    fs::rename(&unfinished, &damaged).map_err(Error::file(&unfinished, "renaming"))?;
    sync_directory(directory)
}

/// A new database with what can be read of the one that was set aside, and how much that was.
fn rebuild(directory: &Path, mark: u64) -> Result<(Connection, rescue_rows::Kept)> {
    let names = [FILE.to_owned(), log(LOGS[0]), log(LOGS[1])];
    names.iter().try_for_each(|name| remove(&directory.join(name)))?;
    let mut connection = connect(&directory.join(FILE))?;
    let damaged: PathBuf = directory.join(DAMAGED).join(FILE);
    let kept = rescue_rows::copy(&mut connection, &damaged, mark)?;
    sync_directory(directory)?;
    Ok((connection, kept))
}

fn log(suffix: &str) -> String {
    format!("{FILE}{suffix}")
}

/// Removes a file, or a folder with all that is in it; that there is none is no error.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(path, "removing")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "rescue_tests.rs"]
mod tests;
