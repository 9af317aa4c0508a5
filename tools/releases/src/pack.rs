//! Packing: parts in memory become a signed directory, whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use noctule_core::base::limits::ITEMS_MAX;
use noctule_core::catalogue::{Item, encode};
use noctule_core::model;
use noctule_core::release::{
    Architecture, CATALOGUE_FILE, CHECKS_FILE, Checks, Chunks, Experiment, FileEntry, ITEMS_FILE,
    MANIFEST_FILE, MANIFEST_FORMAT, MODEL_FILE, Manifest, Plan, References, ReleaseName,
    SIGNATURE_FILE, TensorEntry, TensorLayout, Trust, sha256_hex, verify_directory_with,
};

use crate::sample::{self, HealthSource};
use crate::staging::Staging;
use crate::tensors::{Tensor, write_tensors};
use crate::vectors::{StoredVectors, VectorForm};
use crate::{Error, Result, SecretKey};

/// All parts of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct PackInput {
    /// The app it is for.
    pub app: String,
    /// The line of releases: 1 to 64 of `[a-z0-9_-]`.
    pub name: String,
    /// Greater than that of every release of the line before it.
    pub version: u64,
    /// Begin of validity, Unix milliseconds.
    pub created_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expires_ms: i64,
    /// The oldest library that may use it (`0.1.0`), if not any.
    pub minimum_runtime: Option<String>,
    /// Architecture and hyper-parameters.
    pub architecture: Architecture,
    /// The plan.
    pub plan: Plan,
    /// The experiment, if one runs.
    pub experiment: Option<Experiment>,
    /// The items, n of them.
    pub catalogue: Vec<Item>,
    /// Share of each item in the interactions: n values.
    pub popularity: Vec<f32>,
    /// The same within each context of the plan, in its order: n values each.
    pub context_popularity: Vec<Vec<f32>>,
    /// The item vectors; needed by every architecture with a model, absent otherwise.
    pub embedding: Option<Embedding>,
    /// Sum of y yT over the items, `[d, d]`; computed from the embedding when absent, and when the
    /// vectors are not stored as F32.
    pub gram: Option<Vec<f32>>,
    /// The ranker's final weighted sum; needed by every architecture with a model, absent
    /// otherwise.
    pub ranker: Option<RankerWeights>,
    /// All other tensors of [`Architecture::model_tensors`], by name, row-major.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// What it must pass before it becomes active anywhere.
    pub checks: Option<Checks>,
    /// Where references and limits of the health gate come from.
    pub health: HealthSource,
    /// Where it came from: free text by key.
    pub lineage: BTreeMap<String, String>,
}

/// Item vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// n x `dimensions` values, row-major.
    pub values: Vec<f32>,
    /// Length of one vector.
    pub dimensions: usize,
    /// How they are stored.
    pub form: VectorForm,
}

/// The weighted sum that a ranker ends with, alone a logistic ranker.
#[derive(Debug, Clone, PartialEq)]
pub struct RankerWeights {
    /// For a linear ranker one weight a value of a row, in the order of the architecture's
    /// `ranker_features`; otherwise one for each value that the last layers give.
    pub weight: Vec<f32>,
    /// The bias.
    pub bias: f32,
}

/// The tensors of one file, as the manifest names them.
type Entries = BTreeMap<String, TensorEntry>;

/// A release that was packed.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// Where it lies.
    pub directory: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's bytes, lower-case hex: the identity of the release.
    pub manifest_sha256: String,
    /// Bytes of all its files, manifest and signature included.
    pub bytes: u64,
    /// What storing the vectors with fewer bits costs: the mean share of the 10 items nearest to
    /// an item's vector that stay among them, over up to 100 items. None when nothing is lost.
    pub overlap: Option<f64>,
}

/// Writes the release of `input` to `out` and signs it with `key`.
///
/// The directory appears under its name only when everything is written, flushed and verified as a
/// device would verify it. The same input and key give the same bytes.
///
/// # Errors
/// [`Error::Exists`] when `out` holds anything; [`Error::Part`] when parts do not fit each other;
/// [`Error::Core`] with file, line and field when a device would refuse the release;
/// [`Error::File`]. Nothing is left behind.
pub fn pack(input: &PackInput, key: &SecretKey, out: &Path) -> Result<Packed> {
    check_sizes(input)?;
    let staging = Staging::beside(out)?;
    let directory = &staging.path;
    let mut tensors = BTreeMap::new();
    let catalogue = write_catalogue(&input.catalogue, &directory.join(CATALOGUE_FILE))?;
    tensors.insert(CATALOGUE_FILE.to_owned(), catalogue);
    let vectors = input.embedding.as_ref().map(StoredVectors::new).transpose()?;
    let items = write_items(input, vectors.as_ref(), &directory.join(ITEMS_FILE))?;
    tensors.insert(ITEMS_FILE.to_owned(), items);
    if let (Some(vectors), Some(ranker)) = (&vectors, &input.ranker) {
        let path = directory.join(MODEL_FILE);
        let entries = write_model(input, vectors, ranker, &path)?;
        tensors.insert(MODEL_FILE.to_owned(), entries);
        // A model that verifies but cannot be used is found here, not on a phone.
        let (items, contexts) = (input.catalogue.len(), input.plan.contexts.len());
        model::Recommender::read(&path, &input.architecture, items, contexts)?;
    }
    let mut others = Vec::new();
    if let Some(checks) = &input.checks {
        write(&directory.join(CHECKS_FILE), &checks.to_bytes()?)?;
        others.push(CHECKS_FILE);
    }
    let mut files = BTreeMap::new();
    for file in others.into_iter().chain(tensors.keys().map(String::as_str)) {
        let path = directory.join(file);
        files.insert(file.to_owned(), FileEntry::of_file(&path)?);
    }
    let mut manifest = manifest(input, files, tensors);
    set_health(&mut manifest, &input.health, directory)?;
    let bytes = manifest.to_bytes()?;
    let signature = key.sign(&bytes);
    write(&directory.join(MANIFEST_FILE), &bytes)?;
    write(&directory.join(SIGNATURE_FILE), &signature)?;
    let keys = [key.public().0];
    let trust = Trust::signed_by(&input.app, &keys, input.created_ms);
    let manifest = verify_directory_with(directory, &trust, Chunks::Checked)?.manifest;
    let listed: u64 = manifest.files.values().map(|entry| entry.length).sum();
    let (manifest_sha256, total) =
        (sha256_hex(&bytes), listed + (bytes.len() + signature.len()) as u64);
    let overlap = vectors.as_ref().map(StoredVectors::overlap).transpose()?.flatten();
    staging.publish(out)?;
    Ok(Packed { directory: out.to_path_buf(), manifest, manifest_sha256, bytes: total, overlap })
}

/// References and limits, measured where a sample is given.
fn set_health(manifest: &mut Manifest, source: &HealthSource, directory: &Path) -> Result<()> {
    let measured = match source {
        HealthSource::None => None,
        HealthSource::Given { reference, health } => Some((reference.clone(), *health)),
        HealthSource::Sample(users) => {
            let (path, bytes) = (directory.join(MANIFEST_FILE), manifest.to_bytes()?);
            write(&path, &bytes)?;
            let measured =
                sample::measure(directory, &sha256_hex(&bytes), users, manifest.created_ms);
            std::fs::remove_file(&path).map_err(Error::file(&path, "removing"))?;
            measured?
        }
    };
    if let Some((reference, health)) = measured {
        manifest.reference = reference;
        manifest.health = Some(health);
    }
    Ok(())
}

fn manifest(
    input: &PackInput,
    files: BTreeMap<String, FileEntry>,
    tensors: BTreeMap<String, Entries>,
) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        app: input.app.clone(),
        release: ReleaseName { name: input.name.clone(), version: input.version },
        created_ms: input.created_ms,
        expires_ms: input.expires_ms,
        minimum_runtime: input.minimum_runtime.clone(),
        architecture: input.architecture.clone(),
        plan: input.plan.clone(),
        experiment: input.experiment.clone(),
        files,
        tensors,
        reference: References::new(),
        health: None,
        lineage: input.lineage.clone(),
    }
}

/// Checks that every part has the size that catalogue, plan and architecture ask for.
fn check_sizes(input: &PackInput) -> Result<()> {
    let (n, contexts) = (input.catalogue.len(), input.plan.contexts.len());
    if n > ITEMS_MAX {
        let reason = format!("has {n} items, at most {ITEMS_MAX} are allowed");
        return Err(Error::part("catalogue", reason));
    }
    length("popularity", input.popularity.len(), n)?;
    length("context_popularity", input.context_popularity.len(), contexts)?;
    for (index, row) in input.context_popularity.iter().enumerate() {
        length(&format!("context_popularity[{index}]"), row.len(), n)?;
    }
    let Some(dimensions) = input.architecture.dimensions() else {
        let present = [
            ("embedding", input.embedding.is_some()),
            ("gram", input.gram.is_some()),
            ("ranker", input.ranker.is_some()),
            ("tensors", !input.tensors.is_empty()),
        ];
        return match present.into_iter().find(|(_, is_present)| *is_present) {
            Some((part, _)) => Err(Error::part(part, "does not belong to the architecture")),
            None => Ok(()),
        };
    };
    let refused = |refusal| noctule_core::base::Error::refused("architecture", refusal);
    input.architecture.validate(contexts).map_err(refused)?;
    let missing = || format!("is missing, {} needs it", input.architecture.name());
    let embedding = input.embedding.as_ref().ok_or_else(|| Error::part("embedding", missing()))?;
    let ranker = input.ranker.as_ref().ok_or_else(|| Error::part("ranker", missing()))?;
    if embedding.dimensions != dimensions {
        let reason = format!("is {}, the architecture says {dimensions}", embedding.dimensions);
        return Err(Error::part("embedding.dimensions", reason));
    }
    length("embedding", embedding.values.len(), n.saturating_mul(dimensions))?;
    check_tensors(input, ranker, contexts)
}

/// Checks that the model's tensors are those of the architecture, each of its size.
fn check_tensors(input: &PackInput, ranker: &RankerWeights, contexts: usize) -> Result<()> {
    let needed = input.architecture.model_tensors(contexts);
    for (name, shape) in &needed {
        let size = shape.iter().product::<u64>() as usize;
        match (name.as_str(), input.tensors.get(name)) {
            ("gram", _) => {
                input.gram.as_ref().map_or(Ok(()), |gram| length("gram", gram.len(), size))?;
            }
            ("ranker.weight", _) => length("ranker", ranker.weight.len(), size)?,
            ("ranker.bias", _) => {}
            (_, Some(values)) => length(name, values.len(), size)?,
            (_, None) => {
                return Err(Error::part(name.as_str(), format!("is missing, {shape:?} is needed")));
            }
        }
    }
    let is_own = |name: &str| matches!(name, "gram" | "ranker.weight" | "ranker.bias");
    let known = |name: &str| needed.iter().any(|(needed, _)| needed == name) && !is_own(name);
    if let Some(name) = input.tensors.keys().find(|name| !known(name)) {
        return Err(Error::part(name.as_str(), "does not belong to the architecture"));
    }
    let has_gram = needed.iter().any(|(name, _)| name == "gram");
    if input.gram.is_some() && !has_gram {
        return Err(Error::part("gram", "does not belong to the architecture"));
    }
    Ok(())
}

fn length(field: &str, found: usize, needed: usize) -> Result<()> {
    if found == needed {
        return Ok(());
    }
    Err(Error::part(field, format!("has {found} values, {needed} are needed")))
}

fn write_catalogue(items: &[Item], path: &Path) -> Result<Entries> {
    let bytes = encode(items)?;
    write(path, &bytes)?;
    let refused = |refusal| noctule_core::base::Error::refused(CATALOGUE_FILE, refusal);
    let layout = TensorLayout::of_bytes(&bytes).map_err(refused)?;
    let entries = layout.iter().map(|(name, info)| {
        let (dtype, shape) = (info.dtype.to_string(), info.shape.clone());
        (name.to_owned(), TensorEntry { dtype, shape })
    });
    Ok(entries.collect())
}

fn write_items(
    input: &PackInput,
    vectors: Option<&StoredVectors<'_>>,
    path: &Path,
) -> Result<Entries> {
    let (n, contexts) = (input.catalogue.len(), input.plan.contexts.len());
    let by_context = input.context_popularity.concat();
    let mut tensors = vec![
        Tensor::f32("popularity", &[n], &input.popularity),
        Tensor::f32("context_popularity", &[contexts, n], &by_context),
    ];
    tensors.extend(vectors.into_iter().flat_map(|vectors| vectors.tensors(n)));
    write_tensors(path, tensors)
}

fn write_model(
    input: &PackInput,
    vectors: &StoredVectors<'_>,
    ranker: &RankerWeights,
    path: &Path,
) -> Result<Entries> {
    let d = input.embedding.as_ref().map_or(0, |embedding| embedding.dimensions);
    let needed = input.architecture.model_tensors(input.plan.contexts.len());
    // The gram is that of the vectors that are stored: one that was made of others is made anew.
    let gram = match &input.gram {
        Some(gram) if vectors.are_exact() => gram.clone(),
        _ if needed.iter().any(|(name, _)| name == "gram") => {
            model::gram(&vectors.values()?, d).into_iter().map(|sum| sum as f32).collect()
        }
        _ => Vec::new(),
    };
    let bias = [ranker.bias];
    let tensors = needed.iter().map(|(name, shape)| {
        let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        let values = match name.as_str() {
            "gram" => &gram[..],
            "ranker.weight" => &ranker.weight,
            "ranker.bias" => &bias,
            // Every other one was found to be there.
            _ => input.tensors.get(name).map_or(&[][..], Vec::as_slice),
        };
        Tensor::f32(name.clone(), &shape, values)
    });
    write_tensors(path, tensors.collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::file(path, "making"))?;
    file.write_all(bytes).map_err(Error::file(path, "writing"))?;
    file.sync_all().map_err(Error::file(path, "flushing"))
}
