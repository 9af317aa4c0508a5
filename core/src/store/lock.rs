//! One process writes a profile directory.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::base::{Error, Result};

/// Holds the directory for as long as it lives; the system lets go when the process dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of `directory` without waiting.
    pub(super) fn take(directory: &Path) -> Result<Self> {
        let path = directory.join("noctule.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::file(&path, "opening"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::DirectoryInUse { path: directory.to_path_buf() })
            }
            Err(TryLockError::Error(source)) => {
                Err(Error::File { path, action: "locking", source })
            }
        }
    }
}
