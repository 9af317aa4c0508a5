//! One fit of a network: its threads, its checkpoint, and its weights as a release has them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::retrained::FIRST;
use super::{NamedValues, Retraining, Trainable, TrainedNetwork, Weights};
use crate::datasets::Interactions;
use crate::training::neural::ops::numbers;
use crate::training::neural::{FitSettings, Parameters, Run, fit};
use crate::training::{Session, TrainStep};
use crate::{Error, Result};

/// What is fitted, and on what.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The data.
    pub data: &'a Interactions,
    /// Events that are trained on.
    pub train: &'a [u32],
    /// Events that are validated on.
    pub validation: &'a [u32],
    /// Contexts of the plan; 0 where the network does not look at them.
    pub contexts: usize,
    /// Which of the run's fits this is.
    pub step: TrainStep,
    /// What it begins with.
    pub retraining: &'a Retraining,
}

impl<'a> Job<'a> {
    /// A first fit on `train`, validated on `validation`.
    #[must_use]
    pub fn first(data: &'a Interactions, train: &'a [u32], validation: &'a [u32]) -> Self {
        let (contexts, step) = (0, TrainStep::Fitting);
        Self { data, train, validation, contexts, step, retraining: &FIRST }
    }
}

/// Fits `task` and takes its weights as a release holds them.
///
/// # Errors
/// Those of [`fit()`].
pub(crate) fn fit_network(
    task: &mut (dyn Trainable + Send),
    (job, fingerprint): (&Job<'_>, &str),
    (settings, threads): (&FitSettings, usize),
    session: &Session<'_>,
) -> Result<TrainedNetwork> {
    let retrained = job.retraining.begin(task, job.data)?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let threads = threads.map_err(|error| Error::setting("threads", error.to_string()))?;
    let checkpoint = session.checkpoints.map(|directory| checkpoint(directory, job.step));
    let run = Run {
        fingerprint,
        checkpoint: checkpoint.as_deref(),
        resume: session.resume,
        threads: &threads,
        stop: session.stop,
        progress: &|done, total| (session.progress)(job.step, done, total),
        epoch: &|epoch, record| (session.epoch)(job.step, epoch, record),
    };
    let fitted = fit(task, settings, &run)?;
    let all = released_values(task.parameters(), |_| true)?;
    let weights =
        Weights { tensors: all, words: task.words().to_vec(), newest_ms: job.newest_ms() };
    let (embedding, mut tensors) = task.released()?;
    // The score alone ranks.
    for (name, shape, value) in [("ranker.weight", vec![1, 1], 1.0), ("ranker.bias", vec![1], 0.0)]
    {
        tensors.push(NamedValues { name: name.to_owned(), shape, values: vec![value] });
    }
    let (architecture, contexts) = (task.architecture(), job.contexts);
    Ok(TrainedNetwork { architecture, contexts, embedding, tensors, weights, retrained, fitted })
}

/// The values of the weights whose names `is_released`.
pub(crate) fn released_values(
    parameters: &Parameters,
    is_released: impl Fn(&str) -> bool,
) -> Result<Vec<NamedValues>> {
    let mut tensors = Vec::new();
    for (name, var) in parameters.iter().filter(|(name, _)| is_released(name)) {
        let values = numbers(var.as_tensor())?.to_vec();
        tensors.push(NamedValues { name: name.to_owned(), shape: var.dims().to_vec(), values });
    }
    Ok(tensors)
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

impl Job<'_> {
    /// When the newest event happened that is trained on or has been, where all have times.
    fn newest_ms(&self) -> Option<i64> {
        let times = self.train.iter().map(|index| self.data.events[*index as usize].at_ms);
        let newest = times.collect::<Option<Vec<i64>>>()?.into_iter().max();
        let seen = self.retraining.seen_until_ms();
        if self.retraining.is_warm() { Some(newest?.max(seen?)) } else { newest }
    }

    /// Says for which data, parts and settings a run is.
    pub(crate) fn fingerprint(&self, settings: &impl Serialize) -> Result<String> {
        let mut bytes = serde_json::to_vec(&(settings, self.retraining.identity()))
            .map_err(|error| Error::data(format!("settings: {error}")))?;
        for count in [self.data.items.len(), self.contexts] {
            bytes.extend((count as u64).to_le_bytes());
        }
        for event in &self.data.events {
            let at = event.at_ms.unwrap_or(i64::MIN);
            bytes.extend([event.user.to_le_bytes(), event.item.to_le_bytes()].concat());
            bytes.extend(at.to_le_bytes());
        }
        for part in [self.train, self.validation] {
            bytes.extend((part.len() as u64).to_le_bytes());
            part.iter().for_each(|index| bytes.extend(index.to_le_bytes()));
        }
        Ok(noctule_core::base::digest::sha256_hex(&bytes))
    }
}
