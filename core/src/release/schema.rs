//! Which tensors a release of an architecture holds: names, dtypes, shapes, ranges.

use super::dtype::Dtype;
use super::manifest::{ITEMS_FILE, MODEL_FILE};
use super::ranges::Range;
use super::tensors::{TensorInfo, TensorLayout};
use super::{Architecture, Manifest, TensorEntry};
use crate::base::limits::ITEMS_MAX;
use crate::base::{Error, Refusal, Result};

/// The tensor that says how many items there are.
const POPULARITY: &str = "popularity";

/// One tensor that a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needed {
    file: &'static str,
    pub(super) name: String,
    /// The forms it may have, each of another dtype or number of dimensions; one at least.
    forms: Vec<Form>,
    optional: bool,
}

/// A form that a tensor may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Form {
    dtype: Dtype,
    shape: Vec<u64>,
    range: Range,
}

impl Needed {
    /// What holds for the values of `info`.
    pub(super) fn range(&self, info: &TensorInfo) -> Range {
        self.form(info).map_or(Range::Finite, |form| form.range)
    }

    /// The form that `info` has or, where its shape fits none, the one meant by its dtype.
    fn form(&self, info: &TensorInfo) -> Option<&Form> {
        let alike = || self.forms.iter().filter(|form| form.dtype == info.dtype);
        alike().find(|form| form.shape.len() == info.shape.len()).or_else(|| alike().next())
    }

    fn f32(file: &'static str, name: &str, shape: &[u64], range: Range) -> Self {
        let form = Form { dtype: Dtype::F32, shape: shape.to_vec(), range };
        Self { file, name: name.to_owned(), forms: vec![form], optional: false }
    }

    /// The item vectors; without them they are what the codes say.
    fn embedding(items: u64, d: u64) -> Self {
        let form = |dtype| Form { dtype, shape: vec![items, d], range: Range::Finite };
        let forms = [Dtype::F32, Dtype::F16, Dtype::BF16].map(form).to_vec();
        Self { file: ITEMS_FILE, name: "embedding".into(), forms, optional: true }
    }

    /// The codes: int8, in bytes or in two planes of half bytes, or int4 and two a byte.
    fn codes(items: u64, d: u64) -> Self {
        let int8 = Form { dtype: Dtype::I8, shape: vec![items, d], range: Range::Symmetric };
        let range = Range::Int4 { row: d };
        let int4 = Form { dtype: Dtype::U8, shape: vec![items, d.div_ceil(2)], range };
        let range = Range::Halves { row: d };
        let planes = Form { dtype: Dtype::U8, shape: vec![2, items, d.div_ceil(2)], range };
        let forms = vec![int8, int4, planes];
        Self { file: ITEMS_FILE, name: "codes".into(), forms, optional: false }
    }

    /// Checks that `info` has one of the forms.
    fn check(&self, info: &TensorInfo) -> Result<(), Refusal> {
        if let Some(form) = self.form(info) {
            return agree(&self.name, info, form.dtype.name(), &form.shape);
        }
        let mut names: Vec<&str> = self.forms.iter().map(|form| form.dtype.name()).collect();
        names.dedup();
        agree(&self.name, info, &names.join(" or "), &info.shape)
    }
}

/// All tensors that a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schema {
    /// Number of items.
    pub(super) items: u64,
    needed: Vec<Needed>,
}

impl Schema {
    /// The tensors of `architecture` for a catalogue of `items` and a plan of `contexts`.
    fn new(architecture: &Architecture, contexts: u64, items: u64) -> Self {
        let mut needed = Vec::new();
        let mut add = |file, name: &str, shape: &[u64], range| {
            needed.push(Needed::f32(file, name, shape, range));
        };
        add(ITEMS_FILE, POPULARITY, &[items], Range::NotNegative);
        add(ITEMS_FILE, "context_popularity", &[contexts, items], Range::NotNegative);
        if let Some(d) = architecture.dimensions() {
            add(ITEMS_FILE, "scale", &[items], Range::Scale);
            for (name, shape) in architecture.model_tensors(contexts as usize) {
                add(MODEL_FILE, &name, &shape, Range::Finite);
            }
            needed.extend([Needed::embedding(items, d as u64), Needed::codes(items, d as u64)]);
        }
        Self { items, needed }
    }

    /// The tensors of a release of this manifest.
    ///
    /// # Errors
    /// As [`items`], for the entries of the manifest.
    pub(super) fn of_manifest(manifest: &Manifest) -> Result<Self> {
        let entries = manifest.tensors.get(ITEMS_FILE);
        let shape = entries.and_then(|entries| entries.get(POPULARITY)).map(|entry| &entry.shape);
        let items = items(shape).map_err(|refusal| Error::refused(ITEMS_FILE, refusal))?;
        Ok(Self::new(&manifest.architecture, manifest.plan.contexts.len() as u64, items))
    }

    /// The tensors of one file.
    pub(super) fn of<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a Needed> {
        self.needed.iter().filter(move |needed| needed.file == file)
    }

    /// Checks that `layout` of `file` holds exactly the tensors needed, each of its dtype, shape
    /// and aligned to its values, so that a memory map of the file can be read in place.
    fn check(&self, file: &str, layout: &TensorLayout) -> Result<(), Refusal> {
        for needed in self.of(file) {
            let tensor = needed.name.clone();
            let Some(info) = layout.get(&needed.name) else {
                if needed.optional {
                    continue;
                }
                return Err(Refusal::MissingTensor { tensor });
            };
            needed.check(info)?;
        }
        // Behind the dtypes: a wrong one shifts the tensors behind it.
        for (tensor, info) in layout.iter() {
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
fn items(popularity: Option<&Vec<u64>>) -> Result<u64, Refusal> {
    let tensor = || POPULARITY.to_owned();
    let shape = popularity.ok_or_else(|| Refusal::MissingTensor { tensor: tensor() })?;
    match shape[..] {
        [items] if items <= ITEMS_MAX as u64 => Ok(items),
        [found] => {
            Err(Refusal::TooLarge { what: "number of items", found, limit: ITEMS_MAX as u64 })
        }
        _ => {
            let (expected, found) = (vec![0], shape.clone());
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
