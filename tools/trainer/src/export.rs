//! Writing a trained model as a directory that can be packed into a release.

mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use noctule_core::release::{Architecture, Plan};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::{Deserialize, Serialize};

use crate::clicks::Showings;
use crate::datasets::directory::write_catalogue;
use crate::datasets::{Interactions, ReadCounts};
use crate::evaluation::QuantisationLoss;
use crate::training::network::{RetrainRecord, WEIGHTS_FILE, remove_checkpoints};
use crate::training::neural::EpochRecord;
use crate::training::ranker::remove_ranker_checkpoints;
use crate::training::{
    Metrics, Session, TrainSettings, TrainStep, TrainedModel, WeakRecord, train_in,
    train_on_feedback,
};
use crate::{Error, Result};

/// `training.json`: how a model came to be, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Architecture and hyper-parameters for the manifest.
    pub architecture: Architecture,
    /// The settings of the run, seed included.
    pub settings: TrainSettings,
    /// Sizes of the data.
    pub data: DataSizes,
    /// Choices that the ranker learned from.
    pub ranker_positives: usize,
    /// The feedback that it learned from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak: Option<WeakRecord>,
    /// Loss of the factorisation after each epoch.
    pub losses: Vec<f64>,
    /// The epochs of a network, as it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<EpochRecord>,
    /// The best of them, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// What a network was begun with and which weights were trained, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrained: Option<RetrainRecord>,
    /// What ranking by codes alone would cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<QuantisationLoss>,
    /// What `noctule pack` says of it in the manifest.
    #[serde(default)]
    pub lineage: BTreeMap<String, String>,
    /// What was measured; none when no user has three events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
}

/// Sizes of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSizes {
    /// Users.
    pub users: usize,
    /// Items of the catalogue.
    pub items: usize,
    /// Interactions that were trained on.
    pub interactions: usize,
    /// Rows left out because they repeat an earlier one.
    pub duplicates: u64,
    /// Rows left out because the user did not like the item.
    pub not_positive: u64,
}

impl DataSizes {
    fn of(data: &Interactions) -> Self {
        let ReadCounts { duplicates, not_positive } = data.counts;
        let (users, items) = (data.users.len(), data.items.len());
        Self { users, items, interactions: data.events.len(), duplicates, not_positive }
    }
}

/// Trains on `data` and writes the result into `directory`; see
/// [`train`](crate::training::train) and [`write_model`].
/// Beside it goes `sample.jsonl`, choices of some users without their names, from which
/// `noctule pack` measures how the scores of a healthy phone look. It is not part of a release.
///
/// # Errors
/// As [`train`](crate::training::train) and [`write_model`].
pub fn train_to_directory(
    data: &Interactions,
    plan: &Plan,
    settings: &TrainSettings,
    directory: &Path,
    progress: &dyn Fn(TrainStep, usize, usize),
) -> Result<TrainingRecord> {
    train_to_directory_in(data, plan, None, settings, directory, &Session::of(progress))
}

/// As [`train_to_directory`] or, with feedback, [`train_on_feedback_to_directory`], in a session.
/// Its checkpoints are removed when the model is written.
///
/// # Errors
/// As [`train_in`] and [`write_model`].
pub fn train_to_directory_in(
    data: &Interactions,
    plan: &Plan,
    feedback: Option<&Showings>,
    settings: &TrainSettings,
    directory: &Path,
    session: &Session<'_>,
) -> Result<TrainingRecord> {
    if let Some(checkpoints) = session.checkpoints {
        let making = "making the directory";
        std::fs::create_dir_all(checkpoints).map_err(Error::file(checkpoints, making))?;
    }
    let model = train_in(data, plan, feedback, settings, session)?;
    let record = write_with_sample(&model, data, plan, settings, directory)?;
    if let Some(checkpoints) = session.checkpoints {
        remove_checkpoints(checkpoints)?;
        remove_ranker_checkpoints(checkpoints)?;
    }
    Ok(record)
}

/// As [`train_to_directory`], with the ranker trained from `feedback`; see [`train_on_feedback`].
///
/// # Errors
/// As [`train_on_feedback`] and [`write_model`].
pub fn train_on_feedback_to_directory(
    data: &Interactions,
    plan: &Plan,
    feedback: &Showings,
    settings: &TrainSettings,
    directory: &Path,
    progress: &dyn Fn(TrainStep, usize, usize),
) -> Result<TrainingRecord> {
    let model = train_on_feedback(data, plan, feedback, settings, progress)?;
    write_with_sample(&model, data, plan, settings, directory)
}

fn write_with_sample(
    model: &TrainedModel,
    data: &Interactions,
    plan: &Plan,
    settings: &TrainSettings,
    directory: &Path,
) -> Result<TrainingRecord> {
    let record = write_model(model, data, settings, directory)?;
    sample::write(data, plan, settings.seed, &directory.join(sample::SAMPLE_FILE))?;
    Ok(record)
}

/// Writes `catalogue.jsonl`, `items.safetensors` (`popularity`, `context_popularity` and, for a
/// model, `embedding`), `model.safetensors` (`gram`, `ranker.weight`, `ranker.bias` of a
/// factorisation, or the tensors of a network), `weights.safetensors` of a network and, last,
/// `training.json` into `directory`, which is made where it is missing. The same model gives the
/// same bytes.
///
/// # Errors
/// [`Error::File`], and [`Error::Data`] when a part of `model` does not have one row an item.
pub fn write_model(
    model: &TrainedModel,
    data: &Interactions,
    settings: &TrainSettings,
    directory: &Path,
) -> Result<TrainingRecord> {
    std::fs::create_dir_all(directory).map_err(Error::file(directory, "making the directory"))?;
    // Without it the directory is no model, until all of the new one is there.
    remove(&directory.join("training.json"))?;
    write_catalogue(&data.items, &directory.join("catalogue.jsonl"))?;
    let (n, d) = (data.items.len(), model.dimensions);
    let popularity = &model.popularity;
    let contexts = popularity.by_context.len() / n.max(1);
    let mut items = vec![
        tensor("popularity", &[n], &popularity.overall)?,
        tensor("context_popularity", &[contexts, n], &popularity.by_context)?,
    ];
    let mut others = Vec::new();
    for values in &model.tensors {
        others.push(tensor(&values.name, &values.shape, &values.values)?);
    }
    if model.ranker.is_some() {
        items.push(tensor("embedding", &[n, d], &model.embedding)?);
    }
    if let Some(ranker) = model.ranker.as_ref().filter(|_| model.tensors.is_empty()) {
        others.push(tensor("gram", &[d, d], &model.gram)?);
        for values in ranker.tensors() {
            others.push(tensor(&values.name, &values.shape, &values.values)?);
        }
    }
    write_tensors(&items, &directory.join("items.safetensors"))?;
    let model_path = directory.join("model.safetensors");
    if others.is_empty() {
        // A model of an earlier run in the same directory does not belong to this one.
        remove(&model_path)?;
    } else {
        write_tensors(&others, &model_path)?;
    }
    let weights_path = directory.join(WEIGHTS_FILE);
    match &model.weights {
        Some(weights) => weights.write(&weights_path)?,
        None => remove(&weights_path)?,
    }
    let record = TrainingRecord {
        architecture: model.architecture.clone(),
        settings: settings.clone(),
        data: DataSizes::of(data),
        ranker_positives: model.ranker_positives,
        weak: model.weak.clone(),
        losses: model.losses.clone(),
        curve: model.curve.clone(),
        best_epoch: model.best_epoch,
        retrained: model.retrained.clone(),
        quantisation: model.quantisation,
        lineage: model
            .quantisation
            .iter()
            .map(|lost| ("quantisation".to_owned(), lost.sentence()))
            .collect(),
        metrics: model.metrics.clone(),
    };
    let path = directory.join("training.json");
    let json = serde_json::to_vec_pretty(&record).map_err(std::io::Error::from);
    let json = json.map_err(Error::file(&path, "encoding"))?;
    std::fs::write(&path, json).map_err(Error::file(&path, "writing"))?;
    Ok(record)
}

/// Removes the file at `path`; that there is none is no error.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(path, "removing")(error))
        }
        _ => Ok(()),
    }
}

struct NamedTensor {
    name: String,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Result<NamedTensor> {
    if values.len() != shape.iter().product::<usize>() {
        let reason = format!("{name} has {} values, {shape:?} is needed", values.len());
        return Err(Error::data(reason));
    }
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(NamedTensor { name: name.to_owned(), shape: shape.to_vec(), bytes })
}

fn write_tensors(tensors: &[NamedTensor], path: &Path) -> Result<()> {
    let failed = |error: safetensors::SafeTensorError| {
        Error::file(path, "encoding")(std::io::Error::other(error.to_string()))
    };
    let mut views = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &tensor.bytes);
        views.push((tensor.name.as_str(), view.map_err(failed)?));
    }
    let bytes = safetensors::serialize(views, None).map_err(failed)?;
    std::fs::write(path, bytes).map_err(Error::file(path, "writing"))
}
