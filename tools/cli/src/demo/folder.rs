//! The directory of a demonstration: made, or taken over from an earlier one.

use std::path::Path;

use crate::error::{Error, Result};

/// Marks a directory as the output of a demonstration.
const MARK: &str = ".noctule-demo";
/// The data that the backend trains on.
pub(super) const DATA: &str = "data";
/// The trained model.
pub(super) const MODEL: &str = "model";
/// The release.
pub(super) const RELEASE: &str = "release";
/// The key that signs the release.
pub(super) const KEY: &str = "release.key";
/// The phones.
pub(super) const PHONES: &str = "phones";
/// What the collector writes.
pub(super) const FEEDBACK: &str = "feedback";

/// Everything that a demonstration makes; nothing else is ever removed.
const MADE: [&str; 11] = [
    DATA,
    MODEL,
    RELEASE,
    "release.draft",
    KEY,
    "release.key.pub",
    PHONES,
    FEEDBACK,
    "report.html",
    "report.json",
    "report.csv",
];

/// Makes `directory`, or empties it of an earlier demonstration. Anything else is refused.
pub(super) fn prepare(directory: &Path) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| Error::at(super::FAILED, &path, error)
    };
    std::fs::create_dir_all(directory).map_err(failed(directory))?;
    let mark = directory.join(MARK);
    if !mark.exists() {
        let mut entries = std::fs::read_dir(directory).map_err(failed(directory))?;
        if entries.next().is_some() {
            let reason = "is not empty and holds no earlier demo; choose another --output";
            return Err(Error::at(super::FAILED, directory, reason));
        }
        std::fs::write(&mark, "The output of `noctule demo`, which the next one replaces.\n")
            .map_err(failed(&mark))?;
    }
    for name in MADE {
        let path = directory.join(name);
        let removed = match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path),
            Ok(_) => std::fs::remove_file(&path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_directory_is_made_and_an_earlier_demo_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("a/b");
        prepare(&output).unwrap();
        std::fs::create_dir(output.join(MODEL)).unwrap();
        std::fs::write(output.join("report.html"), "old").unwrap();
        std::fs::write(output.join("notes.txt"), "mine").unwrap();
        prepare(&output).unwrap();
        assert!(!output.join(MODEL).exists() && !output.join("report.html").exists());
        assert!(output.join("notes.txt").exists(), "what a demo did not make stays");
    }

    #[test]
    fn a_directory_with_anything_else_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(MODEL)).unwrap();
        let error = prepare(directory.path()).unwrap_err().line();
        assert!(error.contains("is not empty"), "{error}");
        assert!(directory.path().join(MODEL).exists());
    }
}
