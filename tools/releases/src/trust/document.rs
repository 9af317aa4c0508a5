//! A metadata file on its way through the hands of those who sign it.

use std::collections::BTreeMap;

use noctule_core::base::digest::{hex_of, sha256_hex};
use noctule_core::trust::json::Json;

use crate::{Error, PublicKey, Result, SecretKey};

/// What errors call it.
const WHAT: &str = "metadata";

/// A metadata file: what is signed, and the signatures so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    signatures: BTreeMap<String, String>,
    signed: Json,
}

/// The id of a key as python-tuf computes it: SHA-256 of the key's canonical JSON.
#[must_use]
pub fn key_id(key: &PublicKey) -> String {
    sha256_hex(&key_json(key).canonical())
}

/// A key as a root file lists it.
pub(super) fn key_json(key: &PublicKey) -> Json {
    Json::from([
        ("keytype", "ed25519".into()),
        ("scheme", "ed25519".into()),
        ("keyval", Json::from([("public", key.to_string().as_str().into())])),
    ])
}

impl Document {
    /// A document that nobody has signed.
    #[must_use]
    pub fn unsigned(signed: Json) -> Self {
        Self { signatures: BTreeMap::new(), signed }
    }

    /// Reads a metadata file, whoever signed it.
    ///
    /// # Errors
    /// [`Error::Part`] when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let wrong = |reason: &str| Error::part(WHAT, reason);
        let document = Json::parse(bytes).map_err(|reason| Error::part(WHAT, reason))?;
        let Json::Object(mut fields) = document else { return Err(wrong("an object is needed")) };
        let signed = fields.remove("signed").ok_or_else(|| wrong("`signed` is missing"))?;
        let Some(Json::List(listed)) = fields.remove("signatures") else {
            return Err(wrong("`signatures` is missing"));
        };
        let mut signatures = BTreeMap::new();
        for entry in listed {
            let Json::Object(entry) = entry else { return Err(wrong("a signature is no object")) };
            let (Some(Json::Text(key)), Some(Json::Text(signature))) =
                (entry.get("keyid"), entry.get("sig"))
            else {
                return Err(wrong("a signature needs `keyid` and `sig`"));
            };
            signatures.insert(key.clone(), signature.clone());
        }
        Ok(Self { signatures, signed })
    }

    /// Adds the signature of `key`, or replaces it.
    pub fn sign(&mut self, key: &SecretKey) {
        let signature = hex_of(&key.sign(&self.signed.canonical()));
        self.signatures.insert(key_id(&key.public()), signature);
    }

    /// What is signed.
    #[must_use]
    pub fn signed(&self) -> &Json {
        &self.signed
    }

    /// The ids of the keys that signed.
    pub fn signers(&self) -> impl Iterator<Item = &str> {
        self.signatures.keys().map(String::as_str)
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::Part`] when it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let signatures = self.signatures.iter().map(|(key, signature)| {
            Json::from([("keyid", key.as_str().into()), ("sig", signature.as_str().into())])
        });
        let signatures = Json::List(signatures.collect());
        let document = Json::from([("signatures", signatures), ("signed", self.signed.clone())]);
        let text = serde_json::to_vec_pretty(&document);
        text.map_err(|error| Error::part(WHAT, error.to_string()))
    }
}
