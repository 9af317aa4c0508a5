//! Small files that are replaced in one step: a reader finds the old one or the new one, whole.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Error, Result};

/// Replaces the file at `path` durably: written beside it under another name, flushed, renamed, and
/// the name flushed. A reader that has the old one open or mapped keeps it as it was.
///
/// # Errors
/// [`Error::File`], [`Error::StorageFull`], [`Error::ReadOnly`]; the old file is then as it was.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = beside(path);
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    finish(path, written.map_err(Error::file(&new, "writing")))
}

/// As [`replace_file`], for what is written piece by piece: `write` fills the new file, which only
/// its owner may read where the system knows owners.
///
/// # Errors
/// As [`replace_file`], and those of `write`.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let new = beside(path);
    let created = private(&new).map_err(Error::file(&new, "making"));
    let written = created.and_then(|mut file| {
        write(&mut file)?;
        file.sync_all().map_err(Error::file(&new, "flushing"))
    });
    finish(path, written)
}

/// Removes what a kill left of a file that was to replace the one at `path`.
///
/// # Errors
/// [`Error::File`], [`Error::ReadOnly`]; that there is none is no error.
pub fn remove_unfinished(path: &Path) -> Result<()> {
    let new = beside(path);
    match std::fs::remove_file(&new) {
        Ok(()) => sync_directory(parent(path)),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(Error::file(&new, "removing")(error)),
    }
}

/// A new file that only its owner may read.
fn private(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if !is_absent(&error) => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn finish(path: &Path, written: Result<()>) -> Result<()> {
    let new = beside(path);
    if let Err(error) = written {
        let _ = std::fs::remove_file(&new);
        return Err(error);
    }
    if let Err(error) = std::fs::rename(&new, path) {
        let _ = std::fs::remove_file(&new);
        return Err(Error::file(path, "renaming")(error));
    }
    sync_directory(parent(path))
}

/// Removes the file at `path`, and what a kill left of one that was to replace it.
///
/// # Errors
/// [`Error::File`], [`Error::ReadOnly`]; that there is none is no error.
pub fn remove_file(path: &Path) -> Result<()> {
    let mut removed = false;
    for path in [&beside(path), path] {
        match std::fs::remove_file(path) {
            Ok(()) => removed = true,
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(Error::file(path, "removing")(error)),
        }
    }
    if removed { sync_directory(parent(path)) } else { Ok(()) }
}

/// Makes renames and new names in `directory` durable.
///
/// # Errors
/// [`Error::File`].
pub fn sync_directory(directory: &Path) -> Result<()> {
    // Windows knows no handle of a directory to flush; there the rename itself is durable.
    if cfg!(unix) {
        let opened = File::open(directory).map_err(Error::file(directory, "opening"))?;
        opened.sync_all().map_err(Error::file(directory, "flushing"))?;
    }
    Ok(())
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where the new file is written before it has its name: always the same place, so that a killed
/// one is written over.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_removed_with_what_a_kill_left() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        for bytes in [b"one".as_slice(), b"another"] {
            replace_file(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(names(scratch.path()), ["file"]);
        }
        std::fs::write(beside(&path), "half").unwrap();
        remove_file(&path).unwrap();
        assert!(names(scratch.path()).is_empty());
        remove_file(&path).unwrap();
        remove_file(&scratch.path().join("no/file")).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_the_old_file_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        replace_file(&path, b"old").unwrap();
        // A directory in the place of the new file cannot be written to.
        std::fs::create_dir(beside(&path)).unwrap();
        assert!(matches!(replace_file(&path, b"new"), Err(Error::File { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_reader_keeps_the_file_that_it_has_open() {
        use std::io::Read;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        replace_file(&path, b"old").unwrap();
        let mut reader = File::open(&path).unwrap();
        replace_file(&path, b"new").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "old");
    }
}
