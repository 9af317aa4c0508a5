//! The envelope of every metadata file: signatures, and what they sign.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, VerifyingKey};

use super::fields::{Fields, date_time_ms, field};
use super::json::Json;
use super::root::{Role, RoleKeys};
use crate::base::TrustRefusal;
use crate::base::digest::bytes_of_hex;
use crate::base::limits::{TRUST_KEYS_MAX, VERSION_MAX};

/// Bytes of a key id: SHA-256 in hexadecimal needs 64.
pub(super) const KEY_ID_BYTES_MAX: usize = 128;

/// A metadata file whose envelope was read; nobody has vouched for it yet.
pub(super) struct Signed {
    signatures: BTreeMap<String, Option<[u8; 64]>>,
    canonical: Vec<u8>,
    pub(super) body: Json,
}

/// What the signed part of every role begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) expires_ms: i64,
}

impl Signed {
    /// Reads the envelope; the caller has bounded the length.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, TrustRefusal> {
        let mut document = Json::parse(bytes).map_err(|reason| TrustRefusal::Json { reason })?;
        // Taken out: a copy would double what a large document holds.
        let body = match &mut document {
            Json::Object(fields) => fields.remove("signed"),
            _ => None,
        };
        let fields = Fields::of("", &document)?;
        let body = body.ok_or_else(|| fields.wrong("signed", "is missing"))?;
        let canonical = body.canonical();
        let listed = fields.list("signatures")?;
        if listed.len() > TRUST_KEYS_MAX {
            let reason = format!("{} entries, at most {TRUST_KEYS_MAX}", listed.len());
            return Err(fields.wrong("signatures", reason));
        }
        let mut signatures = BTreeMap::new();
        for (index, entry) in listed.iter().enumerate() {
            let entry = Fields::of(format!("signatures[{index}]"), entry)?;
            let key = key_id(entry.text("keyid")?).map_err(|why| entry.wrong("keyid", why))?;
            // A signature that is none (python-tuf writes "" for one still to come) counts for
            // nothing; others may still meet the threshold.
            let signature = bytes_of_hex::<64>(entry.text("sig")?);
            if signatures.insert(key.to_owned(), signature).is_some() {
                return Err(TrustRefusal::DuplicateSignature { key: shortened(key) });
            }
        }
        Ok(Self { signatures, canonical, body })
    }

    /// Checks that a threshold of `keys` signed; `name` is the role in errors.
    pub(super) fn verify(&self, name: &str, keys: &RoleKeys) -> Result<(), TrustRefusal> {
        if self.signatures.is_empty() {
            return Err(TrustRefusal::NotSigned);
        }
        let signed = |(id, key): &(&String, &VerifyingKey)| {
            let signature = self.signatures.get(*id).copied().flatten();
            signature.is_some_and(|bytes| {
                // Strict: neither points of small order nor a scalar beyond the group's order.
                key.verify_strict(&self.canonical, &Signature::from_bytes(&bytes)).is_ok()
            })
        };
        // The root holds every key once, so that these are distinct keys.
        let have = keys.keys.iter().filter(signed).count();
        let need = keys.threshold;
        if have >= need {
            return Ok(());
        }
        Err(TrustRefusal::Threshold { role: name.to_owned(), have, need })
    }

    /// The fields of the signed part, which must be of `role`, and their head.
    pub(super) fn open(&self, role: Role) -> Result<(Fields<'_>, Head), TrustRefusal> {
        let fields = Fields::of("signed", &self.body)?;
        let found = fields.text("_type")?;
        if found != role.name() {
            let found = found.chars().take(64).collect();
            return Err(TrustRefusal::WrongRole { expected: role.name(), found });
        }
        check_spec_version(fields.text("spec_version")?)?;
        let version = fields.number("version", 1, VERSION_MAX)?;
        let expires_ms = date_time_ms(fields.text("expires")?)
            .ok_or_else(|| fields.wrong("expires", "a date like 2030-01-31T12:00:00Z is needed"))?;
        Ok((fields, Head { version, expires_ms }))
    }
}

impl Head {
    /// Refuses what has expired at `now_ms`.
    pub(super) fn check_fresh(self, now_ms: i64) -> Result<(), TrustRefusal> {
        let expires_ms = self.expires_ms;
        if now_ms < expires_ms {
            return Ok(());
        }
        Err(TrustRefusal::Expired { expires_ms, now_ms })
    }
}

fn check_spec_version(text: &str) -> Result<(), TrustRefusal> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(parts.len(), 2 | 3) && parts[0] == "1" && parts.iter().all(number) {
        return Ok(());
    }
    Err(TrustRefusal::SpecVersion { found: text.chars().take(64).collect() })
}

/// Checks the form of a key id; what it is computed from is up to the repository.
pub(super) fn key_id(text: &str) -> Result<&str, String> {
    if (1..=KEY_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(format!("1 to {KEY_ID_BYTES_MAX} printable ASCII characters are needed"))
}

/// A key id as errors show it.
pub(super) fn shortened(key: &str) -> String {
    key.chars().take(16).collect()
}

/// The versions, lengths and hashes of files that `meta` names.
pub(super) fn meta_files(
    fields: &Fields<'_>,
) -> Result<BTreeMap<String, super::metadata::MetaFile>, TrustRefusal> {
    let meta = fields.object("meta")?;
    let mut files = BTreeMap::new();
    for (name, value) in meta.entries() {
        let entry = Fields::of(meta.path(name), value)?;
        let version = entry.number("version", 1, VERSION_MAX)?;
        let length = match entry.get("length") {
            Some(_) => Some(entry.number("length", 1, VERSION_MAX)?),
            None => None,
        };
        let sha256 = match entry.get("hashes") {
            Some(_) => Some(entry.sha256("hashes")?),
            None => None,
        };
        files.insert(name.clone(), super::metadata::MetaFile { version, length, sha256 });
    }
    if files.len() > super::metadata::META_FILES_MAX {
        return Err(field(fields.path("meta"), "too many files"));
    }
    Ok(files)
}
