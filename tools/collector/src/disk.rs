//! Files and folders that are there after a power cut, or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Makes `path` and what leads to it, and writes each new name through to its parent.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    if !parent.is_dir() {
        create_folder(&parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::file(path, "make the folder")(error))
        }
        _ => sync_folder(&parent),
    }
}

/// Writes a folder's names through to the disk: without it a power cut may undo a rename.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    // Windows has no such call and needs none: its file systems journal names.
    if cfg!(not(unix)) {
        return Ok(());
    }
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::file(path, "write the folder through"))
}

/// Publishes a file: `write` fills a file of another name, which is written through and renamed.
pub(crate) fn publish(path: &Path, write: impl FnOnce(File, &Path) -> Result<File>) -> Result<()> {
    let folder = parent(path);
    create_folder(&folder)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = folder.join(name);
    let file = File::create(&temporary).map_err(Error::file(&temporary, "create"))?;
    let written = write(file, &temporary).and_then(|file| {
        file.sync_all().map_err(Error::file(&temporary, "write through"))?;
        fs::rename(&temporary, path).map_err(Error::file(path, "rename into place"))
    });
    if written.is_err() {
        // Best effort: what stays behind is overwritten by the next attempt.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    sync_folder(&folder)
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file(path, "remove")(error))
        }
        _ => Ok(()),
    }
}

/// The entries of a folder in the order of their names; none when there is no such folder.
pub(crate) fn entries(path: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file(path, "list")(error)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(Error::file(path, "list"))?;
    paths.sort();
    Ok(paths)
}

/// The folder that holds `path`; the current one for a bare name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
