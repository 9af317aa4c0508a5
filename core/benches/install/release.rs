//! A release of any size, unsigned.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use noctule_core::base::{
    Clock, ItemId, Seed, SeededRandom, SystemClock, TensorInfo, TensorLayout,
};
use noctule_core::catalogue::{AttributeValue, Item, encode};
use noctule_core::release::{
    CATALOGUE_FILE, FileEntry, ITEMS_FILE, MANIFEST_FILE, MODEL_FILE, Manifest, TensorEntry,
};
use noctule_core::scoring::quantise;
use serde_json::json;

use crate::Result;

/// A time at which the release is valid.
pub(crate) const NOW_MS: i64 = 1_790_000_000_000;
const YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// A tensor: name, dtype, shape, bytes.
type Tensor = (&'static str, &'static str, Vec<u64>, Vec<u8>);

/// Writes a release of `items` items into a new `directory`.
pub(crate) fn write(directory: &Path, items: usize, dimensions: usize) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    let tensors =
        [(ITEMS_FILE, item_tensors(items, dimensions)?), (MODEL_FILE, model_tensors(dimensions))];
    let catalogue = encode(&(0..items).map(item).collect::<Result<Vec<_>>>()?)?;
    let mut entries = BTreeMap::from([(CATALOGUE_FILE.to_owned(), tensors_of(&catalogue)?)]);
    let mut file = File::create_new(directory.join(CATALOGUE_FILE))?;
    file.write_all(&catalogue)?;
    file.sync_all()?;
    for (file, tensors) in &tensors {
        write_container(&directory.join(file), tensors)?;
        let entry = |(name, dtype, shape, _): &Tensor| {
            let (dtype, shape) = ((*dtype).to_owned(), shape.clone());
            ((*name).to_owned(), TensorEntry { dtype, shape })
        };
        entries.insert((*file).to_owned(), tensors.iter().map(entry).collect());
    }
    let mut files = BTreeMap::new();
    for file in [CATALOGUE_FILE, ITEMS_FILE, MODEL_FILE] {
        files.insert(file.to_owned(), FileEntry::of_file(&directory.join(file))?);
    }
    let manifest = Manifest { files, tensors: entries, ..manifest(dimensions)? }.to_bytes()?;
    let mut file = File::create_new(directory.join(MANIFEST_FILE))?;
    file.write_all(&manifest)?;
    Ok(file.sync_all()?)
}

fn manifest(dimensions: usize) -> Result<Manifest> {
    let now_ms = SystemClock::default().now_ms();
    let (created_ms, expires_ms) = (now_ms.min(NOW_MS), now_ms.max(NOW_MS) + YEAR_MS);
    Ok(serde_json::from_value(json!({
        "format": 1, "app": "bench", "release": {"name": "bench", "version": 1},
        "created_ms": created_ms, "expires_ms": expires_ms,
        "architecture": {"name": "matrix_factorization", "dimensions": dimensions,
            "unobserved_weight": 0.1, "regularization": 0.1, "regularization_exponent": 1.0,
            "context_weight": 2.0, "ranker_features": ["fold_in"]},
        "plan": {"contexts": [{"id": "any", "when": {"days": "every", "from": 0, "until": 1440}}],
            "surfaces": [{"id": "home", "length": 20, "contexts": ["any"]}]},
        "files": {}, "tensors": {}
    }))?)
}

/// A place of a town. The ids are in no order.
fn item(index: usize) -> Result<Item> {
    let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let cuisine = ["thai", "pizza", "ramen", "tacos", "falafel"][mixed as usize % 5];
    Ok(Item {
        id: ItemId::new(format!("place-{mixed:016x}"))?,
        title: format!("The {cuisine} café number {index} in the old town"),
        attributes: [("cuisine".to_owned(), AttributeValue::Text(cuisine.to_owned()))].into(),
        place: None,
        hours: Vec::new(),
        available: !index.is_multiple_of(97),
    })
}

/// What the manifest says of the tensors of a container.
fn tensors_of(container: &[u8]) -> Result<BTreeMap<String, TensorEntry>> {
    let layout = TensorLayout::of_bytes(container)?;
    let entry = |(name, info): (&str, &TensorInfo)| {
        let (dtype, shape) = (info.dtype.to_string(), info.shape.clone());
        (name.to_owned(), TensorEntry { dtype, shape })
    };
    Ok(layout.iter().map(entry).collect())
}

fn item_tensors(items: usize, dimensions: usize) -> Result<Vec<Tensor>> {
    let mut random = SeededRandom::new(Seed(3));
    let values: Vec<f32> =
        (0..items * dimensions).map(|_| (random.uniform() - 0.5) as f32).collect();
    let quantised = quantise(&values, dimensions)?;
    let shares = vec![1.0 / items.max(1) as f32; items];
    let (n, d) = (items as u64, dimensions as u64);
    Ok(vec![
        ("popularity", "F32", vec![n], f32s(&shares)),
        ("context_popularity", "F32", vec![1, n], f32s(&shares)),
        ("embedding", "F32", vec![n, d], f32s(&values)),
        ("scale", "F32", vec![n], f32s(&quantised.scales)),
        ("codes", "I8", vec![n, d], quantised.codes.iter().map(|code| *code as u8).collect()),
    ])
}

fn model_tensors(dimensions: usize) -> Vec<Tensor> {
    let mut gram = vec![0.0; dimensions * dimensions];
    for diagonal in gram.iter_mut().step_by(dimensions + 1) {
        *diagonal = 1.0;
    }
    let d = dimensions as u64;
    vec![
        ("gram", "F32", vec![d, d], f32s(&gram)),
        ("ranker.weight", "F32", vec![1, 1], f32s(&[1.0])),
        ("ranker.bias", "F32", vec![1], f32s(&[0.0])),
    ]
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn write_container(path: &Path, tensors: &[Tensor]) -> Result<()> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, dtype, shape, bytes) in tensors {
        let begin = end;
        end += bytes.len();
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]});
        header.insert((*name).to_owned(), entry);
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = File::create_new(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for (_, _, _, bytes) in tensors {
        file.write_all(bytes)?;
    }
    Ok(file.sync_all()?)
}
