//! The metadata that a device trusts, and how they are kept.

use bincode::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::Current;
use super::metadata::{Snapshot, TARGETS_FILE, Timestamp};
use super::root::{Role, Root};
use super::signed::{Head, Signed};
use super::targets::Targets;
use crate::base::limits::ROOT_BYTES_MAX;
use crate::base::{Error, Result, TrustRefusal};
use crate::store::blob;

/// Format of the stored set.
const FORMAT: u8 = 1;
/// What errors call it.
const WHAT: &str = "the trusted metadata";
/// Roots whose digests are remembered; the newest ones stay.
const LINEAGE_MAX: usize = 4_096;

/// A metadata file and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held<T> {
    pub(super) bytes: Vec<u8>,
    pub(super) value: T,
}

/// The newest root, timestamp, snapshot and targets that passed every check.
///
/// Begins with a root file only; [`super::Update`] completes and renews it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedSet {
    pub(super) root: Held<Root>,
    pub(super) timestamp: Option<Held<Timestamp>>,
    pub(super) snapshot: Option<Held<Snapshot>>,
    pub(super) targets: Option<Held<Targets>>,
    /// SHA-256 of every root on the way here.
    lineage: Vec<[u8; 32]>,
    targets_keys_rotated: bool,
}

#[derive(Encode, Decode)]
struct Stored {
    lineage: Vec<[u8; 32]>,
    targets_keys_rotated: bool,
    root: Vec<u8>,
    timestamp: Option<Vec<u8>>,
    snapshot: Option<Vec<u8>>,
    targets: Option<Vec<u8>>,
}

impl TrustedSet {
    /// Trusts a root file, which must be signed by a threshold of its own keys. It may have
    /// expired: the next refresh asks for a newer one first.
    ///
    /// # Errors
    /// [`Error::TrustRefused`].
    pub fn from_root(bytes: &[u8]) -> Result<Self> {
        let root = read_root(bytes).map_err(|refusal| Error::untrusted("root.json", refusal))?;
        Ok(Self {
            lineage: vec![Sha256::digest(bytes).into()],
            root: Held { bytes: bytes.to_vec(), value: root },
            timestamp: None,
            snapshot: None,
            targets: None,
            targets_keys_rotated: false,
        })
    }

    /// What the set offers, if it is complete, of one repository state, and no part has expired.
    ///
    /// # Errors
    /// [`Error::TrustRefused`] with [`TrustRefusal::Incomplete`] or [`TrustRefusal::Expired`].
    pub fn current(&self, now_ms: i64) -> Result<Current<'_>> {
        let refused = |role: Role| {
            move |refusal| Error::untrusted(format!("metadata/{}.json", role.name()), refusal)
        };
        let incomplete = |role| refused(role)(TrustRefusal::Incomplete);
        let timestamp = self.timestamp.as_ref().ok_or_else(|| incomplete(Role::Timestamp))?;
        let snapshot = self.snapshot.as_ref().ok_or_else(|| incomplete(Role::Snapshot))?;
        let targets = self.targets.as_ref().ok_or_else(|| incomplete(Role::Targets))?;
        for (role, head) in [
            (Role::Root, self.root.value.head),
            (Role::Timestamp, timestamp.value.head),
            (Role::Snapshot, snapshot.value.head),
            (Role::Targets, targets.value.head),
        ] {
            head.check_fresh(now_ms).map_err(refused(role))?;
        }
        if timestamp.value.snapshot.version != snapshot.value.head.version {
            return Err(incomplete(Role::Snapshot));
        }
        if snapshot.value.targets.version != targets.value.head.version {
            return Err(incomplete(Role::Targets));
        }
        Ok(Current { targets: &targets.value })
    }

    /// When the first part of the set expires, Unix milliseconds.
    #[must_use]
    pub fn expires_ms(&self) -> i64 {
        let heads = [
            Some(self.root.value.head),
            self.timestamp.as_ref().map(|held| held.value.head),
            self.snapshot.as_ref().map(|held| held.value.head),
            self.targets.as_ref().map(|held| held.value.head),
        ];
        let expiries = heads.iter().flatten().map(|head| head.expires_ms);
        expiries.fold(i64::MAX, i64::min)
    }

    /// The version of a role's metadata, if there are any.
    #[must_use]
    pub fn version(&self, role: Role) -> Option<u64> {
        let head: Option<Head> = match role {
            Role::Root => Some(self.root.value.head),
            Role::Timestamp => self.timestamp.as_ref().map(|held| held.value.head),
            Role::Snapshot => self.snapshot.as_ref().map(|held| held.value.head),
            Role::Targets => self.targets.as_ref().map(|held| held.value.head),
        };
        head.map(|head| head.version)
    }

    /// Whether the keys of the targets role changed since the last call; asking forgets it.
    ///
    /// Whoever held the old keys may have pushed the versions of releases beyond any later one:
    /// the versions that the device has seen count no more.
    pub fn take_targets_rotation(&mut self) -> bool {
        std::mem::take(&mut self.targets_keys_rotated)
    }

    /// Whether the root file `bytes` is one on the way to the root of this set.
    #[must_use]
    pub fn descends_from(&self, bytes: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        self.lineage.contains(&digest)
    }

    /// Replaces the root by its verified successor; metadata of roles whose keys changed go, so
    /// that no version that a thief of those keys chose stays in the way.
    pub(super) fn advance(&mut self, bytes: &[u8], root: Root) {
        let rotated = |role| self.root.value.role(role).differ_from(root.role(role));
        let (online, targets) =
            (rotated(Role::Timestamp) || rotated(Role::Snapshot), rotated(Role::Targets));
        if online {
            self.timestamp = None;
            self.snapshot = None;
        }
        if targets {
            self.targets = None;
            self.targets_keys_rotated = true;
        }
        if self.lineage.len() >= LINEAGE_MAX {
            self.lineage.remove(0);
        }
        self.lineage.push(Sha256::digest(bytes).into());
        self.root = Held { bytes: bytes.to_vec(), value: root };
    }

    /// The set for a device's storage.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it takes more than a stored blob may.
    pub fn encode(&self) -> Result<Vec<u8>> {
        fn bytes<T>(held: &Option<Held<T>>) -> Option<Vec<u8>> {
            held.as_ref().map(|held| held.bytes.clone())
        }
        let stored = Stored {
            lineage: self.lineage.clone(),
            targets_keys_rotated: self.targets_keys_rotated,
            root: self.root.bytes.clone(),
            timestamp: bytes(&self.timestamp),
            snapshot: bytes(&self.snapshot),
            targets: bytes(&self.targets),
        };
        blob::encode(WHAT, FORMAT, &stored)
    }

    /// Reads what [`Self::encode`] wrote. Signatures are checked again; what no longer holds is
    /// left out and fetched anew.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn decode(blob: &[u8]) -> Result<Self> {
        let stored: Stored = blob::decode(WHAT, FORMAT, blob)?;
        let mut set = Self::from_root(&stored.root)
            .map_err(|error| Error::damaged(WHAT, error.to_string()))?;
        set.lineage = stored.lineage;
        set.targets_keys_rotated = stored.targets_keys_rotated;
        set.timestamp = set.held(Role::Timestamp, stored.timestamp, Timestamp::parse);
        set.snapshot = set.held(Role::Snapshot, stored.snapshot, Snapshot::parse);
        set.targets = set.held(Role::Targets, stored.targets, Targets::parse);
        Ok(set)
    }

    /// Takes over from `other` what the keys of this root signed.
    pub(super) fn adopt(&mut self, other: Self) {
        let bytes = other.timestamp.map(|held| held.bytes);
        self.timestamp = self.held(Role::Timestamp, bytes, Timestamp::parse);
        let bytes = other.snapshot.map(|held| held.bytes);
        self.snapshot = self.held(Role::Snapshot, bytes, Snapshot::parse);
        let bytes = other.targets.map(|held| held.bytes);
        self.targets = self.held(Role::Targets, bytes, Targets::parse);
        self.targets_keys_rotated |= other.targets_keys_rotated
            || other
                .root
                .value
                .role(Role::Targets)
                .differ_from(self.root.value.role(Role::Targets));
    }

    fn held<T>(
        &self,
        role: Role,
        bytes: Option<Vec<u8>>,
        parse: impl Fn(&Signed) -> Result<T, TrustRefusal>,
    ) -> Option<Held<T>> {
        let bytes = bytes?;
        let value = self.verified(role, &bytes).and_then(|signed| parse(&signed)).ok()?;
        Some(Held { bytes, value })
    }

    /// Reads the envelope of a file that the role's keys of this root signed.
    pub(super) fn verified(&self, role: Role, bytes: &[u8]) -> Result<Signed, TrustRefusal> {
        let signed = Signed::parse(bytes)?;
        signed.verify(role.name(), self.root.value.role(role))?;
        Ok(signed)
    }

    /// What the snapshot says of the targets file.
    pub(super) fn targets_meta(&self) -> Option<&super::metadata::MetaFile> {
        self.snapshot.as_ref().and_then(|held| held.value.files.get(TARGETS_FILE))
    }
}

/// A root that a threshold of its own keys signed.
fn read_root(bytes: &[u8]) -> Result<Root, TrustRefusal> {
    if bytes.len() as u64 > ROOT_BYTES_MAX {
        return Err(TrustRefusal::TooLarge { limit: ROOT_BYTES_MAX });
    }
    let signed = Signed::parse(bytes)?;
    let root = Root::parse(&signed)?;
    signed.verify(&format!("root {}", root.head.version), root.role(Role::Root))?;
    Ok(root)
}
