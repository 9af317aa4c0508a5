//! Targets: the releases and deltas that the repository vouches for.

use std::collections::{BTreeMap, BTreeSet};

use super::BLOBS_FOLDER;
use super::fields::{Fields, is_sha256};
use super::json::Json;
use super::root::Role;
use super::signed::{Head, Signed};
use crate::base::TrustRefusal;
use crate::base::limits::{RELEASE_BYTES_MAX, VERSION_MAX};

/// Bytes of a target's path.
const PATH_BYTES_MAX: usize = 512;
/// Bytes of a release's name.
const NAME_BYTES_MAX: usize = 64;
/// Field of `custom` in which Noctule says what a target is.
const CUSTOM: &str = "noctule";

/// Length and digest of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFile {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub length: u64,
}

/// A release that the repository offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTarget {
    /// SHA-256 of its manifest, lower-case hex; the manifest lies at `blobs/<sha256>`.
    pub manifest_sha256: String,
    /// Length of the manifest in bytes.
    pub length: u64,
    /// Line of releases.
    pub name: String,
    /// Version in the line.
    pub version: u64,
    /// Share of the installations that it is for, 0 to 100 per cent.
    pub percent: u8,
    /// Whether its roll-out was stopped: nobody installs it any more.
    pub halted: bool,
}

/// A file that turns one release into another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaTarget {
    /// SHA-256 of the delta, lower-case hex; it lies at `blobs/<sha256>`.
    pub sha256: String,
    /// Length of the delta in bytes.
    pub length: u64,
    /// SHA-256 of the manifest it starts from.
    pub from: String,
    /// SHA-256 of the manifest it leads to.
    pub to: String,
}

/// The content of a targets file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Targets {
    pub(super) head: Head,
    pub(super) files: BTreeMap<String, TargetFile>,
    pub(super) releases: Vec<ReleaseTarget>,
    pub(super) deltas: Vec<DeltaTarget>,
}

impl Targets {
    pub(super) fn parse(signed: &Signed) -> Result<Self, TrustRefusal> {
        let (fields, head) = signed.open(Role::Targets)?;
        check_delegations(&fields)?;
        let (files, releases, deltas) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut targets = Self { head, files, releases, deltas };
        let listed = fields.object("targets")?;
        for (path, value) in listed.entries() {
            targets.add(path, &Fields::of(listed.path(path), value)?)?;
        }
        let mut names = BTreeSet::new();
        for release in &targets.releases {
            if !names.insert((&release.name, release.version)) {
                let reason = format!("{}@{} is there twice", release.name, release.version);
                return Err(fields.wrong("targets", reason));
            }
        }
        Ok(targets)
    }

    fn add(&mut self, path: &str, entry: &Fields<'_>) -> Result<(), TrustRefusal> {
        if path.is_empty() || path.len() > PATH_BYTES_MAX || path.chars().any(char::is_control) {
            let reason = format!("a path has 1 to {PATH_BYTES_MAX} bytes, no control characters");
            return Err(super::fields::field("signed.targets", reason));
        }
        let length = entry.number("length", 0, RELEASE_BYTES_MAX)?;
        let file = TargetFile { sha256: entry.sha256("hashes")?, length };
        if entry.get("custom").is_some() {
            let custom = entry.object("custom")?;
            if custom.get(CUSTOM).is_some() {
                self.add_custom(path, &file, &custom.object(CUSTOM)?)?;
            }
        }
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn add_custom(
        &mut self,
        path: &str,
        file: &TargetFile,
        custom: &Fields<'_>,
    ) -> Result<(), TrustRefusal> {
        let kind = custom.text("kind")?;
        if !matches!(kind, "release" | "delta") {
            // Of a kind that a newer library knows.
            return Ok(());
        }
        if path != format!("{BLOBS_FOLDER}/{}", file.sha256) {
            let reason = format!("the path of such a target is {BLOBS_FOLDER}/<its SHA-256>");
            return Err(custom.wrong("kind", reason));
        }
        let (sha256, length) = (file.sha256.clone(), file.length);
        if kind == "delta" {
            let (from, to) = (digest(custom, "from")?, digest(custom, "to")?);
            self.deltas.push(DeltaTarget { sha256, length, from, to });
            return Ok(());
        }
        let name = custom.text("name")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            let reason = format!("1 to {NAME_BYTES_MAX} of a-z, 0-9, '_' and '-' are needed");
            return Err(custom.wrong("name", reason));
        }
        self.releases.push(ReleaseTarget {
            manifest_sha256: sha256,
            length,
            name: name.to_owned(),
            version: custom.number("version", 1, VERSION_MAX)?,
            percent: custom.number("percent", 0, 100)? as u8,
            halted: custom.flag("halted")?,
        });
        Ok(())
    }
}

fn digest(custom: &Fields<'_>, name: &str) -> Result<String, TrustRefusal> {
    let text = custom.text(name)?;
    if is_sha256(text) {
        return Ok(text.to_owned());
    }
    Err(custom.wrong(name, "64 lower-case hexadecimal digits are needed"))
}

/// Delegated roles are not followed; ignoring them would hide their releases without a word.
fn check_delegations(fields: &Fields<'_>) -> Result<(), TrustRefusal> {
    let Some(value) = fields.get("delegations") else { return Ok(()) };
    let delegations = Fields::of(fields.path("delegations"), value)?;
    let nobody = match (delegations.get("roles"), delegations.get("succinct_roles")) {
        (None, None) => true,
        (Some(Json::List(roles)), None) => roles.is_empty(),
        _ => false,
    };
    if nobody { Ok(()) } else { Err(TrustRefusal::Delegations) }
}
