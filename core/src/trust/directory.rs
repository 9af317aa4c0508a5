//! The same refresh over a folder that is laid out like a repository.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::{TrustedSet, Update, Wanted};
use crate::base::{Error, Result, TrustRefusal};

/// Renews `stored` from the repository in `directory`, which holds a folder `metadata`.
///
/// Gives what is trusted afterwards in any case: roots that were followed before something was
/// refused stay followed, so store it before looking at the second value.
pub fn read_directory(
    directory: &Path,
    stored: TrustedSet,
    now_ms: i64,
) -> (TrustedSet, Result<()>) {
    let mut update = Update::begin(stored, now_ms);
    let outcome = drive(directory, &mut update);
    (update.into_set(), outcome)
}

fn drive(directory: &Path, update: &mut Update) -> Result<()> {
    while let Some(wanted) = update.wanted() {
        match read(directory, &wanted)? {
            Some(bytes) => update.accept(&bytes)?,
            None => update.missing()?,
        }
    }
    Ok(())
}

/// The file, one byte more than allowed at most; nothing when there is none.
fn read(directory: &Path, wanted: &Wanted) -> Result<Option<Vec<u8>>> {
    let path = directory.join(&wanted.path);
    let metadata = match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(Error::file(&path, "reading"))?,
    };
    if !metadata.is_file() {
        let refusal = TrustRefusal::Json { reason: "not a plain file".to_owned() };
        return Err(Error::untrusted(&wanted.path, refusal));
    }
    let file = File::open(&path).map_err(Error::file(&path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(wanted.length_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(Error::file(&path, "reading"))?;
    Ok(Some(bytes))
}
