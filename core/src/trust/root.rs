//! The root: which keys each role has, and how many of them must sign.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;

use super::fields::{Fields, field};
use super::json::Json;
use super::signed::{Head, Signed, key_id, shortened};
use crate::base::TrustRefusal;
use crate::base::digest::bytes_of_hex;
use crate::base::limits::TRUST_KEYS_MAX;

/// A role of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Names the keys of all roles.
    Root,
    /// Says which snapshot is the newest; signed often, by an online key.
    Timestamp,
    /// Says which targets belong together; signed by an online key.
    Snapshot,
    /// Lists the releases; signed by keys that people hold.
    Targets,
}

impl Role {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Root, Self::Timestamp, Self::Snapshot, Self::Targets];

    /// Its name in metadata and in file names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }
}

/// The keys of one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleKeys {
    pub(super) keys: BTreeMap<String, VerifyingKey>,
    pub(super) threshold: usize,
}

impl RoleKeys {
    /// Whether the role has other keys than in `other`, whatever their ids.
    pub(super) fn differ_from(&self, other: &Self) -> bool {
        let points = |keys: &Self| -> BTreeSet<[u8; 32]> {
            keys.keys.values().map(VerifyingKey::to_bytes).collect()
        };
        points(self) != points(other)
    }
}

/// The content of a root file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) head: Head,
    roles: BTreeMap<Role, RoleKeys>,
}

impl Root {
    /// Reads a root; whether it is signed is another question.
    pub(super) fn parse(signed: &Signed) -> Result<Self, TrustRefusal> {
        let (fields, head) = signed.open(Role::Root)?;
        if !fields.flag("consistent_snapshot")? {
            return Err(fields.wrong("consistent_snapshot", "true is needed"));
        }
        let keys = keys(&fields.object("keys")?)?;
        let listed = fields.object("roles")?;
        let mut roles = BTreeMap::new();
        for role in Role::ALL {
            roles.insert(role, role_keys(&listed.object(role.name())?, &keys)?);
        }
        Ok(Self { head, roles })
    }

    pub(super) fn role(&self, role: Role) -> &RoleKeys {
        // `parse` fills in every role.
        &self.roles[&role]
    }
}

fn keys(fields: &Fields<'_>) -> Result<BTreeMap<String, VerifyingKey>, TrustRefusal> {
    if fields.entries().count() > TRUST_KEYS_MAX {
        return Err(field("signed.keys", format!("at most {TRUST_KEYS_MAX} keys are allowed")));
    }
    let (mut keys, mut points) = (BTreeMap::new(), BTreeSet::new());
    for (id, value) in fields.entries() {
        key_id(id).map_err(|why| fields.wrong(id, why))?;
        let entry = Fields::of(fields.path(id), value)?;
        let kind = (entry.text("keytype")?, entry.text("scheme")?);
        if kind != ("ed25519", "ed25519") {
            let found = format!("{}/{}", kind.0, kind.1).chars().take(64).collect();
            return Err(TrustRefusal::KeyType { key: shortened(id), found });
        }
        let key = bytes_of_hex::<32>(entry.object("keyval")?.text("public")?);
        let key = key.as_ref().and_then(usable_key);
        let key = key.ok_or_else(|| TrustRefusal::BadKey { key: shortened(id) })?;
        if !points.insert(key.to_bytes()) {
            let place = "signed.keys".to_owned();
            return Err(TrustRefusal::DuplicateKey { place, key: shortened(id) });
        }
        keys.insert(id.clone(), key);
    }
    Ok(keys)
}

/// A key that stands for one holder: a canonical point that is not of small order.
fn usable_key(bytes: &[u8; 32]) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(bytes).ok()?;
    // Another encoding of a point would count as another key towards a threshold.
    let canonical = key.to_edwards().compress().to_bytes() == *bytes;
    (canonical && !key.is_weak()).then_some(key)
}

fn role_keys(
    fields: &Fields<'_>,
    known: &BTreeMap<String, VerifyingKey>,
) -> Result<RoleKeys, TrustRefusal> {
    let mut keys = BTreeMap::new();
    for id in fields.list("keyids")? {
        let Json::Text(id) = id else {
            return Err(fields.wrong("keyids", "a list of strings is needed"));
        };
        let Some(key) = known.get(id) else {
            let reason = format!("{} is not among the keys", shortened(id));
            return Err(fields.wrong("keyids", reason));
        };
        if keys.insert(id.clone(), *key).is_some() {
            let place = fields.path("keyids");
            return Err(TrustRefusal::DuplicateKey { place, key: shortened(id) });
        }
    }
    // A threshold that its keys cannot meet would lock the role for ever.
    let most = keys.len() as u64;
    let threshold = fields.number("threshold", 1, most.max(1))?;
    if keys.is_empty() {
        return Err(fields.wrong("keyids", "at least one key is needed"));
    }
    Ok(RoleKeys { keys, threshold: threshold as usize })
}
