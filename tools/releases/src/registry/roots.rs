//! The roots of trust that devices begin with, in the registry's own place.

use noctule_core::base::limits::ROOT_BYTES_MAX;
use noctule_core::trust::{METADATA_FOLDER, Role, TrustedSet, Update};

use super::{MetadataKeys, Registry, Validity};
use crate::trust::{Document, RepositoryKeys, RootPlan};
use crate::{Error, PublicKey, Result, SecretKey};

impl Registry {
    /// Puts a root file where devices look for it; gives its version. It must follow from the ones
    /// before it, by the signatures that devices ask for. The same file again changes nothing.
    ///
    /// # Errors
    /// [`Error::Part`] for what is no root file, [`Error::Core`] when devices would refuse it,
    /// [`Error::RootTaken`] when there is another of its version, [`Error::Store`].
    pub fn add_root(&self, bytes: &[u8]) -> Result<u64> {
        let version = RootPlan::of(&Document::parse(bytes)?)?.version;
        let path = path_of(version);
        match self.place.get(&path, ROOT_BYTES_MAX)? {
            Some(there) if there == bytes => return Ok(version),
            Some(_) => return Err(Error::RootTaken { path }),
            None => {}
        }
        self.follow_roots(Some((&path, bytes)))?;
        if self.place.put_new(&path, bytes.to_vec())? {
            return Ok(version);
        }
        Err(Error::RootTaken { path })
    }

    /// Signs the metadata after every commit with `keys`, after a look at whether devices that
    /// follow the newest root will take their signatures.
    ///
    /// # Errors
    /// [`Error::Part`] when keys are missing, or there is no root; [`Error::Core`] when devices
    /// would refuse the roots; [`Error::Store`].
    pub fn signing(self, keys: RepositoryKeys, validity: Validity) -> Result<Self> {
        let newest = self.follow_roots(None)?;
        for (role, given) in [
            (Role::Targets, &keys.targets),
            (Role::Snapshot, &keys.snapshot),
            (Role::Timestamp, &keys.timestamp),
        ] {
            check_keys(&newest, role, given)?;
        }
        Ok(self.with_metadata(MetadataKeys::of_repository(keys, validity)))
    }

    /// Whether a device that was built with the first root would take `files`. Without a root in
    /// this place there is nobody to ask.
    pub(super) fn check_as_device(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let Some(first) = self.place.get(&path_of(1), ROOT_BYTES_MAX)? else { return Ok(()) };
        let mut update = Update::begin(TrustedSet::from_root(&first)?, self.now_ms());
        while let Some(wanted) = update.wanted() {
            let ours = files.iter().find(|(path, _)| *path == wanted.path);
            let there = match ours {
                Some((_, bytes)) => Some(bytes.clone()),
                None => self.place.get(&wanted.path, wanted.length_max)?,
            };
            match there {
                Some(bytes) => update.accept(&bytes)?,
                None => update.missing()?,
            }
        }
        update.finish()?;
        Ok(())
    }

    /// Follows the roots as a device does, `more` among them, and gives what the last one says.
    pub(super) fn follow_roots(&self, more: Option<(&str, &[u8])>) -> Result<RootPlan> {
        let read = |path: &str| match more {
            Some((of, bytes)) if of == path => Ok(Some(bytes.to_vec())),
            _ => self.place.get(path, ROOT_BYTES_MAX),
        };
        let Some(mut newest) = read(&path_of(1))? else {
            let reason = "there is no metadata/1.root.json: run `registry init --root FILE`";
            return Err(Error::part("root", reason));
        };
        let mut reached = more.is_none_or(|(path, _)| path == path_of(1));
        let mut update = Update::begin(TrustedSet::from_root(&newest)?, self.now_ms());
        while let Some(wanted) = update.wanted().filter(|wanted| wanted.may_be_missing) {
            let Some(bytes) = read(&wanted.path)? else { break };
            update.accept(&bytes)?;
            reached |= more.is_some_and(|(path, _)| path == wanted.path);
            newest = bytes;
        }
        if !reached {
            let reason = "a root of a version before it is missing: add them in their order";
            return Err(Error::part("root", reason));
        }
        RootPlan::of(&Document::parse(&newest)?)
    }
}

fn path_of(version: u64) -> String {
    format!("{METADATA_FOLDER}/{version}.root.json")
}

/// Whether enough of `given` are keys of the role.
pub(super) fn check_keys(root: &RootPlan, role: Role, given: &[SecretKey]) -> Result<()> {
    let (holders, threshold) = root.role(role);
    let mut fitting: Vec<PublicKey> = given.iter().map(SecretKey::public).collect();
    fitting.retain(|key| holders.contains(key));
    fitting.dedup();
    let (have, version) = (fitting.len() as u64, root.version);
    if have >= threshold {
        return Ok(());
    }
    let reason = format!(
        "root {version} asks for {threshold} keys of this role; {have} of the {} given are",
        given.len()
    );
    Err(Error::part(role.name(), reason))
}
