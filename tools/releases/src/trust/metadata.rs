//! Targets, snapshot and timestamp of one repository state.

use std::collections::BTreeMap;

use noctule_core::base::digest::sha256_hex;
use noctule_core::trust::json::Json;
use noctule_core::trust::{BLOBS_FOLDER, DeltaTarget, METADATA_FOLDER, ReleaseTarget, Role};

use super::document::Document;
use super::root::{head, number};
use crate::{Result, SecretKey};

/// What a repository offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetList {
    /// The releases, halted ones too.
    pub releases: Vec<ReleaseTarget>,
    /// The deltas between them.
    pub deltas: Vec<DeltaTarget>,
}

/// The keys that sign a repository state. The root's are not among them.
#[derive(Debug)]
pub struct RepositoryKeys {
    /// Keys of people, as many as the targets role needs.
    pub targets: Vec<SecretKey>,
    /// The online key, or several.
    pub snapshot: Vec<SecretKey>,
    /// The online key, or several.
    pub timestamp: Vec<SecretKey>,
}

/// The versions of one repository state, each higher than in the state before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Of `targets.json`.
    pub targets: u64,
    /// Of `snapshot.json`.
    pub snapshot: u64,
    /// Of `timestamp.json`.
    pub timestamp: u64,
}

/// Until when each part is valid, Unix milliseconds; whole seconds count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiries {
    /// Of `targets.json`: months.
    pub targets_ms: i64,
    /// Of `snapshot.json`: weeks.
    pub snapshot_ms: i64,
    /// Of `timestamp.json`: days.
    pub timestamp_ms: i64,
}

/// The files of a repository state, by their path below the repository, in the order in which they
/// are to be written: the timestamp, which makes the rest visible, comes last.
///
/// # Errors
/// [`crate::Error::Part`] for a number that is too large.
pub fn write_metadata(
    offered: &TargetList,
    versions: Versions,
    expiries: Expiries,
    keys: &RepositoryKeys,
) -> Result<Vec<(String, Vec<u8>)>> {
    let targets = targets(offered, versions.targets, expiries.targets_ms)?;
    let targets = signed(targets, &keys.targets)?;
    let path = format!("{METADATA_FOLDER}/{}.targets.json", versions.targets);
    let mut files = vec![(path, targets)];
    let online = write_online(&files[0].1, versions, expiries, keys)?;
    files.extend(online);
    Ok(files)
}

/// Snapshot and timestamp alone, for targets that were signed before: `targets` are the bytes of
/// the file of the version that `versions` names. The keys of the targets are not needed.
///
/// # Errors
/// As [`write_metadata`].
pub fn write_online(
    targets: &[u8],
    versions: Versions,
    expiries: Expiries,
    keys: &RepositoryKeys,
) -> Result<Vec<(String, Vec<u8>)>> {
    let snapshot = meta(
        Role::Snapshot,
        (versions.snapshot, expiries.snapshot_ms),
        (Role::Targets, versions.targets, targets),
    )?;
    let snapshot = signed(snapshot, &keys.snapshot)?;
    let timestamp = meta(
        Role::Timestamp,
        (versions.timestamp, expiries.timestamp_ms),
        (Role::Snapshot, versions.snapshot, &snapshot),
    )?;
    let timestamp = signed(timestamp, &keys.timestamp)?;
    Ok(vec![
        (format!("{METADATA_FOLDER}/{}.snapshot.json", versions.snapshot), snapshot),
        (format!("{METADATA_FOLDER}/timestamp.json"), timestamp),
    ])
}

fn signed(mut document: Document, keys: &[SecretKey]) -> Result<Vec<u8>> {
    for key in keys {
        document.sign(key);
    }
    document.to_bytes()
}

fn targets(offered: &TargetList, version: u64, expires_ms: i64) -> Result<Document> {
    let mut listed = BTreeMap::new();
    let mut add = |sha256: &str, length: u64, noctule: Json| -> Result<()> {
        let entry = Json::from([
            ("length", number("length", length)?),
            ("hashes", Json::from([("sha256", sha256.into())])),
            ("custom", Json::from([("noctule", noctule)])),
        ]);
        listed.insert(format!("{BLOBS_FOLDER}/{sha256}"), entry);
        Ok(())
    };
    for release in &offered.releases {
        let noctule = Json::from([
            ("kind", "release".into()),
            ("name", release.name.as_str().into()),
            ("version", number("version", release.version)?),
            ("percent", i64::from(release.percent).into()),
            ("halted", Json::Bool(release.halted)),
        ]);
        add(&release.manifest_sha256, release.length, noctule)?;
    }
    for delta in &offered.deltas {
        let (from, to) = (delta.from.as_str().into(), delta.to.as_str().into());
        let noctule = Json::from([("kind", "delta".into()), ("from", from), ("to", to)]);
        add(&delta.sha256, delta.length, noctule)?;
    }
    let mut fields = head(Role::Targets, version, expires_ms)?;
    fields.insert("targets".into(), Json::Object(listed));
    Ok(Document::unsigned(Json::Object(fields)))
}

/// A snapshot or a timestamp, which names one other file.
fn meta(
    role: Role,
    (version, expires_ms): (u64, i64),
    (named, named_version, bytes): (Role, u64, &[u8]),
) -> Result<Document> {
    let entry = Json::from([
        ("version", number("version", named_version)?),
        ("length", number("length", bytes.len() as u64)?),
        ("hashes", Json::from([("sha256", sha256_hex(bytes).as_str().into())])),
    ]);
    let file = format!("{}.json", named.name());
    let mut fields = head(role, version, expires_ms)?;
    fields.insert("meta".into(), Json::from([(file.as_str(), entry)]));
    Ok(Document::unsigned(Json::Object(fields)))
}
