//! Writing down everything that is known of the user.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Noctule, lock};
use crate::base::replace::{remove_unfinished, replace_with};
use crate::base::{Error, Result};
use crate::export::{Head, rows};
use crate::store::{Store, meta};

/// Where an export is being written: what a kill leaves of it is removed by the next opening.
const KEY: &str = "export_path";

/// Removes what a killed export left.
pub(super) fn tidy(store: &Store) -> Result<()> {
    let Some(bytes) = store.read(|connection| meta::get(connection, KEY))? else { return Ok(()) };
    if let Ok(path) = String::from_utf8(bytes) {
        // In a folder that is gone there is nothing, and one that may not be written keeps no
        // profile shut.
        let _ = remove_unfinished(Path::new(&path));
    }
    match store.write("tidying an export", |transaction| meta::remove(transaction, KEY)) {
        // A full disk must not keep the profile shut; the next opening tries again.
        Err(Error::StorageFull { .. }) => Ok(()),
        other => other,
    }
}

impl Noctule {
    /// Writes everything that the device knows of its user to the file at `path`, as readable JSON:
    /// identity, consent, events, what was learned, place, what is forgotten, slates with their
    /// reasons, the journal of nights, and how the upload stands. The format is described in
    /// `core/docs/formats/export.md`. **It is personal data**, readable by the file's owner only
    /// where the system knows owners.
    ///
    /// The file is there whole or not at all. Nothing can be recorded while it is written: call on
    /// a background thread.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a path in the profile directory or one that is no text;
    /// [`Error::File`], [`Error::ReadOnly`], [`Error::StorageFull`]; [`Error::Storage`],
    /// [`Error::Damaged`] when the database cannot be read; [`Error::Closed`].
    pub fn export_to(&self, path: &Path) -> Result<()> {
        self.check_open()?;
        let path = self.checked(path)?;
        let _recording = lock(&self.recording);
        let noted = path.to_str().map(str::as_bytes).unwrap_or_default();
        self.store.write("noting an export", |transaction| meta::put(transaction, KEY, noted))?;
        let (identity, consent) = {
            let state = self.state();
            (state.identity, state.consent)
        };
        let now_ms = self.config.clock.now_ms();
        let head = Head { app: &self.config.app, now_ms, consent, identity: &identity };
        let written = self.store.read(|connection| {
            replace_with(&path, |file| {
                let wrote = |error| Error::file(&path, "writing an export")(error);
                let mut out = BufWriter::new(file);
                rows::write(connection, &head, &mut out, &wrote)?;
                out.flush().map_err(wrote)
            })
        });
        let tidied = tidy(&self.store);
        written.and(tidied)
    }

    /// `path` with its folder, outside the profile: there it could replace the database.
    fn checked(&self, path: &Path) -> Result<PathBuf> {
        let invalid = |reason: &str| Error::invalid("path", reason);
        let name = path.file_name().ok_or_else(|| invalid("names no file"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let parent = parent.canonicalize().map_err(Error::file(parent, "opening"))?;
        let own = &self.config.directory;
        let own = own.canonicalize().map_err(Error::file(own, "opening"))?;
        if parent.starts_with(&own) {
            return Err(invalid("lies in the profile directory"));
        }
        let path = parent.join(name);
        if path.to_str().is_none() {
            return Err(invalid("is no text"));
        }
        Ok(path)
    }
}
