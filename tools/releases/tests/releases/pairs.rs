//! Two releases, the older and the newer, of files that a test chooses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use noctule_core::base::{CancelToken, Error, Refusal, Result, Seed, SeededRandom};
use noctule_core::release::delta::apply;
use noctule_core::release::{MANIFEST_FILE, Manifest, sha256_hex};
use noctule_releases::{MadeDelta, make_delta, pack};
use serde_json::{Value, json};

use crate::parts::{input, key};

/// The files of a release beside those that every one has.
pub(crate) type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A small release: its manifest, and its files by name.
fn base() -> &'static (Value, BTreeMap<String, Vec<u8>>) {
    static BASE: OnceLock<(Value, BTreeMap<String, Vec<u8>>)> = OnceLock::new();
    BASE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let packed = pack(&input(3, 2), &key(), &directory.path().join("r")).unwrap();
        let read = |file: &String| std::fs::read(packed.directory.join(file)).unwrap();
        let files = packed.manifest.files.keys().map(|file| (file.clone(), read(file)));
        (serde_json::to_value(&packed.manifest).unwrap(), files.collect())
    })
}

/// Writes a release of `files` and those of the base.
fn write(directory: &Path, files: Files<'_>) {
    std::fs::create_dir(directory).unwrap();
    let (manifest, others) = base();
    let mut manifest = manifest.clone();
    let others = others.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    for (name, bytes) in others.chain(files.iter().copied()) {
        std::fs::write(directory.join(name), bytes).unwrap();
        let entry = json!({"length": bytes.len(), "sha256": sha256_hex(bytes)});
        manifest["files"][name] = entry;
    }
    std::fs::write(directory.join(MANIFEST_FILE), manifest.to_string()).unwrap();
}

/// An older and a newer release, the delta between them, and a directory for what it makes.
pub(crate) struct Pair {
    directory: tempfile::TempDir,
    pub(crate) made: MadeDelta,
}

impl Pair {
    pub(crate) fn new(old: Files<'_>, new: Files<'_>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        write(&path.join("old"), old);
        write(&path.join("new"), new);
        std::fs::create_dir(path.join("out")).unwrap();
        let made = make_delta(&path.join("old"), &path.join("new"), &path.join("delta")).unwrap();
        Self { directory, made }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::parse(&std::fs::read(self.path("new/manifest.json")).unwrap()).unwrap()
    }

    pub(crate) fn apply(&self, cancel: &CancelToken) -> Result<()> {
        let (delta, old, out) = (self.path("delta"), self.path("old"), self.path("out"));
        apply(&delta, &old, &self.manifest(), &out, cancel)
    }

    /// Applies, which must succeed, and compares every file.
    #[track_caller]
    pub(crate) fn assert_applies(&self) {
        self.apply(&CancelToken::new()).unwrap();
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.path("out")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let new = std::fs::read(self.path("new").join(&name)).unwrap();
            assert!(std::fs::read(self.path("out").join(&name)).unwrap() == new, "{name}");
            names.push(name);
        }
        names.sort();
        assert_eq!(names, self.manifest().files.into_keys().collect::<Vec<_>>());
    }

    /// Applies, which must be refused.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (String, Refusal) {
        match self.apply(&CancelToken::new()) {
            Err(Error::ReleaseRefused { file, refusal }) => (file, refusal),
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Changes the bytes of the delta.
    pub(crate) fn spoil(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = std::fs::read(self.path("delta")).unwrap();
        change(&mut bytes);
        std::fs::write(self.path("delta"), bytes).unwrap();
    }
}

/// Bytes that repeat nowhere.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = SeededRandom::new(Seed(seed));
    let words = std::iter::repeat_with(|| random.next_u64().to_le_bytes());
    words.flatten().take(length).collect()
}
