//! What tells a profile's directory from a copy of it.
//!
//! A backup that is restored, on this phone or on another, brings the files back under new numbers
//! of the file system, and nothing that is copied with them can. So the number of the file that
//! carries the lock, which is made once and never replaced, is kept in the database.

use std::fs::File;

use rusqlite::{Connection, Transaction};

use super::{Store, meta};
use crate::base::Result;

/// Number of the file, and when it was made in nanoseconds since 1970, 0 where the file system does
/// not tell; both little-endian.
pub type Place = [u8; 16];

impl Store {
    /// Where this profile lies; none where the system has no such numbers.
    pub fn place(&self) -> Option<Place> {
        self.with_lock_file(of).flatten()
    }
}

#[cfg(unix)]
fn of(file: &File) -> Option<Place> {
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;
    let metadata = file.metadata().ok()?;
    let made = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let made = made.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
    let mut place = [0; 16];
    place[..8].copy_from_slice(&metadata.ino().to_le_bytes());
    place[8..].copy_from_slice(&made.to_le_bytes());
    Some(place)
}

#[cfg(not(unix))]
fn of(_: &File) -> Option<Place> {
    None
}

/// Key of the place among the values of which there is one.
const KEY: &str = "file_number";

/// What is kept of where the profile lay.
///
/// # Errors
/// [`Error::Storage`](crate::Error::Storage).
pub fn kept(connection: &Connection) -> Result<Option<Place>> {
    let kept = meta::get(connection, KEY)?;
    Ok(kept.map(|bytes| Place::try_from(bytes).unwrap_or_default()))
}

/// Keeps where it lies.
///
/// # Errors
/// [`Error::Storage`](crate::Error::Storage), [`Error::StorageFull`](crate::Error::StorageFull).
pub fn keep(transaction: &Transaction<'_>, place: &Place) -> Result<()> {
    meta::put(transaction, KEY, place)
}

/// Whether both are the same place: what one of them does not tell is no difference.
#[must_use]
pub fn is_same(one: &Place, other: &Place) -> bool {
    let untold = [0; 8];
    one[..8] == other[..8] && (one[8..] == other[8..] || one[8..] == untold || other[8..] == untold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_renamed_is_the_same_place_and_a_copy_is_another() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        let place = |name: &str| Store::open(&path(name)).unwrap().place().unwrap();
        let first = place("a");
        assert!(is_same(&first, &place("a")));
        std::fs::rename(path("a"), path("b")).unwrap();
        assert!(is_same(&first, &place("b")));
        std::fs::create_dir(path("a")).unwrap();
        std::fs::copy(path("b/noctule.lock"), path("a/noctule.lock")).unwrap();
        assert!(!is_same(&first, &place("a")));
    }

    #[test]
    fn a_time_that_is_not_told_is_no_difference() {
        let place = |number: u64, made: u64| {
            let both = [number.to_le_bytes(), made.to_le_bytes()].concat();
            Place::try_from(both).unwrap()
        };
        assert!(is_same(&place(7, 5), &place(7, 0)) && is_same(&place(7, 0), &place(7, 5)));
        assert!(!is_same(&place(7, 5), &place(7, 6)) && !is_same(&place(7, 5), &place(8, 5)));
    }
}
