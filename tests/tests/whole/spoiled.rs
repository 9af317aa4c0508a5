//! Releases with one thing wrong, signed all the same.

use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};
use noctule_core::release::{
    CATALOGUE_FILE, ITEMS_FILE, MANIFEST_FILE, SIGNATURE_FILE, sha256_hex,
};
use noctule_tests::Town;
use noctule_tests::town::KEY_SEED;
use serde_json::Value;

/// A release on disk that a test spoils.
pub(crate) struct Spoiled {
    pub(crate) directory: PathBuf,
    manifest: Value,
}

impl Spoiled {
    /// Version 2 of the town, as it was packed.
    pub(crate) fn packed(scratch: &Path) -> Self {
        Self::of(&Town { version: 2, ..Town::default() }, scratch)
    }

    /// The release of `town`, as it was packed.
    pub(crate) fn of(town: &Town, scratch: &Path) -> Self {
        let directory = town.pack(scratch);
        let bytes = std::fs::read(directory.join(MANIFEST_FILE)).unwrap();
        Self { manifest: serde_json::from_slice(&bytes).unwrap(), directory }
    }

    /// Replaces a file without telling the manifest.
    pub(crate) fn replace(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.directory.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    }

    /// Changes the catalogue's file.
    pub(crate) fn catalogue(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.replace(CATALOGUE_FILE, change);
        self.sign();
    }

    /// Takes the catalogue of another release.
    pub(crate) fn catalogue_of(&mut self, other: &Self) {
        std::fs::copy(other.directory.join(CATALOGUE_FILE), self.directory.join(CATALOGUE_FILE))
            .unwrap();
        self.manifest["tensors"][CATALOGUE_FILE] =
            other.manifest["tensors"][CATALOGUE_FILE].clone();
        self.sign();
    }

    /// Changes the header of the item tensors, their entries in the manifest, and the values.
    pub(crate) fn tensors(&mut self, change: impl FnOnce(&mut Value, &mut Value, &mut Vec<u8>)) {
        let entries = &mut self.manifest["tensors"][ITEMS_FILE];
        let path = self.directory.join(ITEMS_FILE);
        let bytes = std::fs::read(&path).unwrap();
        let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
        let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let mut header: Value = serde_json::from_slice(header).unwrap();
        let mut values = values.to_vec();
        change(&mut header, entries, &mut values);
        let mut header = serde_json::to_vec(&header).unwrap();
        header.resize(header.len().next_multiple_of(8), b' ');
        let length = (header.len() as u64).to_le_bytes();
        std::fs::write(path, [&length[..], &header, &values].concat()).unwrap();
        self.sign();
    }

    /// Changes the manifest.
    pub(crate) fn manifest(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.manifest);
        self.sign();
    }

    /// Makes the manifest fit the files, and signs it with the key that phones trust.
    fn sign(&mut self) {
        let files = self.manifest["files"].as_object_mut().unwrap();
        for (file, entry) in files {
            let bytes = std::fs::read(self.directory.join(file)).unwrap();
            entry["length"] = bytes.len().into();
            entry["sha256"] = sha256_hex(&bytes).into();
        }
        let bytes = serde_json::to_vec_pretty(&self.manifest).unwrap();
        let signature = SigningKey::from_bytes(&KEY_SEED).sign(&bytes).to_bytes();
        std::fs::write(self.directory.join(SIGNATURE_FILE), signature).unwrap();
        std::fs::write(self.directory.join(MANIFEST_FILE), bytes).unwrap();
    }
}
