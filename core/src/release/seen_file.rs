//! The newest version of each line, once more outside the database.
//!
//! A version that was active here is never followed by an older one, also when the database was
//! deleted, replaced by an older copy of itself or damaged beyond use: whichever of the two knows
//! the higher version is right. `core/docs/formats/trust.md` says what that covers and what not.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{ReleaseName, SeenRelease};
use crate::base::limits::BLOB_BYTES_MAX;
use crate::base::replace::{remove_file, replace_file};
use crate::base::{Result, order};
use crate::store::blob;

/// Name of the file in the profile directory.
pub const SEEN_FILE: &str = "noctule.versions";
/// What errors call it.
const WHAT: &str = "the file of versions seen";
const FORMAT: u8 = 1;

/// Name, version and manifest of each line.
type Rows = Vec<(String, u64, String)>;

/// What the file in the profile directory knows; nothing when there is none or it is damaged, since
/// no damage may keep a release out: the database knows the same.
#[must_use]
pub fn read(directory: &Path) -> Vec<SeenRelease> {
    let Ok(file) = File::open(directory.join(SEEN_FILE)) else { return Vec::new() };
    let mut bytes = Vec::new();
    if file.take(BLOB_BYTES_MAX as u64).read_to_end(&mut bytes).is_err() {
        return Vec::new();
    }
    let rows: Rows = blob::decode(WHAT, FORMAT, &bytes).unwrap_or_default();
    let seen = rows.into_iter().map(|(name, version, manifest_sha256)| SeenRelease {
        release: ReleaseName { name, version },
        manifest_sha256,
    });
    seen.collect()
}

/// Replaces the file in one step, durably.
///
/// # Errors
/// [`crate::base::Error::File`], [`crate::base::Error::StorageFull`],
/// [`crate::base::Error::ReadOnly`].
pub fn write(directory: &Path, seen: &[SeenRelease]) -> Result<()> {
    let row = |seen: &SeenRelease| {
        let ReleaseName { name, version } = &seen.release;
        (name.clone(), *version, seen.manifest_sha256.clone())
    };
    let rows: Rows = seen.iter().map(row).collect();
    let bytes = blob::encode(WHAT, FORMAT, &rows)?;
    replace_file(&directory.join(SEEN_FILE), &bytes)
}

/// Removes the file. Before the database forgets a version: a version that only the file knew would
/// come back.
///
/// # Errors
/// [`crate::base::Error::File`], [`crate::base::Error::ReadOnly`].
pub fn remove(directory: &Path) -> Result<()> {
    remove_file(&directory.join(SEEN_FILE))
}

/// The higher version of each line that either knows; `one` where both are as high.
#[must_use]
pub fn newest(one: &[SeenRelease], other: &[SeenRelease]) -> Vec<SeenRelease> {
    let mut newest = one.to_vec();
    for seen in other {
        match newest.iter_mut().find(|known| known.release.name == seen.release.name) {
            Some(known) if known.release.version >= seen.release.version => {}
            Some(known) => *known = seen.clone(),
            None => newest.push(seen.clone()),
        }
    }
    order::sort_by(&mut newest, |one, other| one.release.name.cmp(&other.release.name));
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, version: u64) -> SeenRelease {
        let release = ReleaseName { name: name.to_owned(), version };
        SeenRelease { release, manifest_sha256: format!("{name} {version}") }
    }

    #[test]
    fn what_was_written_is_read_again_and_removed_it_is_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(read(scratch.path()).is_empty());
        let both = [seen("town", 3), seen("village", 1)];
        write(scratch.path(), &both).unwrap();
        assert_eq!(read(scratch.path()), both);
        remove(scratch.path()).unwrap();
        remove(scratch.path()).unwrap();
        assert!(read(scratch.path()).is_empty());
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_changed_in_any_bit_knows_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        write(scratch.path(), &[seen("town", 3)]).unwrap();
        let path = scratch.path().join(SEEN_FILE);
        let good = std::fs::read(&path).unwrap();
        for bit in 0..8 * good.len() {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, bad).unwrap();
            assert!(read(scratch.path()).is_empty(), "bit {bit}");
        }
    }

    #[test]
    fn of_two_that_know_a_line_the_higher_version_counts() {
        let (one, other) =
            ([seen("a", 1), seen("b", 9)], [seen("c", 2), seen("b", 8), seen("a", 2)]);
        let expected = [seen("a", 2), seen("b", 9), seen("c", 2)];
        assert_eq!(newest(&one, &other), expected);
        assert_eq!(newest(&other, &one), expected);
    }
}
