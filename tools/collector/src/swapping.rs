//! A folder of the output is replaced by another in one step.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};
use crate::merging::name_of;

/// Folder in which new folders are made; not in the output, and on the same file system.
const MERGING: &str = "_merging";

/// File that says where the new folder belongs, while the old one is moved aside.
const PLACE: &str = "place";

/// Begins a new folder beside the output, and gives its path.
pub(crate) fn begin(output: &Path) -> Result<PathBuf> {
    clear(output)?;
    let new = output.join(MERGING).join("new");
    disk::create_folder(&new)?;
    Ok(new)
}

/// Puts the new folder in the place of `folder`, and removes that.
pub(crate) fn swap(output: &Path, folder: &Path) -> Result<()> {
    let staging = output.join(MERGING);
    if exchange(folder, &staging.join("new")).is_err() {
        swap_in_steps(output, folder)?;
    }
    disk::sync_folder(&disk::parent(folder))?;
    disk::sync_folder(&staging)?;
    clear(output)
}

/// Gives a file a second name in the new folder, or a copy where links cannot be made.
pub(crate) fn link(path: &Path, folder: &Path) -> Result<()> {
    let target = folder.join(name_of(path));
    if fs::hard_link(path, &target).is_ok() {
        return Ok(());
    }
    disk::publish(&target, |mut file, target| {
        let mut source = fs::File::open(path).map_err(Error::file(path, "open"))?;
        io::copy(&mut source, &mut file).map_err(Error::file(target, "write"))?;
        Ok(file)
    })
}

/// Puts the new folder in the place of the day's where that takes two steps: between them readers
/// miss the day, and a start after a crash does the second.
fn swap_in_steps(output: &Path, folder: &Path) -> Result<()> {
    let staging = output.join(MERGING);
    // Below the output, which may be called otherwise at the next start.
    let name = folder.strip_prefix(output).unwrap_or(folder).to_string_lossy().into_owned();
    disk::publish(&staging.join(PLACE), |mut file, path| {
        file.write_all(name.as_bytes()).map_err(Error::file(path, "write"))?;
        Ok(file)
    })?;
    fs::rename(folder, staging.join("old")).map_err(Error::file(folder, "move aside"))?;
    fs::rename(staging.join("new"), folder).map_err(Error::file(folder, "move into place"))
}

/// Lets two folders change places in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

/// Lets two folders change places in one step, which this system cannot.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes what a merging has left: a new folder that is not yet in place, or an old one that is no
/// more. First it finishes a change of places in two steps.
pub(crate) fn clear(output: &Path) -> Result<()> {
    let staging = output.join(MERGING);
    let new = staging.join("new");
    if let Ok(name) = fs::read_to_string(staging.join(PLACE)) {
        let day = output.join(name);
        if !day.exists() {
            fs::rename(&new, &day).map_err(Error::file(&day, "move into place"))?;
            disk::sync_folder(&disk::parent(&day))?;
        }
    }
    match fs::remove_dir_all(&staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::file(&staging, "remove")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use noctule_core::base::Day;

    use super::*;
    use crate::merging::tests::{day, names, sequences};
    use crate::table::tests::write_file;

    #[test]
    fn wherever_two_steps_are_cut_short_the_day_is_whole_after_the_next_start() {
        for step in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let old = day(folder.path(), Day(1), &[2, 1]);
            let staging = folder.path().join(MERGING);
            let new = staging.join("new");
            fs::create_dir_all(&new).unwrap();
            let merged: Vec<_> = (1..=3).map(|sequence| (7, sequence)).collect();
            write_file(&new.join("merged-000000000002.parquet"), &merged);
            match step {
                0 => {}
                // Only the name of the place is written.
                1 => fs::write(staging.join(PLACE), "app=town/day=1970-01-02").unwrap(),
                2 => {
                    fs::write(staging.join(PLACE), "app=town/day=1970-01-02").unwrap();
                    fs::rename(&old, staging.join("old")).unwrap();
                }
                _ => swap_in_steps(folder.path(), &old).unwrap(),
            }
            clear(folder.path()).unwrap();
            assert_eq!(sequences(&old), [1, 2, 3], "{step}");
            assert_eq!(names(&old).len(), if step < 2 { 2 } else { 1 }, "{step}");
            assert!(!staging.exists());
        }
    }
}
