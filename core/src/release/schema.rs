//! Which tensors a release of an architecture holds: names, dtypes, shapes, ranges.

use super::dtype::Dtype;
use super::manifest::{ITEMS_FILE, MODEL_FILE};
use super::tensors::{TensorInfo, TensorLayout};
use super::{Architecture, Manifest, TensorEntry};
use crate::base::limits::ITEMS_MAX;
use crate::base::{Error, Refusal, Result};

/// What holds for the values of a tensor beyond being finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// Nothing.
    Finite,
    /// At least 0.
    NotNegative,
    /// -127 to 127: codes that are as many below zero as above.
    Symmetric,
}

impl Range {
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Finite => "is not finite",
            Self::NotNegative => "is negative, at least 0 is needed",
            Self::Symmetric => "is -128, -127 to 127 is needed",
        }
    }
}

/// One tensor that a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needed {
    file: &'static str,
    pub(super) name: &'static str,
    dtype: Dtype,
    shape: Vec<u64>,
    pub(super) range: Range,
}

/// All tensors that a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema(Vec<Needed>);

impl Schema {
    /// The tensors of `architecture` for a catalogue of `items` and a plan of `contexts`.
    pub(super) fn new(architecture: &Architecture, contexts: u64, items: u64) -> Self {
        let mut needed = Vec::new();
        let mut add = |file, name, dtype, shape: &[u64], range| {
            needed.push(Needed { file, name, dtype, shape: shape.to_vec(), range });
        };
        add(ITEMS_FILE, "popularity", Dtype::F32, &[items], Range::NotNegative);
        let by_context = [contexts, items];
        add(ITEMS_FILE, "context_popularity", Dtype::F32, &by_context, Range::NotNegative);
        if let Architecture::MatrixFactorization { dimensions, ranker_features, .. } = architecture
        {
            let (d, features) = (*dimensions as u64, ranker_features.len() as u64);
            add(ITEMS_FILE, "embedding", Dtype::F32, &[items, d], Range::Finite);
            add(ITEMS_FILE, "codes", Dtype::I8, &[items, d], Range::Symmetric);
            add(ITEMS_FILE, "scale", Dtype::F32, &[items], Range::NotNegative);
            add(MODEL_FILE, "gram", Dtype::F32, &[d, d], Range::Finite);
            add(MODEL_FILE, "ranker.weight", Dtype::F32, &[1, features], Range::Finite);
            add(MODEL_FILE, "ranker.bias", Dtype::F32, &[1], Range::Finite);
        }
        Self(needed)
    }

    /// The tensors of one file.
    pub(super) fn of<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a Needed> {
        self.0.iter().filter(move |needed| needed.file == file)
    }

    /// Checks that `layout` of `file` holds exactly the tensors needed, each of its dtype, shape
    /// and aligned to its values, so that a memory map of the file can be read in place.
    fn check(&self, file: &str, layout: &TensorLayout) -> Result<(), Refusal> {
        for needed in self.of(file) {
            let tensor = needed.name.to_owned();
            let Some(info) = layout.get(needed.name) else {
                return Err(Refusal::MissingTensor { tensor });
            };
            agree(&tensor, info, needed.dtype.name(), &needed.shape)?;
            if info.begin % info.dtype.bytes() != 0 {
                let reason =
                    format!("begins at byte {}, not aligned to {}", info.begin, info.dtype);
                return Err(Refusal::Field { field: format!("tensor {tensor}"), reason });
            }
        }
        match layout.iter().find(|(name, _)| !self.of(file).any(|needed| needed.name == *name)) {
            Some((name, _)) => Err(Refusal::TensorName {
                name: name.to_owned(),
                reason: "does not belong to the architecture",
            }),
            None => Ok(()),
        }
    }
}

fn agree(tensor: &str, info: &TensorInfo, dtype: &str, shape: &[u64]) -> Result<(), Refusal> {
    let tensor = tensor.to_owned();
    if info.dtype.name() != dtype {
        let (expected, found) = (dtype.to_owned(), info.dtype.to_string());
        return Err(Refusal::WrongDtype { tensor, expected, found });
    }
    if info.shape != shape {
        let (expected, found) = (shape.to_vec(), info.shape.clone());
        return Err(Refusal::WrongShape { tensor, expected, found });
    }
    Ok(())
}

/// Checks `layout` of `file` against what `manifest` says of it.
pub(super) fn check_entries(
    file: &str,
    layout: &TensorLayout,
    manifest: &Manifest,
) -> Result<(), Refusal> {
    let Some(entries) = manifest.tensors.get(file) else {
        return Err(Refusal::Field {
            field: format!("tensors.{file}"),
            reason: "is missing".into(),
        });
    };
    for (name, TensorEntry { dtype, shape }) in entries {
        let Some(info) = layout.get(name) else {
            return Err(Refusal::MissingTensor { tensor: name.clone() });
        };
        agree(name, info, dtype, shape)?;
    }
    match layout.iter().find(|(name, _)| !entries.contains_key(*name)) {
        Some((name, _)) => {
            let name = name.to_owned();
            Err(Refusal::TensorName { name, reason: "is not in the manifest" })
        }
        None => Ok(()),
    }
}

/// Number of items of the release: the length of `popularity`, which every architecture has.
pub(super) fn items(items_layout: &TensorLayout) -> Result<u64, Refusal> {
    let tensor = || "popularity".to_owned();
    let info = items_layout
        .get("popularity")
        .ok_or_else(|| Refusal::MissingTensor { tensor: tensor() })?;
    match info.shape[..] {
        [items] if items <= ITEMS_MAX as u64 => Ok(items),
        [found] => {
            Err(Refusal::TooLarge { what: "number of items", found, limit: ITEMS_MAX as u64 })
        }
        _ => {
            let (expected, found) = (vec![0], info.shape.clone());
            Err(Refusal::WrongShape { tensor: tensor(), expected, found })
        }
    }
}

/// Checks the layout of `file` on every level: names, the manifest, the schema.
pub(super) fn check_layout(
    file: &str,
    layout: &TensorLayout,
    manifest: &Manifest,
    schema: &Schema,
) -> Result<()> {
    layout
        .check_names()
        .and_then(|()| check_entries(file, layout, manifest))
        .and_then(|()| schema.check(file, layout))
        .map_err(|refusal| Error::refused(file, refusal))
}
