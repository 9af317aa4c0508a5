//! The weights of a network in a file of their own, from which another run can begin.
//!
//! A safetensors file beside the model: every weight by its name in training, the item tower's
//! among them, which a release does not hold; in its metadata, under `network`, a JSON document of
//! words and time. The rows of `embedding` are the items of `catalogue.jsonl`, in its order.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device};
use noctule_core::base::digest::sha256_hex;
use noctule_core::base::replace::replace_file;
use noctule_core::catalogue::Item;
use noctule_core::release::OpenRelease;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::{EMBEDDING, NamedValues, WORDS};
use crate::datasets::{FILE_BYTES_MAX, read_catalogue};
use crate::training::adversary::ADVERSARY;
use crate::training::neural::Parameters;
use crate::{Error, Result};

/// The file beside the model.
pub const WEIGHTS_FILE: &str = "weights.safetensors";
const CATALOGUE_FILE: &str = "catalogue.jsonl";
const MANIFEST_FILE: &str = "manifest.json";
/// Version of the format.
const FORMAT: u32 = 1;
/// The only key of the metadata.
const DESCRIPTION: &str = "network";

/// All weights of a network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weights {
    /// The weights by their names in training.
    pub tensors: Vec<NamedValues>,
    /// The words of the rows of `words`.
    pub words: Vec<String>,
    /// When the newest event happened that they were trained on, where all events have times.
    pub newest_ms: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: u32,
    words: Vec<String>,
    newest_ms: Option<i64>,
}

impl Weights {
    /// Writes them to `path`; until that is done, the file before it stays.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Core`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let (words, newest_ms) = (self.words.clone(), self.newest_ms);
        let description = serde_json::to_string(&Description { format: FORMAT, words, newest_ms });
        let description = description.map_err(std::io::Error::from);
        let description = description.map_err(Error::file(path, "encoding"))?;
        let bytes = |values: &NamedValues| -> Vec<u8> {
            values.values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let bytes: Vec<Vec<u8>> = self.tensors.iter().map(bytes).collect();
        let failed = |error: safetensors::SafeTensorError| {
            Error::file(path, "encoding")(std::io::Error::other(error.to_string()))
        };
        let mut views = Vec::with_capacity(bytes.len());
        for (tensor, bytes) in self.tensors.iter().zip(&bytes) {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(failed)?;
            views.push((tensor.name.as_str(), view));
        }
        let metadata = HashMap::from([(DESCRIPTION.to_owned(), description)]);
        let file = safetensors::serialize(views, Some(metadata)).map_err(failed)?;
        Ok(replace_file(path, &file)?)
    }

    fn read(path: &Path) -> Result<(Self, String)> {
        let bytes = read_bounded(path)?;
        let refused = |reason: String| Error::Checkpoint { path: path.to_path_buf(), reason };
        let (_, metadata) =
            SafeTensors::read_metadata(&bytes).map_err(|error| refused(error.to_string()))?;
        let description = metadata.metadata().as_ref().and_then(|map| map.get(DESCRIPTION));
        let description = description.ok_or_else(|| refused("holds no network".into()))?;
        let description: Description =
            serde_json::from_str(description).map_err(|error| refused(error.to_string()))?;
        if description.format != FORMAT {
            return Err(refused(format!("has format {}, {FORMAT} is known", description.format)));
        }
        let tensors = tensors(path, &bytes, |_| true)?;
        let Description { words, newest_ms, .. } = description;
        Ok((Self { tensors, words, newest_ms }, sha256_hex(&bytes)))
    }
}

/// Weights to begin with, and whose they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Warm {
    weights: Weights,
    /// The rows of item vectors.
    items: HashMap<String, usize>,
    /// Says which weights they are.
    pub(super) digest: String,
}

impl Warm {
    /// Reads the weights of the model or the release in `directory`.
    ///
    /// # Errors
    /// [`Error::Setting`] when it holds neither; [`Error::Checkpoint`] when weights are damaged,
    /// [`Error::Core`] when the release is.
    pub fn read(directory: &Path) -> Result<Self> {
        if directory.join(MANIFEST_FILE).is_file() {
            return Self::of_release(directory);
        }
        let path = directory.join(WEIGHTS_FILE);
        if !path.is_file() {
            let reason = format!(
                "{} holds neither {WEIGHTS_FILE} of a trained network nor a release",
                directory.display()
            );
            return Err(Error::setting("warm_start", reason));
        }
        let (weights, digest) = Weights::read(&path)?;
        let items = read_catalogue(&directory.join(CATALOGUE_FILE))?;
        let items = items.iter().map(|item| item.id.to_string());
        let items: HashMap<String, usize> = items.zip(0..).collect();
        let path = path.clone();
        let rows = |name: &str| {
            let table = weights.tensors.iter().find(|tensor| tensor.name == name);
            table.map_or(0, |table| table.shape.first().copied().unwrap_or_default())
        };
        if rows(EMBEDDING) != items.len() || rows(WORDS) != weights.words.len() {
            let reason = "has not as many rows as the catalogue beside it has items".to_owned();
            return Err(Error::Checkpoint { path, reason });
        }
        Ok(Self { weights, items, digest })
    }

    fn of_release(directory: &Path) -> Result<Self> {
        let manifest = read_bounded(&directory.join(MANIFEST_FILE))?;
        let digest = sha256_hex(&manifest);
        let release = OpenRelease::open(directory, &digest)?;
        let Some(model) = release.model_path() else {
            let reason = format!("{} is a release without a model", directory.display());
            return Err(Error::setting("warm_start", reason));
        };
        let is_network = |name: &str| !name.starts_with("ranker.");
        let mut all = tensors(&model, &read_bounded(&model)?, is_network)?;
        let path = release.items_path();
        all.extend(tensors(&path, &read_bounded(&path)?, |name| name == EMBEDDING)?);
        let ids = release.catalogue().indices().zip(0..);
        let id = |(index, row)| Some((release.catalogue().id(index)?.to_owned(), row));
        let items = ids.filter_map(id).collect();
        let weights = Weights { tensors: all, ..Weights::default() };
        Ok(Self { weights, items, digest })
    }

    /// When the newest event happened that the weights were trained on, where that is known.
    #[must_use]
    pub fn newest_ms(&self) -> Option<i64> {
        self.weights.newest_ms
    }

    /// Sets the weights of `parameters` to these; rows of items and words that are not known here
    /// stay. Gives how many items are known.
    ///
    /// # Errors
    /// [`Error::Setting`] when a weight is missing or has another shape.
    pub(super) fn begin(
        &self,
        parameters: &Parameters,
        items: &[Item],
        words: &[String],
    ) -> Result<usize> {
        let refused = |reason: String| Error::setting("warm_start", reason);
        let known = items.iter().map(|item| self.items.get(item.id.as_str()).copied());
        let known: Vec<Option<usize>> = known.collect();
        let own: HashMap<&str, usize> =
            self.weights.words.iter().map(String::as_str).zip(0..).collect();
        let known_words: Vec<Option<usize>> =
            words.iter().map(|word| own.get(word.as_str()).copied()).collect();
        let mut values = parameters.values()?;
        for ((name, var), to) in parameters.iter().zip(&mut values) {
            if name.starts_with(ADVERSARY) {
                continue;
            }
            let from = self.weights.tensors.iter().find(|tensor| tensor.name == name);
            let Some(from) = from else {
                let reason = format!(
                    "there is no weight {name}; a release does not hold those of an item tower, \
                     the folder of its model does"
                );
                return Err(refused(reason));
            };
            let (rows, shape) = (var.dims(), &from.shape);
            let by_row = match name {
                EMBEDDING => Some(&known),
                WORDS => Some(&known_words),
                _ => None,
            };
            let fits = match by_row {
                Some(_) => rows.get(1..) == shape.get(1..),
                None => rows == shape.as_slice(),
            };
            if !fits {
                return Err(refused(format!("{name} has shape {shape:?}, {rows:?} is needed")));
            }
            let Some(known) = by_row else {
                to.copy_from_slice(&from.values);
                continue;
            };
            let width = shape.get(1).copied().unwrap_or(1);
            for (to, row) in to.chunks_exact_mut(width.max(1)).zip(known) {
                let row = row.and_then(|row| from.values.get(row * width..(row + 1) * width));
                if let Some(row) = row {
                    to.copy_from_slice(row);
                }
            }
        }
        parameters.set(&values)?;
        Ok(known.iter().flatten().count())
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let found = std::fs::metadata(path).map_err(Error::file(path, "opening"))?.len();
    if found > FILE_BYTES_MAX {
        let (path, what, limit) = (path.to_path_buf(), "bytes", FILE_BYTES_MAX);
        return Err(Error::TooLarge { path, what, found, limit });
    }
    std::fs::read(path).map_err(Error::file(path, "reading"))
}

/// The tensors whose names are `wanted`, in single precision.
fn tensors(path: &Path, bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<NamedValues>> {
    use candle_core::safetensors::Load as _;
    let refused = |reason: String| Error::Checkpoint { path: path.to_path_buf(), reason };
    let all = SafeTensors::deserialize(bytes).map_err(|error| refused(error.to_string()))?;
    let mut found = Vec::new();
    for (name, view) in all.iter().filter(|(name, _)| wanted(name)) {
        let loaded = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        let values: Vec<f32> = loaded.flatten_all()?.to_vec1()?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(refused(format!("{name} is not finite")));
        }
        let (name, shape) = (name.to_owned(), view.shape().to_vec());
        found.push(NamedValues { name, shape, values });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
