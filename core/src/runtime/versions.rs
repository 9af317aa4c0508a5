//! The versions that were active here, kept in two places.

use std::path::Path;

use super::Noctule;
use crate::base::{Error, Result};
use crate::release::rows as releases;
use crate::release::seen_file;
use crate::store::Store;

/// Brings the database and the file of versions to the same state: the higher version of each line.
///
/// A full disk must not keep the profile shut; the next opening tries again.
pub(super) fn agree(store: &Store, directory: &Path) -> Result<()> {
    let (stored, filed) = (store.read(releases::seen)?, seen_file::read(directory));
    let newest = seen_file::newest(&stored, &filed);
    let newer: Vec<_> = newest.iter().filter(|seen| !stored.contains(seen)).collect();
    if !newer.is_empty() {
        let remembered = store.write("remembering the versions seen", |transaction| {
            newer.iter().try_for_each(|seen| releases::remember_seen(transaction, seen))
        });
        match remembered {
            Ok(()) | Err(Error::StorageFull { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if newest.iter().any(|seen| !filed.contains(seen)) {
        let _ = seen_file::write(directory, &newest);
    }
    Ok(())
}

impl Noctule {
    /// Writes the file of versions anew from the database, in whose transaction they have changed.
    /// What cannot be written now is written at the next opening.
    pub(super) fn file_versions(&self) -> Result<()> {
        let seen = self.store.read(releases::seen)?;
        let _ = seen_file::write(&self.config.directory, &seen);
        Ok(())
    }

    /// Removes the file of versions, before the database forgets one of them.
    pub(super) fn forget_filed_versions(&self) -> Result<()> {
        seen_file::remove(&self.config.directory)
    }
}
