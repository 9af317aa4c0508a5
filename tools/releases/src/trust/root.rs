//! Root files: made, and changed.

use std::collections::BTreeMap;
use std::str::FromStr;

use noctule_core::base::Day;
use noctule_core::trust::Role;
use noctule_core::trust::json::Json;

use super::document::{Document, key_id, key_json};
use crate::{Error, PublicKey, Result};

/// The version of the specification that is followed.
pub(super) const SPEC_VERSION: &str = "1.0.31";

/// What a root file says: the keys and the threshold of each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPlan {
    /// Version of the root file, from 1.
    pub version: u64,
    /// End of its validity, Unix milliseconds; whole seconds count.
    pub expires_ms: i64,
    roles: BTreeMap<Role, (Vec<PublicKey>, u64)>,
}

impl RootPlan {
    /// A first root without any key yet.
    #[must_use]
    pub fn first(expires_ms: i64) -> Self {
        Self { version: 1, expires_ms, roles: BTreeMap::new() }
    }

    /// Reads what the root file of `document` says.
    ///
    /// # Errors
    /// [`Error::Part`] when it is no root file that devices accept.
    pub fn of(document: &Document) -> Result<Self> {
        let wrong = |what: &str| Error::part("root", format!("{what} is missing or wrong"));
        let Json::Object(signed) = document.signed() else { return Err(wrong("signed")) };
        let (Some(Json::Text(kind)), Some(Json::Integer(version)), Some(Json::Text(expires))) =
            (signed.get("_type"), signed.get("version"), signed.get("expires"))
        else {
            return Err(wrong("_type, version or expires"));
        };
        let expires_ms = noctule_core::trust::date_time_ms(expires);
        let expires_ms = expires_ms.ok_or_else(|| wrong("expires"))?;
        let version = u64::try_from(*version).map_err(|_| wrong("version"))?;
        let (Some(Json::Object(keys)), Some(Json::Object(listed))) =
            (signed.get("keys"), signed.get("roles"))
        else {
            return Err(wrong("keys or roles"));
        };
        if kind != "root" {
            return Err(wrong("_type"));
        }
        let mut roles = BTreeMap::new();
        for role in Role::ALL {
            let found = listed.get(role.name()).and_then(|value| role_of(value, keys));
            roles.insert(role, found.ok_or_else(|| wrong(role.name()))?);
        }
        Ok(Self { version, expires_ms, roles })
    }

    /// The next version of this root.
    #[must_use]
    pub fn next(&self, expires_ms: i64) -> Self {
        Self { version: self.version + 1, expires_ms, roles: self.roles.clone() }
    }

    /// Gives a role these keys, of which `threshold` must sign.
    pub fn set(&mut self, role: Role, keys: &[PublicKey], threshold: u64) {
        self.roles.insert(role, (keys.to_vec(), threshold));
    }

    /// The keys of a role, and its threshold.
    #[must_use]
    pub fn role(&self, role: Role) -> (&[PublicKey], u64) {
        self.roles.get(&role).map_or((&[], 0), |(keys, threshold)| (keys, *threshold))
    }

    /// Adds a key to a role.
    pub fn add(&mut self, role: Role, key: PublicKey) {
        let (keys, _) = self.roles.entry(role).or_insert_with(|| (Vec::new(), 1));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Takes a key from every role.
    pub fn remove(&mut self, key: &PublicKey) {
        for (keys, _) in self.roles.values_mut() {
            keys.retain(|kept| kept != key);
        }
    }

    /// Changes the threshold of a role.
    pub fn set_threshold(&mut self, role: Role, threshold: u64) {
        if let Some((_, kept)) = self.roles.get_mut(&role) {
            *kept = threshold;
        }
    }

    /// The root file, for the holders of the old and of the new root keys to sign.
    ///
    /// # Errors
    /// [`Error::Part`] when a role has fewer keys than its threshold.
    pub fn document(&self) -> Result<Document> {
        let (mut keys, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for role in Role::ALL {
            let (holders, threshold) = self.role(role);
            if threshold == 0 || threshold > holders.len() as u64 {
                let reason = format!("{threshold} of {} keys cannot sign", holders.len());
                return Err(Error::part(role.name(), reason));
            }
            for key in holders {
                keys.insert(key_id(key), key_json(key));
            }
            let ids = holders.iter().map(|key| Json::Text(key_id(key))).collect();
            let threshold = number("threshold", threshold)?;
            let entry = Json::from([("keyids", Json::List(ids)), ("threshold", threshold)]);
            roles.insert(role.name().to_owned(), entry);
        }
        let mut signed = head(Role::Root, self.version, self.expires_ms)?;
        signed.insert("consistent_snapshot".into(), Json::Bool(true));
        signed.insert("keys".into(), Json::Object(keys));
        signed.insert("roles".into(), Json::Object(roles));
        Ok(Document::unsigned(Json::Object(signed)))
    }
}

fn role_of(value: &Json, keys: &BTreeMap<String, Json>) -> Option<(Vec<PublicKey>, u64)> {
    let Json::Object(role) = value else { return None };
    let (Some(Json::List(ids)), Some(Json::Integer(threshold))) =
        (role.get("keyids"), role.get("threshold"))
    else {
        return None;
    };
    let key = |id: &Json| -> Option<PublicKey> {
        let Json::Text(id) = id else { return None };
        let Json::Object(key) = keys.get(id)? else { return None };
        let Json::Object(value) = key.get("keyval")? else { return None };
        let Json::Text(public) = value.get("public")? else { return None };
        PublicKey::from_str(public).ok()
    };
    let holders: Option<Vec<PublicKey>> = ids.iter().map(key).collect();
    Some((holders?, u64::try_from(*threshold).ok()?))
}

/// The fields that every role begins with.
pub(super) fn head(role: Role, version: u64, expires_ms: i64) -> Result<BTreeMap<String, Json>> {
    let fields = [
        ("_type", Json::from(role.name())),
        ("spec_version", SPEC_VERSION.into()),
        ("version", number("version", version)?),
        ("expires", date_time(expires_ms).as_str().into()),
    ];
    Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub(super) fn number(field: &str, number: u64) -> Result<Json> {
    let number = i64::try_from(number).map_err(|_| Error::part(field, "is too large"))?;
    Ok(Json::Integer(number))
}

/// `YYYY-MM-DDTHH:MM:SSZ`.
fn date_time(at_ms: i64) -> String {
    let (day, second) = (Day::at(at_ms, 0), at_ms.div_euclid(1_000).rem_euclid(86_400));
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{day}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}
