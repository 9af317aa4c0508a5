//! Small releases written to disk, with one thing wrong where a test wants it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};

use crate::base::{Error, Refusal, Result};
use crate::catalogue::{Item, encode};
use crate::release::{
    Architecture, CATALOGUE_FILE, FileEntry, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE, Manifest,
    SIGNATURE_FILE, TensorEntry, TensorLayout, Trust,
};

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;
pub(super) const HOUR_MS: i64 = 3_600_000;

/// A tensor as it is to be written: name, dtype, shape, bytes.
pub(super) type Tensor = (&'static str, &'static str, Vec<u64>, Vec<u8>);

/// A safetensors file of `header`, padded to 8, and `data`.
pub(super) fn container(header: &str, data: &[u8]) -> Vec<u8> {
    let mut header = header.as_bytes().to_vec();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    bytes
}

/// A safetensors file of `tensors` in their order.
pub(super) fn tensors(tensors: &[Tensor]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, dtype, shape, bytes) in tensors {
        let (begin, end) = (data.len(), data.len() + bytes.len());
        let offsets = format!("\"data_offsets\":[{begin},{end}]");
        let entry = format!("{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},{offsets}}}");
        entries.push(format!("\"{name}\":{entry}"));
        data.extend(bytes);
    }
    container(&format!("{{{}}}", entries.join(",")), &data)
}

pub(super) fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// What a release is made of; the fields are there to be spoilt.
pub(crate) struct Fixture {
    /// The items, one JSON object a line.
    pub(super) catalogue: String,
    pub(super) items: Vec<Tensor>,
    pub(super) model: Vec<Tensor>,
    pub(crate) manifest: Manifest,
    /// Raw bytes of files that do not come from the fields above.
    pub(super) raw: BTreeMap<&'static str, Vec<u8>>,
    /// Changes the text of the manifest before it is signed.
    pub(super) edit: fn(String) -> String,
    pub(super) key: SigningKey,
}

/// Three items, two dimensions, two contexts.
pub(crate) fn fixture() -> Fixture {
    let item = |id: &str| format!("{{\"id\":\"{id}\",\"title\":\"{id}\"}}\n");
    let manifest = serde_json::json!({
        "format": 1, "app": "town", "release": {"name": "town", "version": 3},
        "created_ms": NOW_MS - HOUR_MS, "expires_ms": NOW_MS + HOUR_MS,
        "architecture": {"name": "matrix_factorization", "dimensions": 2,
            "unobserved_weight": 0.1, "regularization": 0.1, "regularization_exponent": 1.0,
            "context_weight": 2.0, "ranker_features": ["fold_in"]},
        "plan": {
            "surfaces": [{"id": "home", "length": 5, "contexts": ["noon", "night"]}],
            "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}},
                         {"id": "night", "when": {"days": "every", "from": 1200, "until": 120}}]},
        "files": {}, "tensors": {}
    });
    Fixture {
        catalogue: item("a") + &item("b") + &item("c"),
        items: vec![
            ("context_popularity", "F32", vec![2, 3], f32s(&[0.5, 0.5, 0.0, 0.0, 0.5, 0.5])),
            ("embedding", "F32", vec![3, 2], f32s(&[1.0, 0.0, 0.0, 1.0, 1.0, -1.0])),
            ("popularity", "F32", vec![3], f32s(&[0.25, 0.5, 0.25])),
            ("scale", "F32", vec![3], f32s(&[1.0 / 127.0; 3])),
            ("codes", "I8", vec![3, 2], vec![127, 0, 0, 127, 127, 129]),
        ],
        model: vec![
            ("gram", "F32", vec![2, 2], f32s(&[2.0, -1.0, -1.0, 2.0])),
            ("ranker.bias", "F32", vec![1], f32s(&[0.0])),
            ("ranker.weight", "F32", vec![1, 1], f32s(&[1.0])),
        ],
        manifest: serde_json::from_value(manifest).unwrap(),
        raw: BTreeMap::new(),
        edit: |text| text,
        key: SigningKey::from_bytes(&[7; 32]),
    }
}

/// The same items without a model.
pub(super) fn popularity(items: usize) -> Fixture {
    let mut fixture = fixture();
    fixture.manifest.architecture = Architecture::Popularity {};
    fixture.catalogue =
        (0..items).map(|item| format!("{{\"id\":\"i{item}\",\"title\":\"\"}}\n")).collect();
    let (n, zeros) = (items as u64, vec![0.0; items]);
    fixture.items = vec![
        ("context_popularity", "F32", vec![2, n], f32s(&[&zeros[..], &zeros].concat())),
        ("popularity", "F32", vec![n], f32s(&zeros)),
    ];
    fixture.model.clear();
    fixture
}

impl Fixture {
    /// The tensor called `name`.
    pub(super) fn tensor(&mut self, name: &str) -> &mut Tensor {
        let all = self.items.iter_mut().chain(&mut self.model);
        all.into_iter().find(|tensor| tensor.0 == name).unwrap()
    }

    /// The catalogue's file.
    pub(super) fn catalogue(&self) -> Vec<u8> {
        let lines = self.catalogue.lines();
        let items: Vec<Item> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        encode(&items).unwrap()
    }

    /// Writes the release into `directory`; manifest and signature fit what is written.
    pub(super) fn write(&self, directory: &Path) {
        let mut manifest = self.manifest.clone();
        let mut files =
            vec![(CATALOGUE_FILE, self.catalogue()), (ITEMS_FILE, tensors(&self.items))];
        if !self.model.is_empty() {
            files.push((MODEL_FILE, tensors(&self.model)));
        }
        for (file, bytes) in files {
            let bytes = self.raw.get(file).unwrap_or(&bytes);
            std::fs::write(directory.join(file), bytes).unwrap();
            let entry = FileEntry::of_bytes(bytes);
            manifest.files.insert(file.to_owned(), entry);
        }
        for (file, tensors) in [(ITEMS_FILE, &self.items), (MODEL_FILE, &self.model)] {
            let entries = tensors.iter().map(|(name, dtype, shape, _)| {
                let (dtype, shape) = ((*dtype).to_owned(), shape.clone());
                ((*name).to_owned(), TensorEntry { dtype, shape })
            });
            if !tensors.is_empty() {
                manifest.tensors.insert(file.to_owned(), entries.collect());
            }
        }
        let catalogue = TensorLayout::of_bytes(&self.catalogue()).unwrap();
        let entries = catalogue.iter().map(|(name, info)| {
            let (dtype, shape) = (info.dtype.to_string(), info.shape.clone());
            (name.to_owned(), TensorEntry { dtype, shape })
        });
        manifest.tensors.insert(CATALOGUE_FILE.to_owned(), entries.collect());
        let bytes = (self.edit)(serde_json::to_string_pretty(&manifest).unwrap()).into_bytes();
        std::fs::write(directory.join(SIGNATURE_FILE), self.key.sign(&bytes).to_bytes()).unwrap();
        std::fs::write(directory.join(MANIFEST_FILE), bytes).unwrap();
    }

    /// The release in a new directory.
    pub(crate) fn on_disk(&self) -> OnDisk {
        let directory = tempfile::tempdir().unwrap();
        self.write(directory.path());
        OnDisk { directory, key: fixture().key.verifying_key().to_bytes() }
    }

    /// The file and the reason for which the release is refused.
    pub(super) fn refusal(&self) -> (String, Refusal) {
        self.on_disk().refusal()
    }
}

/// A release on disk and the key that the device trusts.
pub(crate) struct OnDisk {
    directory: tempfile::TempDir,
    pub(crate) key: [u8; 32],
}

impl OnDisk {
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(super) fn trust(&self) -> Trust<'_> {
        Trust::signed_by("town", std::slice::from_ref(&self.key), NOW_MS)
    }

    pub(super) fn refusal(&self) -> (String, Refusal) {
        refused(crate::release::verify_directory(self.path(), &self.trust()))
    }
}

/// The file and the reason of a refusal.
#[track_caller]
pub(super) fn refused<T: std::fmt::Debug>(result: Result<T>) -> (String, Refusal) {
    match result {
        Err(Error::ReleaseRefused { file, refusal }) => (file, refusal),
        other => panic!("not refused: {other:?}"),
    }
}

/// Reads `bytes` as a container.
pub(super) fn layout(bytes: &[u8]) -> Result<TensorLayout, Refusal> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    TensorLayout::read_container(&path, "x.safetensors").map_err(|error| match error {
        Error::ReleaseRefused { refusal, .. } => refusal,
        other => panic!("{other}"),
    })
}
