//! `model.safetensors`, read whole: names, dtypes, shapes and values checked before any is used.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::base::limits::{MODEL_VALUES_MAX, TENSOR_HEADER_BYTES_MAX};
use crate::base::{Error, Refusal, Result};
use crate::release::{Architecture, MODEL_FILE, NamedShape};

/// Bytes of the file: all values that an architecture may have, and the header.
const FILE_BYTES_MAX: u64 = 4 * MODEL_VALUES_MAX + TENSOR_HEADER_BYTES_MAX + 8;

/// The tensors of a model, by name.
#[derive(Debug)]
pub(super) struct ModelTensors(BTreeMap<String, (Vec<f32>, Vec<usize>)>);

impl ModelTensors {
    /// Reads at most what a model may have of the file at `path`.
    pub(super) fn file(path: &Path) -> Result<Vec<u8>> {
        let file = std::fs::File::open(path).map_err(Error::file(path, "opening"))?;
        let mut bytes = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(Error::file(path, "reading"))?;
        Ok(bytes)
    }

    /// The tensors that `architecture` needs for a plan of `contexts`, all of them and no other.
    pub(super) fn load(bytes: &[u8], architecture: &Architecture, contexts: usize) -> Result<Self> {
        let needed = architecture.model_tensors(contexts);
        let tensors = open(bytes)?;
        let is_needed = |name: &str| needed.iter().any(|(needed, _)| needed == name);
        if let Some(name) = tensors.names().into_iter().find(|name| !is_needed(name)) {
            let (name, reason) = (name.to_owned(), "does not belong to the architecture");
            return Err(Error::refused(MODEL_FILE, Refusal::TensorName { name, reason }));
        }
        let mut taken = BTreeMap::new();
        for needed in needed {
            let values =
                values(&tensors, &needed).map_err(|refusal| Error::refused(MODEL_FILE, refusal))?;
            let (name, shape) = needed;
            taken.insert(name, (values, shape.into_iter().map(|size| size as usize).collect()));
        }
        Ok(Self(taken))
    }

    /// The values and shape of the tensor `name`, taken out.
    pub(super) fn take(&mut self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        self.0.remove(name).ok_or_else(|| {
            Error::refused(MODEL_FILE, Refusal::MissingTensor { tensor: name.to_owned() })
        })
    }

    /// The values of the tensor `name`, taken out.
    pub(super) fn values(&mut self, name: &str) -> Result<Vec<f32>> {
        self.take(name).map(|(values, _)| values)
    }
}

fn open(bytes: &[u8]) -> Result<SafeTensors<'_>> {
    let found = bytes.len() as u64;
    if found > FILE_BYTES_MAX {
        let refusal = Refusal::TooLarge { what: "length in bytes", found, limit: FILE_BYTES_MAX };
        return Err(Error::refused(MODEL_FILE, refusal));
    }
    SafeTensors::deserialize(bytes).map_err(|error| {
        let reason = error.to_string();
        Error::refused(MODEL_FILE, Refusal::UnknownFormat { expected: "safetensors", reason })
    })
}

/// The values of the tensor of this name and shape: F32 and finite throughout.
fn values(tensors: &SafeTensors<'_>, needed: &NamedShape) -> Result<Vec<f32>, Refusal> {
    let (name, shape) = needed;
    let tensor = name.clone();
    let Ok(view) = tensors.tensor(name) else {
        return Err(Refusal::MissingTensor { tensor });
    };
    if view.dtype() != Dtype::F32 {
        let (expected, found) = ("F32".to_owned(), format!("{:?}", view.dtype()));
        return Err(Refusal::WrongDtype { tensor, expected, found });
    }
    let found: Vec<u64> = view.shape().iter().map(|size| *size as u64).collect();
    if found != *shape {
        return Err(Refusal::WrongShape { tensor, expected: shape.clone(), found });
    }
    let (fours, _) = view.data().as_chunks::<4>();
    let values: Vec<f32> = fours.iter().map(|four| f32::from_le_bytes(*four)).collect();
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Refusal::NotFinite { tensor, index: index as u64 }),
        None => Ok(values),
    }
}
