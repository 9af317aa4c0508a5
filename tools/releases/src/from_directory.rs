//! Packing from files that any framework can write.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use noctule_core::base::limits::MANIFEST_BYTES_MAX;
use noctule_core::base::{Error as CoreError, Refusal, json};
use noctule_core::catalogue::{JSONL_FILE, read_jsonl};
use noctule_core::release::{
    Architecture, CHECKS_FILE, Checks, Experiment, ITEMS_FILE, MODEL_FILE, Plan, RankerKind,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::pack::{Embedding, PackInput, Packed, RankerWeights, pack};
use crate::sample;
use crate::tensors::Source;
use crate::vectors::VectorForm;
use crate::{Error, Result, SecretKey};

/// The file with the description.
const DESCRIPTION_FILE: &str = "pack.json";
/// The file that a training run leaves, which holds the architecture.
pub(crate) const TRAINING_FILE: &str = "training.json";
/// The plan beside a model, for people and for `noctule pack`.
pub(crate) const PLAN_FILE: &str = "plan.json";
/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// `pack.json`: what the other files of the directory do not say.
///
/// ```
/// let description: noctule_releases::Description = serde_json::from_str(r#"{
///     "app": "town", "name": "town", "version": 3,
///     "architecture": {"name": "popularity"},
///     "plan": {
///         "contexts": [{"id": "noon", "when": {"days": "every", "from": 660, "until": 900}}],
///         "surfaces": [{"id": "home", "length": 10, "contexts": ["noon"]}]
///     }
/// }"#)?;
/// assert_eq!(description.valid_days, 90);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The app it is for.
    pub app: String,
    /// The line of releases.
    pub name: String,
    /// Greater than that of every release of the line before it.
    pub version: u64,
    /// Begin of validity, Unix milliseconds; the moment of packing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_ms: Option<i64>,
    /// Days for which it is valid.
    #[serde(default = "Description::default_valid_days")]
    pub valid_days: u32,
    /// The oldest library that may use it, `x.y.z`; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_runtime: Option<String>,
    /// Architecture and hyper-parameters; when absent, those in `training.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// The plan.
    pub plan: Plan,
    /// The experiment, if one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Experiment>,
    /// How the item vectors are stored.
    #[serde(default)]
    pub vectors: VectorForm,
    /// Where it came from: free text by key. With the architecture, that of `training.json` is
    /// taken too; what stands here goes before it.
    #[serde(default, deserialize_with = "json::unique_map")]
    pub lineage: BTreeMap<String, String>,
}

impl Description {
    fn default_valid_days() -> u32 {
        90
    }
}

/// What of `training.json` a release needs; the rest is for people.
#[derive(Deserialize)]
struct Training {
    architecture: Architecture,
    #[serde(default, deserialize_with = "json::unique_map")]
    lineage: BTreeMap<String, String>,
}

/// Packs the release described by the files of `source`, at `now_ms`, into `out`.
///
/// | file | holds | when absent |
/// |---|---|---|
/// | `pack.json` | a [`Description`] | refused |
/// | `catalogue.jsonl` | one item a line | refused |
/// | `items.safetensors` | `embedding` F32 \[n, d\] | refused for an architecture with a model |
/// | | `popularity` F32 \[n\] | every item the same |
/// | | `context_popularity` F32 \[contexts, n\] | `popularity` in every context |
/// | `model.safetensors` | `gram` F32 \[d, d\] | computed from the embedding |
/// | | `ranker.weight` F32 \[1, f\], `ranker.bias` F32 \[1\] | weight 1, bias 0 for one value |
/// | | the other tensors of [`Architecture::model_tensors`] | refused |
/// | `checks.jsonl` | one check a line | a release without an exam |
/// | `sample.jsonl` | a [`crate::SampleUser`] a line, to measure the release on | no gate |
///
/// Tensors may be F16 or BF16 as well. `codes` and `scale` may be there and are made anew, and so
/// is `gram` when the vectors are not stored as F32. Other tensors are refused.
///
/// # Errors
/// As [`pack`], with the file, line and field of what does not fit.
pub fn pack_from_directory(
    source: &Path,
    key: &SecretKey,
    out: &Path,
    now_ms: i64,
) -> Result<Packed> {
    pack(&read_input(source, now_ms)?, key, out)
}

/// What [`pack_from_directory`] packs.
pub(crate) fn read_input(source: &Path, now_ms: i64) -> Result<PackInput> {
    let description: Description = read_json(&source.join(DESCRIPTION_FILE), DESCRIPTION_FILE)?;
    let (architecture, mut lineage) = match description.architecture {
        Some(architecture) => (architecture, BTreeMap::new()),
        None => {
            let training: Training = read_json(&source.join(TRAINING_FILE), TRAINING_FILE)?;
            (training.architecture, training.lineage)
        }
    };
    lineage.extend(description.lineage);
    let catalogue = read_jsonl(&source.join(JSONL_FILE), JSONL_FILE)?;
    // Its counts size what is read next.
    description.plan.validate()?;
    let mut items = read_items(source, &architecture, &description.plan, catalogue.len())?;
    if let Some(embedding) = &mut items.embedding {
        embedding.form = description.vectors;
    }
    let model = read_model(source, &architecture, description.plan.contexts.len())?;
    let created_ms = description.created_ms.unwrap_or(now_ms);
    Ok(PackInput {
        app: description.app,
        name: description.name,
        version: description.version,
        created_ms,
        expires_ms: created_ms.saturating_add(i64::from(description.valid_days) * DAY_MS),
        minimum_runtime: description.minimum_runtime,
        architecture,
        plan: description.plan,
        experiment: description.experiment,
        catalogue,
        popularity: items.popularity,
        context_popularity: items.context_popularity,
        embedding: items.embedding,
        gram: model.gram,
        ranker: model.ranker,
        tensors: model.tensors,
        checks: read_checks(source)?,
        health: sample::read(source)?,
        lineage,
    })
}

/// Reads the JSON document at `path`, which errors call `name`.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path, name: &str) -> Result<T> {
    let file = File::open(path).map_err(Error::file(path, "opening"))?;
    let mut bytes = Vec::new();
    let read = file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(Error::file(path, "reading"))?;
    let found = bytes.len() as u64;
    if found > MANIFEST_BYTES_MAX {
        let limit = MANIFEST_BYTES_MAX;
        let refusal = Refusal::TooLarge { what: "length in bytes", found, limit };
        return Err(CoreError::refused(name, refusal).into());
    }
    json::parse(&bytes).map_err(|refusal| CoreError::refused(name, refusal).into())
}

fn read_checks(source: &Path) -> Result<Option<Checks>> {
    let path = source.join(CHECKS_FILE);
    Ok(path.exists().then(|| Checks::read(&path)).transpose()?)
}

struct Items {
    popularity: Vec<f32>,
    context_popularity: Vec<Vec<f32>>,
    embedding: Option<Embedding>,
}

fn read_items(source: &Path, architecture: &Architecture, plan: &Plan, n: usize) -> Result<Items> {
    let (path, contexts) = (source.join(ITEMS_FILE), plan.contexts.len());
    let dimensions = architecture.dimensions();
    let uniform = || vec![1.0 / n.max(1) as f32; n];
    if dimensions.is_none() && !path.exists() {
        let popularity = uniform();
        let context_popularity = vec![popularity.clone(); contexts];
        return Ok(Items { popularity, context_popularity, embedding: None });
    }
    let mut known = vec!["popularity", "context_popularity"];
    if dimensions.is_some() {
        known.extend(["embedding", "codes", "scale"]);
    }
    let tensors = Source::open(&path, ITEMS_FILE, &known)?;
    let popularity = tensors.of_shape("popularity", &[n])?.unwrap_or_else(uniform);
    let context_popularity = match tensors.of_shape("context_popularity", &[contexts, n])? {
        // Rows of no values are still one row a context.
        Some(_) if n == 0 => vec![Vec::new(); contexts],
        Some(values) => values.chunks(n).map(<[f32]>::to_vec).collect(),
        None => vec![popularity.clone(); contexts],
    };
    let embedding = match dimensions {
        Some(dimensions) => {
            let values = tensors.of_shape("embedding", &[n, dimensions])?;
            let form = VectorForm::default();
            values.map(|values| Embedding { values, dimensions, form })
        }
        None => None,
    };
    Ok(Items { popularity, context_popularity, embedding })
}

#[derive(Default)]
struct Model {
    gram: Option<Vec<f32>>,
    ranker: Option<RankerWeights>,
    tensors: BTreeMap<String, Vec<f32>>,
}

fn read_model(source: &Path, architecture: &Architecture, contexts: usize) -> Result<Model> {
    let path = source.join(MODEL_FILE);
    let Some(design) = architecture.ranker() else {
        return if path.exists() {
            Err(Error::part(MODEL_FILE, "does not belong to the architecture popularity"))
        } else {
            Ok(Model::default())
        };
    };
    let refused = |refusal| CoreError::refused("architecture", refusal);
    architecture.validate(contexts).map_err(refused)?;
    // With one value there is nothing to weigh: any rising function ranks the same.
    let is_only = design.kind == RankerKind::Linear && architecture.ranker_width(contexts) == 1;
    let only = is_only.then(|| RankerWeights { weight: vec![1.0], bias: 0.0 });
    if !path.exists() {
        return Ok(Model { ranker: only, ..Model::default() });
    }
    let needed = architecture.model_tensors(contexts);
    let known: Vec<&str> = needed.iter().map(|(name, _)| name.as_str()).collect();
    let source = Source::open(&path, MODEL_FILE, &known)?;
    let mut tensors = BTreeMap::new();
    for (name, shape) in &needed {
        let shape: Vec<usize> = shape.iter().map(|size| *size as usize).collect();
        if let Some(values) = source.of_shape(name, &shape)? {
            tensors.insert(name.clone(), values);
        }
    }
    let gram = tensors.remove("gram");
    let (weight, bias) = (tensors.remove("ranker.weight"), tensors.remove("ranker.bias"));
    let ranker = match (weight, bias.as_deref()) {
        (Some(weight), Some([bias])) => Some(RankerWeights { weight, bias: *bias }),
        (None, None) => only,
        _ => {
            let reason = "ranker.weight and ranker.bias are there together or not at all";
            return Err(Error::part(MODEL_FILE, reason));
        }
    };
    Ok(Model { gram, ranker, tensors })
}
