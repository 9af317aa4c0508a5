//! One process writes a profile directory.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::base::{Error, Result};

/// Holds the directory for as long as it lives; the system lets go when the process dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// What is in it has nothing to do with the lock: see the mark.
    pub(super) file: File,
}

/// Said aloud, since closing alone is not enough: a process that this one is just starting holds a
/// copy of the descriptor, and with it the lock, until it runs its own program.
impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // What cannot be unlocked is let go of when the last copy is closed.
        let _ = self.file.unlock();
    }
}

impl DirectoryLock {
    /// Takes the lock of `directory` without waiting.
    pub(super) fn take(directory: &Path) -> Result<Self> {
        let path = directory.join("noctule.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(Error::file(&path, "opening"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::DirectoryInUse { path: directory.to_path_buf() })
            }
            Err(TryLockError::Error(source)) => {
                Err(Error::File { path, action: "locking", source })
            }
        }
    }
}
