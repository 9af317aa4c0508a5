//! What is different between two releases.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use noctule_core::release::Manifest;
use serde::Serialize;
use serde_json::Value;

use super::Registry;
use super::reference::Reference;
use super::state::{Blob, State, Version};
use super::tensors::{self, TensorDiff};
use crate::{Error, Result};

/// The file of behavioural tests.
const CHECKS_FILE: &str = "checks.jsonl";

/// Bytes of the checks that are compared.
const CHECKS_BYTES_MAX: u64 = 256 << 20;

/// What is different between two releases, old and new.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// The old release.
    pub old: String,
    /// The new release.
    pub new: String,
    /// Files by name; those that are the same are left out.
    pub files: BTreeMap<String, FileDiff>,
    /// Tensors by file and name; those that are the same are left out.
    pub tensors: BTreeMap<String, TensorDiff>,
    /// Fields of the manifest, the plan's among them, by path (`plan.surfaces[0].length`).
    pub fields: BTreeMap<String, Change>,
    /// Checks by name; those that are the same are left out.
    pub checks: BTreeMap<String, Change>,
    /// Bytes of the old release.
    pub old_bytes: u64,
    /// Bytes of the new release.
    pub new_bytes: u64,
    /// Bytes that a device with the old release fetches: the delta, or the files that it has not.
    pub bytes_to_move: u64,
    /// Whether that is a delta.
    pub by_delta: bool,
}

/// A value that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The old value; none when it was not there.
    pub old: Option<Value>,
    /// The new value; none when it has gone.
    pub new: Option<Value>,
}

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    /// Length of the old one, bytes; none when it was not there.
    pub old: Option<u64>,
    /// Length of the new one; none when it has gone.
    pub new: Option<u64>,
}

/// Compares two releases of `registry`.
///
/// Rows of tensors are compared by their index. Tensors are read from the registry, and only those
/// of files that differ.
///
/// # Errors
/// [`Error::NotInRegistry`], [`Error::BlobDamaged`], [`Error::Core`] for a manifest or a tensor
/// file that cannot be read.
pub fn diff(registry: &Registry, old: &Reference, new: &Reference) -> Result<Diff> {
    let state = registry.state()?;
    let (old_name, old) = state.resolve(old)?;
    let (new_name, new) = state.resolve(new)?;
    let manifests = (registry.manifest(old)?, registry.manifest(new)?);
    let files = changes(&old.files, &new.files);
    let (bytes_to_move, by_delta) = bytes_to_move(&state, old, new);
    Ok(Diff {
        tensors: tensors::diff(registry, (&manifests.0, old), (&manifests.1, new))?,
        fields: fields(&manifests.0, &manifests.1)?,
        checks: registry.checks_diff(old, new)?,
        files: files
            .into_iter()
            .map(|(name, (old, new))| {
                let length = |blob: Option<&Blob>| blob.map(|blob| blob.length);
                (name.clone(), FileDiff { old: length(old), new: length(new) })
            })
            .collect(),
        old: old_name.to_string(),
        new: new_name.to_string(),
        old_bytes: old.bytes(),
        new_bytes: new.bytes(),
        bytes_to_move,
        by_delta,
    })
}

impl Registry {
    /// The manifest of a version.
    pub(super) fn manifest(&self, version: &Version) -> Result<Manifest> {
        Ok(Manifest::parse(&self.blob_bytes(&version.manifest)?)?)
    }

    fn checks_diff(&self, old: &Version, new: &Version) -> Result<BTreeMap<String, Change>> {
        if old.files.get(CHECKS_FILE) == new.files.get(CHECKS_FILE) {
            return Ok(BTreeMap::new());
        }
        let (old, new) = (self.checks(old)?, self.checks(new)?);
        Ok(owned(changes(&old, &new)))
    }

    /// The checks by their names, or by their lines when they have none.
    fn checks(&self, version: &Version) -> Result<BTreeMap<String, Value>> {
        let Some(blob) = version.files.get(CHECKS_FILE) else { return Ok(BTreeMap::new()) };
        if blob.length > CHECKS_BYTES_MAX {
            let reason = format!("has {} bytes: too many to compare", blob.length);
            return Err(Error::damaged(CHECKS_FILE, reason));
        }
        let bytes = self.blob_bytes(blob)?;
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let mut checks = BTreeMap::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let value: Value = serde_json::from_slice(line).map_err(|error| {
                Error::damaged(CHECKS_FILE, format!("line {}: {error}", index + 1))
            })?;
            let name = ["name", "id"].iter().find_map(|key| value.get(key)?.as_str());
            let name = name.map_or_else(|| format!("line {}", index + 1), str::to_owned);
            checks.insert(name, value);
        }
        Ok(checks)
    }
}

/// The delta's length, or that of every file whose bytes the old release has not.
fn bytes_to_move(state: &State, old: &Version, new: &Version) -> (u64, bool) {
    let (from, to) = (&old.manifest.sha256, &new.manifest.sha256);
    let mut deltas = state.deltas.iter();
    if let Some(delta) = deltas.find(|delta| delta.from == *from && delta.to == *to) {
        return (new.manifest.length + delta.length, true);
    }
    let there: BTreeSet<&str> = old.blobs().map(|blob| blob.sha256.as_str()).collect();
    let missing = new.blobs().filter(|blob| !there.contains(blob.sha256.as_str()));
    (missing.map(|blob| blob.length).sum(), false)
}

/// Every field of the manifests that differs, but those that only name files and tensors.
fn fields(old: &Manifest, new: &Manifest) -> Result<BTreeMap<String, Change>> {
    let wrong = |error: serde_json::Error| Error::damaged("manifest.json", error.to_string());
    let flat = |manifest: &Manifest| -> Result<BTreeMap<String, Value>> {
        let mut value = serde_json::to_value(manifest).map_err(wrong)?;
        if let Some(object) = value.as_object_mut() {
            object.remove("files");
            object.remove("tensors");
        }
        let mut flat = BTreeMap::new();
        flatten(String::new(), value, &mut flat);
        Ok(flat)
    };
    let (old, new) = (flat(old)?, flat(new)?);
    Ok(owned(changes(&old, &new)))
}

/// The leaves of `value` by their paths. Manifests nest a few levels, as their reader saw to.
fn flatten(path: String, value: Value, flat: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(format!("{path}{dot}{key}"), value, flat);
            }
        }
        Value::Array(list) if list.iter().any(|it| it.is_object() || it.is_array()) => {
            for (index, value) in list.into_iter().enumerate() {
                flatten(format!("{path}[{index}]"), value, flat);
            }
        }
        leaf => {
            flat.insert(path, leaf);
        }
    }
}

/// Keys whose values differ, with both.
pub(super) fn changes<'a, T: PartialEq + Debug>(
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> BTreeMap<&'a String, (Option<&'a T>, Option<&'a T>)> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let both = keys.into_iter().map(|key| (key, (old.get(key), new.get(key))));
    both.filter(|(_, (old, new))| old != new).collect()
}

fn owned(changes: BTreeMap<&String, (Option<&Value>, Option<&Value>)>) -> BTreeMap<String, Change> {
    let change = |(old, new): (Option<&Value>, Option<&Value>)| Change {
        old: old.cloned(),
        new: new.cloned(),
    };
    changes.into_iter().map(|(key, both)| (key.clone(), change(both))).collect()
}
