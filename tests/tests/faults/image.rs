//! What a loss of power leaves of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use noctule_core::base::{Seed, SeededRandom};

/// Bytes that a drive writes whole.
const SECTOR: usize = 512;

/// Takes everything in `folder` as synced.
pub(crate) fn begin(folder: &Path, shadow: &Path) {
    let mut names = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, found) = (entry.path(), entry.metadata().unwrap());
        let kind = if found.is_dir() { 'd' } else { 'f' };
        names += &format!("{kind} {} {}\n", found.ino(), entry.file_name().to_str().unwrap());
        if found.is_dir() {
            begin(&path, shadow);
        } else {
            fs::copy(&path, shadow.join(found.ino().to_string())).unwrap();
        }
    }
    fs::write(names_of(folder, shadow), names).unwrap();
}

fn names_of(folder: &Path, shadow: &Path) -> PathBuf {
    shadow.join(format!("names-{}", fs::metadata(folder).unwrap().ino()))
}

/// How much of what was not synced is there all the same.
pub(crate) enum Unsynced {
    /// Nothing.
    Gone,
    /// Of each sector and each folder either state, as chance will have it.
    Mixed(SeededRandom),
}

impl Unsynced {
    pub(crate) fn mixed(seed: u64) -> Self {
        Self::Mixed(SeededRandom::new(Seed(seed)))
    }

    fn is_there(&mut self) -> bool {
        match self {
            Self::Gone => false,
            Self::Mixed(random) => random.chance(0.5),
        }
    }
}

/// Makes `image` of what a loss of power leaves of `folder`, whose inode number is known to be that
/// of the folder the process worked in.
pub(crate) fn make(folder: &Path, shadow: &Path, image: &Path, unsynced: &mut Unsynced) {
    let names = names_of(folder, shadow);
    restore(&names, (folder, Some(folder)), shadow, image, unsynced);
}

type Names = BTreeMap<String, (bool, u64)>;

/// No folder of ours is deeper; a listing older than the folder of its number could lead to itself.
const DEPTH_MAX: usize = 40;

fn restore(
    names: &Path,
    (root, now): (&Path, Option<&Path>),
    shadow: &Path,
    image: &Path,
    unsynced: &mut Unsynced,
) {
    if image.components().count() > DEPTH_MAX {
        return;
    }
    fs::create_dir_all(image).unwrap();
    let synced: Names =
        fs::read_to_string(names).map_or_else(|_| Names::new(), |text| parse(&text));
    let current: Names = now.map(list).unwrap_or_default();
    let entries = if unsynced.is_there() { &current } else { &synced };
    for (name, (is_folder, inode)) in entries {
        let (inside, names) = (image.join(name), shadow.join(format!("names-{inode}")));
        // Where it is now, if it still has a name: what was not synced is read there. It may have
        // been moved into another folder.
        let here = now.and_then(|folder| named(folder, *inode));
        let there = here.or_else(|| find(root, *inode));
        if *is_folder {
            restore(&names, (root, there.as_deref()), shadow, &inside, unsynced);
        } else {
            let synced = fs::read(shadow.join(inode.to_string())).unwrap_or_default();
            let lost = shadow.join(format!("kept-{inode}"));
            let current = there.map_or_else(|| fs::read(lost), fs::read);
            let current = current.unwrap_or_else(|_| synced.clone());
            fs::write(inside, mix(&synced, &current, unsynced)).unwrap();
        }
    }
}

/// Sector for sector one or the other.
fn mix(synced: &[u8], current: &[u8], unsynced: &mut Unsynced) -> Vec<u8> {
    let mut bytes = synced.to_vec();
    if unsynced.is_there() {
        bytes.resize(current.len(), 0);
    }
    for (at, sector) in bytes.chunks_mut(SECTOR).enumerate() {
        let from = at * SECTOR;
        let Some(newer) = current.get(from..(from + sector.len()).min(current.len())) else {
            continue;
        };
        if unsynced.is_there() {
            sector[..newer.len()].copy_from_slice(newer);
        }
    }
    bytes
}

fn parse(text: &str) -> Names {
    let entry = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (kind, inode) = (words.next().unwrap(), words.next().unwrap());
        (words.next().unwrap().to_owned(), (kind == "d", inode.parse().unwrap()))
    };
    text.lines().map(entry).collect()
}

fn list(folder: &Path) -> Names {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    let of = |entry: fs::DirEntry| {
        let found = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), (found.is_dir(), found.ino()))
    };
    entries.map(of).collect()
}

/// The entry of `folder` with this inode number.
fn named(folder: &Path, inode: u64) -> Option<PathBuf> {
    let (name, _) = list(folder).into_iter().find(|(_, (_, found))| *found == inode)?;
    Some(folder.join(name))
}

/// The same anywhere below `folder`.
fn find(folder: &Path, inode: u64) -> Option<PathBuf> {
    let below = || {
        let folders = list(folder).into_iter().filter(|(_, (is_folder, _))| *is_folder);
        folders.map(|(name, _)| folder.join(name)).find_map(|inner| find(&inner, inode))
    };
    named(folder, inode).or_else(below)
}

#[test]
fn a_folder_that_was_moved_without_a_sync_has_its_files_in_either_place() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, shadow) = (scratch.path().join("folder"), scratch.path().join("shadow"));
    fs::create_dir_all(folder.join("here/inner")).unwrap();
    fs::create_dir(folder.join("there")).unwrap();
    fs::create_dir(&shadow).unwrap();
    fs::write(folder.join("here/inner/file"), "synced").unwrap();
    begin(&folder, &shadow);
    fs::rename(folder.join("here/inner"), folder.join("there/inner")).unwrap();
    for seed in 0..64 {
        let image = scratch.path().join(format!("moved-{seed}"));
        make(&folder, &shadow, &image, &mut Unsynced::mixed(seed));
        for place in ["here", "there"] {
            let inner = image.join(place).join("inner");
            let whole = fs::read_to_string(inner.join("file")).is_ok_and(|text| text == "synced");
            assert!(whole || !inner.exists(), "seed {seed}: {place} lost its file");
        }
    }
}

#[test]
fn an_image_holds_what_was_synced_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, shadow) = (scratch.path().join("folder"), scratch.path().join("shadow"));
    fs::create_dir_all(folder.join("inner")).unwrap();
    fs::create_dir(&shadow).unwrap();
    fs::write(folder.join("inner/old"), "synced").unwrap();
    begin(&folder, &shadow);
    fs::write(folder.join("inner/old"), "changed!").unwrap();
    fs::write(folder.join("new"), "new").unwrap();
    let image = scratch.path().join("image");
    make(&folder, &shadow, &image, &mut Unsynced::Gone);
    assert_eq!(fs::read_to_string(image.join("inner/old")).unwrap(), "synced");
    assert!(!image.join("new").exists());
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let image = scratch.path().join(format!("mixed-{seed}"));
        make(&folder, &shadow, &image, &mut Unsynced::mixed(seed));
        seen.insert(fs::read_to_string(image.join("inner/old")).unwrap_or_default());
    }
    assert!(seen.contains("synced") && seen.contains("changed!") && seen.len() > 2, "{seen:?}");
}
