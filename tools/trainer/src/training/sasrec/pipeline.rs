//! From interactions to a network that a release holds.
//!
//! Two fits, as for a factorisation: one on what is not held out, stopped by validation and
//! measured on each user's last event; and one on all events, for as many epochs as were best.

use std::path::{Path, PathBuf};

use noctule_core::release::{Architecture, Consumed, Plan};

use super::{SasrecScorer, SasrecSettings, SasrecTask};
use crate::datasets::Interactions;
use crate::evaluation::{ContextPopularityScorer, EvaluationSettings, PopularityScorer, Scorer};
use crate::split::{Split, leave_last_out};
use crate::training::neural::ops::numbers;
use crate::training::neural::{Fitted, Run, Task as _, fit};
use crate::training::{
    Metrics, Session, TrainSettings, TrainStep, TrainedModel, TrainedRanker, count_popularity,
};
use crate::{Error, Result};

/// A tensor by name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValues {
    /// Its name in `model.safetensors`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// A trained network, as a release holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedSasrec {
    /// Its architecture; its candidates are ranked by its score alone.
    pub architecture: Architecture,
    /// Item vectors, \[items, d\].
    pub embedding: Vec<f32>,
    /// The other tensors, those of `model.safetensors`.
    pub tensors: Vec<NamedValues>,
    /// How training went.
    pub fitted: Fitted,
}

impl TrainedSasrec {
    /// Scores as the phone computes them.
    ///
    /// # Errors
    /// [`Error::Core`] when a weight is not finite.
    pub fn scorer(&self) -> Result<SasrecScorer<'_>> {
        SasrecScorer::new(&self.architecture, &self.tensors, &self.embedding)
    }
}

/// Trains a network on the events `train` of `data`, until `validation` has got no better for the
/// patience of the settings, or for all epochs where nothing is held out. The settings, seed
/// included, decide the result to the bit; the number of threads does not.
///
/// # Errors
/// [`Error::Setting`], [`Error::Data`] when no user has two events, and those of [`fit()`].
pub fn fit_sasrec(
    data: &Interactions,
    train: &[u32],
    validation: &[u32],
    settings: &SasrecSettings,
    session: &Session<'_>,
    step: TrainStep,
) -> Result<TrainedSasrec> {
    let mut task = SasrecTask::new(data, train, validation, settings)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build();
    let threads = threads.map_err(|error| Error::setting("threads", error.to_string()))?;
    let fingerprint = fingerprint(data, train, validation, settings)?;
    let checkpoint = session.checkpoints.map(|directory| checkpoint(directory, step));
    let run = Run {
        fingerprint: &fingerprint,
        checkpoint: checkpoint.as_deref(),
        resume: session.resume,
        threads: &threads,
        stop: session.stop,
        progress: &|done, total| (session.progress)(step, done, total),
        epoch: &|epoch, record| (session.epoch)(step, epoch, record),
    };
    let fitted = fit(&mut task, &settings.fit(), &run)?;
    let (mut embedding, mut tensors) = (Vec::new(), Vec::new());
    for (name, var) in task.parameters().iter() {
        let values = numbers(var.as_tensor())?.to_vec();
        if name == super::network::EMBEDDING {
            embedding = values;
        } else {
            let (name, shape) = (name.to_owned(), var.dims().to_vec());
            tensors.push(NamedValues { name, shape, values });
        }
    }
    // The score alone ranks.
    for (name, shape, value) in [("ranker.weight", vec![1, 1], 1.0), ("ranker.bias", vec![1], 0.0)]
    {
        tensors.push(NamedValues { name: name.to_owned(), shape, values: vec![value] });
    }
    let architecture = settings.architecture(vec!["fold_in".into()]);
    Ok(TrainedSasrec { architecture, embedding, tensors, fitted })
}

/// The file of the checkpoint of a step in `directory`.
fn checkpoint(directory: &Path, step: TrainStep) -> PathBuf {
    let name = if step == TrainStep::Refitting { "refitting" } else { "fitting" };
    directory.join(format!("checkpoint-{name}.safetensors"))
}

/// Removes the checkpoints in `directory`; that there are none is no error.
///
/// # Errors
/// [`Error::File`].
pub fn remove_checkpoints(directory: &Path) -> Result<()> {
    for step in [TrainStep::Fitting, TrainStep::Refitting] {
        let path = checkpoint(directory, step);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file(&path, "removing")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Says for which data, parts and settings a run is.
fn fingerprint(
    data: &Interactions,
    train: &[u32],
    validation: &[u32],
    settings: &SasrecSettings,
) -> Result<String> {
    // The number of threads changes nothing.
    let settings = SasrecSettings { threads: 1, ..settings.clone() };
    let mut bytes =
        serde_json::to_vec(&settings).map_err(|error| Error::data(format!("settings: {error}")))?;
    bytes.extend((data.items.len() as u64).to_le_bytes());
    for event in &data.events {
        let at = event.at_ms.unwrap_or(i64::MIN);
        bytes.extend([event.user.to_le_bytes(), event.item.to_le_bytes()].concat());
        bytes.extend(at.to_le_bytes());
    }
    for part in [train, validation] {
        bytes.extend((part.len() as u64).to_le_bytes());
        part.iter().for_each(|index| bytes.extend(index.to_le_bytes()));
    }
    Ok(noctule_core::base::digest::sha256_hex(&bytes))
}

/// Trains a SASRec for a release, and measures it on each user's last event.
///
/// # Errors
/// As [`fit_sasrec`], and those of the evaluation.
pub fn train_sasrec(
    data: &Interactions,
    plan: &Plan,
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<TrainedModel> {
    let sasrec = settings.sasrec();
    let split = leave_last_out(data);
    let fitted =
        fit_sasrec(data, &split.train, &split.validation, &sasrec, session, TrainStep::Fitting)?;
    let metrics = measure(data, plan, &split, &fitted, settings, session)?;
    let (curve, epoch) = (fitted.fitted.history.clone(), fitted.fitted.epoch);
    let all: Vec<u32> = (0..data.events.len() as u32).collect();
    let network = if sasrec.refit && !session.measures_only {
        let again = SasrecSettings { epochs: epoch, ..sasrec };
        fit_sasrec(data, &all, &[], &again, session, TrainStep::Refitting)?
    } else {
        fitted
    };
    let popularity = count_popularity(data, &all, plan.contexts.len(), settings.smoothing);
    Ok(TrainedModel {
        architecture: network.architecture,
        dimensions: settings.sasrec.dimensions,
        embedding: network.embedding,
        gram: Vec::new(),
        tensors: network.tensors,
        popularity,
        ranker: Some(TrainedRanker { weight: vec![1.0], bias: 0.0, losses: Vec::new() }.into()),
        ranker_positives: 0,
        weak: None,
        losses: Vec::new(),
        curve,
        best_epoch: Some(epoch),
        metrics,
    })
}

fn measure(
    data: &Interactions,
    plan: &Plan,
    split: &Split,
    fitted: &TrainedSasrec,
    settings: &TrainSettings,
    session: &Session<'_>,
) -> Result<Option<Metrics>> {
    if split.test.is_empty() {
        return Ok(None);
    }
    let of = EvaluationSettings {
        k: settings.k,
        protocol: settings.protocol,
        exclude_seen: plan.consumed != Consumed::Keep,
        users_max: Some(settings.users_max),
        seed: settings.seed,
        threads: settings.threads,
    };
    let mut done = 0;
    let mut measured = |name: &str, scorer: &dyn Scorer| {
        (session.progress)(TrainStep::Measuring, done, 3);
        done += 1;
        session.observer.measure(name, scorer, data, split, &of)
    };
    let known = [split.train.as_slice(), &split.validation].concat();
    let shares = count_popularity(data, &known, plan.contexts.len(), settings.smoothing);
    let in_context = ContextPopularityScorer { popularity: &shares };
    let metrics = Metrics {
        popularity: measured("popularity", &PopularityScorer::new(data, &known))?,
        context_popularity: measured("context popularity", &in_context)?,
        fold_in: None,
        untreated: None,
        ranker: None,
        sasrec: Some(measured("sasrec", &fitted.scorer()?)?),
    };
    (session.progress)(TrainStep::Measuring, 3, 3);
    Ok(Some(metrics))
}
