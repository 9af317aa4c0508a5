//! Other people's weights, made into what [`pack_from_directory`](crate::pack_from_directory)
//! takes.
//!
//! ```text
//! weights.safetensors -+
//! map.json (NameMap) --+-> every tensor of the architecture, F32 -> items.safetensors
//! catalogue, plan -----+   (sizes n and contexts)                   model.safetensors
//! ```

mod map;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use noctule_core::base::limits::RELEASE_BYTES_MAX;
use noctule_core::base::{Error as CoreError, Refusal};
use noctule_core::catalogue::{JSONL_FILE, read_jsonl};
use noctule_core::release::{
    Architecture, FileEntry, ITEMS_FILE, MODEL_FILE, NamedShape, Plan, RankerKind,
};
use serde::Serialize;

pub use map::{NameMap, Piece, Recipe};
use reading::Weights;

use crate::from_directory::{PLAN_FILE, TRAINING_FILE, read_json};
use crate::staging::Staging;
use crate::tensors::{Tensor, write_tensors};
use crate::{Error, Result};

/// The files that a model is made of.
#[derive(Debug, Clone, Copy)]
pub struct ImportInput<'a> {
    /// A safetensors file with the weights, by any names.
    pub weights: &'a Path,
    /// A [`NameMap`].
    pub map: &'a Path,
    /// The catalogue, a line for each row of `embedding`.
    pub catalogue: &'a Path,
    /// The plan; its contexts decide the widths of some tensors.
    pub plan: &'a Path,
}

/// A directory that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Where it lies.
    pub directory: PathBuf,
    /// Name of the architecture.
    pub architecture: String,
    /// Items of the catalogue.
    pub items: usize,
    /// The tensors that were made.
    pub tensors: Vec<ImportedTensor>,
    /// Tensors of the file that the map does not name.
    pub unused: Vec<String>,
}

/// A tensor that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportedTensor {
    /// Its name here.
    pub name: String,
    /// Its shape.
    pub shape: Vec<u64>,
    /// Names and dtypes of what it was made of; none where it is filled with one value.
    pub from: Vec<(String, String)>,
}

/// Makes the directory `out` of the weights that `from` names: `catalogue.jsonl`, `plan.json`,
/// `items.safetensors`, `model.safetensors` and `training.json` with the architecture. It appears
/// whole or not at all.
///
/// Needed are `embedding` and all of [`Architecture::model_tensors`] but for `gram`, which packing
/// computes, and the ranker of a single feature, which has nothing to weigh. `popularity` \[n\] and
/// `context_popularity` \[contexts, n\] may be there. Values are rounded to F32.
///
/// # Errors
/// [`Error::Core`] for a map, plan, catalogue or container that cannot be read as one, with file,
/// line and field; [`Error::UnknownTarget`] and [`Error::NotMapped`] for a map of other tensors
/// than the architecture has; [`Error::NoTensor`] and [`Error::Misfit`] for what the file does not
/// have, or not in this dtype, shape or range; [`Error::Exists`]; [`Error::File`].
pub fn import(from: &ImportInput<'_>, out: &Path) -> Result<Imported> {
    let map: NameMap = read_json(from.map, &name(from.map))?;
    let plan: Plan = read_json(from.plan, &name(from.plan))?;
    plan.validate()?;
    let items = read_jsonl(from.catalogue, &name(from.catalogue))?.len();
    let wanted = wanted(&map, items, plan.contexts.len())?;
    let weights = Weights::open(from.weights, &name(from.weights))?;
    let staging = Staging::beside(out)?;
    let directory = &staging.path;
    let mut made = Vec::new();
    for (file, shapes) in [(ITEMS_FILE, &wanted.items), (MODEL_FILE, &wanted.model)] {
        let shapes = shapes.iter().filter(|(name, _)| map.tensors.contains_key(name));
        let shapes: Vec<&NamedShape> = shapes.collect();
        if !shapes.is_empty() {
            made.extend(write(&weights, &map, &shapes, &directory.join(file))?);
        }
    }
    copy(from.catalogue, &directory.join(JSONL_FILE))?;
    copy(from.plan, &directory.join(PLAN_FILE))?;
    write_training(&map.architecture, from.weights, &directory.join(TRAINING_FILE))?;
    let used: BTreeSet<&str> =
        made.iter().flat_map(|tensor| &tensor.from).map(|(name, _)| name.as_str()).collect();
    let unused = weights.names().filter(|name| !used.contains(name)).map(str::to_owned);
    let unused = unused.collect();
    let architecture = map.architecture.name().to_owned();
    staging.publish(out)?;
    Ok(Imported { directory: out.to_path_buf(), architecture, items, tensors: made, unused })
}

/// What a path is called in errors.
fn name(path: &Path) -> String {
    path.display().to_string()
}

/// The tensors that an architecture may have.
struct Wanted {
    items: Vec<NamedShape>,
    model: Vec<NamedShape>,
}

/// Checks that `map` names what its architecture needs, and nothing else.
fn wanted(map: &NameMap, items: usize, contexts: usize) -> Result<Wanted> {
    let architecture = &map.architecture;
    let refused = |refusal| CoreError::refused("map: architecture", refusal);
    let (Some(d), Some(design)) = (architecture.dimensions(), architecture.ranker()) else {
        return Err(Error::part("map: architecture", "popularity has no weights"));
    };
    architecture.validate(contexts).map_err(refused)?;
    let (n, c, d) = (items as u64, contexts as u64, d as u64);
    // Bounds of items, contexts and dimensions were checked, so this does not overflow.
    let found = n * d.max(c) * size_of::<f32>() as u64;
    if found > RELEASE_BYTES_MAX {
        let (what, limit) = ("bytes of a tensor of items", RELEASE_BYTES_MAX);
        return Err(refused(Refusal::TooLarge { what, found, limit }).into());
    }
    let needed = vec![("embedding".to_owned(), vec![n, d])];
    let optional = [("popularity", vec![n]), ("context_popularity", vec![c, n])];
    let optional = optional.map(|(name, shape)| (name.to_owned(), shape));
    let mut model = architecture.model_tensors(contexts);
    model.retain(|(name, _)| name != "gram");
    let has_nothing_to_weigh =
        design.kind == RankerKind::Linear && architecture.ranker_width(contexts) == 1;
    let is_ranker = |name: &str| matches!(name, "ranker.weight" | "ranker.bias");
    let is_free = has_nothing_to_weigh && !map.tensors.keys().any(|name| is_ranker(name));
    let all: Vec<&NamedShape> = needed.iter().chain(&optional).chain(&model).collect();
    if let Some(target) = map.tensors.keys().find(|key| !all.iter().any(|(name, _)| name == *key)) {
        let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let (target, architecture) = (target.clone(), architecture.name());
        return Err(Error::UnknownTarget { target, architecture, known: known.join(", ") });
    }
    let must = |name: &str| !(is_free && is_ranker(name));
    let missing = |(name, _): &&NamedShape| must(name) && !map.tensors.contains_key(name);
    if let Some((target, shape)) = needed.iter().chain(&model).find(missing) {
        return Err(Error::NotMapped { target: target.clone(), shape: shape.clone() });
    }
    Ok(Wanted { items: needed.into_iter().chain(optional).collect(), model })
}

/// Makes the tensors of `shapes` and writes them to `path`.
fn write(
    weights: &Weights<'_>,
    map: &NameMap,
    shapes: &[&NamedShape],
    path: &Path,
) -> Result<Vec<ImportedTensor>> {
    let (mut made, mut values) = (Vec::new(), Vec::new());
    for (name, shape) in shapes {
        let recipe = &map.tensors[name];
        values.push(weights.make(recipe, name, shape)?);
        let from = match recipe {
            Recipe::Fill(_) => Vec::new(),
            Recipe::Pieces(pieces) => pieces.iter().map(|piece| source(weights, piece)).collect(),
        };
        made.push(ImportedTensor { name: name.clone(), shape: shape.clone(), from });
    }
    let tensors = shapes.iter().zip(&values).map(|((name, shape), values)| {
        let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        Tensor::f32(name.as_str(), &shape, values)
    });
    write_tensors(path, tensors.collect())?;
    Ok(made)
}

fn source(weights: &Weights<'_>, piece: &Piece) -> (String, String) {
    let dtype = weights.dtype(&piece.from).map(|dtype| dtype.to_string());
    (piece.from.clone(), dtype.unwrap_or_default())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).map(|_| ()).map_err(Error::file(from, "copying"))
}

fn write_training(architecture: &Architecture, weights: &Path, path: &Path) -> Result<()> {
    let FileEntry { sha256, .. } = FileEntry::of_file(weights)?;
    let file = weights.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lineage = BTreeMap::from([("weights", file), ("weights_sha256", sha256)]);
    let record = serde_json::json!({ "architecture": architecture, "lineage": lineage });
    std::fs::write(path, format!("{record:#}\n")).map_err(Error::file(path, "writing"))
}
