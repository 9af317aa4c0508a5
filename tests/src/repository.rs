//! A repository of releases in a folder, as a static server offers it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use noctule_core::base::digest::sha256_hex;
use noctule_core::release::{MANIFEST_FILE, Manifest};
use noctule_core::trust::{DeltaTarget, ReleaseTarget, Role};
use noctule_releases::trust::{
    Expiries, RepositoryKeys, RootPlan, TargetList, Versions, draft_root, sign_file, write_metadata,
};
use noctule_releases::{SecretKey, make_delta};

use crate::town::{DAY_MS, NOW_MS};

/// Until when everything is valid.
const UNTIL_MS: i64 = NOW_MS + 3_000 * DAY_MS;

/// The folder, and what it offers.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    offered: TargetList,
    number: u64,
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

impl Repository {
    /// A new one in `folder` that offers nothing.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let mut plan = RootPlan::first(UNTIL_MS);
        plan.set(Role::Root, &[key(1).public()], 1);
        plan.set(Role::Targets, &[key(1).public()], 1);
        plan.set(Role::Snapshot, &[key(2).public()], 1);
        plan.set(Role::Timestamp, &[key(2).public()], 1);
        fs::create_dir_all(folder.join("blobs")).unwrap();
        sign_file(&draft_root(folder, &plan).unwrap(), &key(1)).unwrap();
        let mut new =
            Self { folder: folder.to_path_buf(), offered: TargetList::default(), number: 0 };
        new.write();
        new
    }

    /// The root that ships in the app.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        fs::read(self.folder.join("metadata/1.root.json")).unwrap()
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Offers the release in `directory` to a share of the installations; gives the digest of its
    /// manifest.
    pub fn publish(&mut self, directory: &Path, percent: u8) -> String {
        let bytes = fs::read(directory.join(MANIFEST_FILE)).unwrap();
        let manifest = Manifest::parse(&bytes).unwrap();
        for (file, entry) in &manifest.files {
            let blob = self.blob(&entry.sha256);
            fs::copy(directory.join(file), blob).unwrap();
        }
        let sha256 = sha256_hex(&bytes);
        fs::write(self.blob(&sha256), &bytes).unwrap();
        self.offered.releases.push(ReleaseTarget {
            manifest_sha256: sha256.clone(),
            length: bytes.len() as u64,
            name: manifest.release.name,
            version: manifest.release.version,
            percent,
            halted: false,
        });
        self.write();
        sha256
    }

    /// Offers a delta between two releases that lie in these directories; gives its digest.
    pub fn publish_delta(&mut self, old: &Path, new: &Path) -> String {
        let out = self.folder.join("delta");
        make_delta(old, new, &out).unwrap();
        let bytes = fs::read(&out).unwrap();
        let sha256 = sha256_hex(&bytes);
        fs::rename(&out, self.blob(&sha256)).unwrap();
        let digest =
            |directory: &Path| sha256_hex(&fs::read(directory.join(MANIFEST_FILE)).unwrap());
        self.offered.deltas.push(DeltaTarget {
            sha256: sha256.clone(),
            length: bytes.len() as u64,
            from: digest(old),
            to: digest(new),
        });
        self.write();
        sha256
    }

    /// Changes what is said of a release.
    pub fn change(&mut self, manifest_sha256: &str, change: impl Fn(&mut ReleaseTarget)) {
        let mut releases = self.offered.releases.iter_mut();
        change(releases.find(|release| release.manifest_sha256 == manifest_sha256).unwrap());
        self.write();
    }

    /// Names of the files of the newest release, by digest.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let newest = self.offered.releases.last().unwrap();
        let bytes = fs::read(self.blob(&newest.manifest_sha256)).unwrap();
        let files = Manifest::parse(&bytes).unwrap().files.into_iter();
        files.map(|(name, entry)| (entry.sha256, name)).collect()
    }

    /// Where the blob of this digest lies.
    #[must_use]
    pub fn blob(&self, sha256: &str) -> PathBuf {
        self.folder.join("blobs").join(sha256)
    }

    fn write(&mut self) {
        self.number += 1;
        let number = self.number;
        let versions = Versions { targets: number, snapshot: number, timestamp: number };
        let expiries =
            Expiries { targets_ms: UNTIL_MS, snapshot_ms: UNTIL_MS, timestamp_ms: UNTIL_MS };
        let keys = RepositoryKeys {
            targets: vec![key(1)],
            snapshot: vec![key(2)],
            timestamp: vec![key(2)],
        };
        for (path, bytes) in write_metadata(&self.offered, versions, expiries, &keys).unwrap() {
            fs::write(self.folder.join(path), bytes).unwrap();
        }
    }
}
