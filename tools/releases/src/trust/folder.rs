//! Root files in a repository's folder.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use noctule_core::base::limits::TARGETS_BYTES_MAX;
use noctule_core::trust::{METADATA_FOLDER, Role, TrustedSet, read_directory};

use super::document::{Document, key_id};
use super::root::RootPlan;
use crate::{Error, Result, SecretKey};

/// How a repository stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Version of each role's metadata that a device would trust, root first.
    pub versions: Vec<(Role, Option<u64>)>,
    /// When the first part expires, Unix milliseconds.
    pub expires_ms: i64,
    /// Why a device could not complete a refresh, if it could not.
    pub problem: Option<String>,
}

/// The newest root file below `repository`, signed or not.
///
/// # Errors
/// [`Error::File`]; [`Error::Part`] when there is none.
pub fn newest_root(repository: &Path) -> Result<(PathBuf, RootPlan)> {
    let mut version = 0;
    while root_path(repository, version + 1).is_file() {
        version += 1;
    }
    if version == 0 {
        return Err(Error::part("root", "there is no metadata/1.root.json: run `trust init`"));
    }
    let path = root_path(repository, version);
    let plan = RootPlan::of(&Document::parse(&read(&path)?)?)?;
    Ok((path, plan))
}

/// Writes the unsigned root file of `plan` below `repository`; never over one that is there.
///
/// # Errors
/// [`Error::Exists`], [`Error::File`], [`Error::Part`].
pub fn draft_root(repository: &Path, plan: &RootPlan) -> Result<PathBuf> {
    let bytes = plan.document()?.to_bytes()?;
    let path = root_path(repository, plan.version);
    if path.exists() {
        return Err(Error::Exists { path });
    }
    let folder = repository.join(METADATA_FOLDER);
    fs::create_dir_all(&folder).map_err(Error::file(&folder, "making"))?;
    replace(&path, &bytes)?;
    Ok(path)
}

/// Adds the signature of `key` to the metadata file at `path`; gives the key's id.
///
/// # Errors
/// [`Error::File`], [`Error::Part`].
pub fn sign_file(path: &Path, key: &SecretKey) -> Result<String> {
    let mut document = Document::parse(&read(path)?)?;
    document.sign(key);
    replace(path, &document.to_bytes()?)?;
    Ok(key_id(&key.public()))
}

/// Refreshes from `repository` as a device would that was built with its first root.
///
/// # Errors
/// [`Error::File`]; [`Error::Core`] when the first root itself is not good.
pub fn status(repository: &Path, now_ms: i64) -> Result<Status> {
    let stored = TrustedSet::from_root(&read(&root_path(repository, 1))?)?;
    let (set, outcome) = read_directory(repository, stored, now_ms);
    Ok(Status {
        versions: Role::ALL.into_iter().map(|role| (role, set.version(role))).collect(),
        expires_ms: set.expires_ms(),
        problem: outcome.err().map(|error| error.to_string()),
    })
}

fn root_path(repository: &Path, version: u64) -> PathBuf {
    repository.join(METADATA_FOLDER).join(format!("{version}.root.json"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let file = fs::File::open(path).map_err(Error::file(path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(TARGETS_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    Ok(bytes)
}

/// Writes beside and renames, so that no reader sees half a file.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("json.new");
    fs::write(&beside, bytes).map_err(Error::file(&beside, "writing"))?;
    fs::rename(&beside, path).map_err(Error::file(path, "renaming"))
}
