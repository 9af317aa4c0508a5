//! One fit of a network: its threads, its checkpoint, and its weights as a release has them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::retrained::FIRST;
use super::{NamedValues, Retraining, Trainable, TrainedNetwork, Weights};
use crate::datasets::Interactions;
use crate::evaluation::{Groups, Protocol};
use crate::training::adversary::ADVERSARY;
use crate::training::fairness::Treatment;
use crate::training::neural::ops::numbers;
use crate::training::neural::{DeviceChoice, FitSettings, Parameters, Run, fit};
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
    /// What a held-out event is ranked against.
    pub protocol: Protocol,
    /// What is done about groups that are served unequally, where two towers are fitted.
    pub treated: Option<Treated<'a>>,
}

/// A treatment, and the groups that it is for.
#[derive(Debug, Clone, Copy)]
pub struct Treated<'a> {
    /// The groups.
    pub groups: &'a Groups,
    /// The treatment.
    pub treatment: Treatment,
}

impl<'a> Job<'a> {
    /// A first fit on `train`, validated on `validation`.
    #[must_use]
    pub fn first(data: &'a Interactions, train: &'a [u32], validation: &'a [u32]) -> Self {
        Self {
            data,
            train,
            validation,
            contexts: 0,
            step: TrainStep::Fitting,
            retraining: &FIRST,
            protocol: Protocol::Full,
            treated: None,
        }
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
    task.parameters_mut().move_to(&session.device.open()?)?;
    let retrained = job.retraining.begin(task, job.data)?;
    let fingerprint = &on_device(fingerprint, session.device);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let threads = threads.map_err(|error| Error::setting("threads", error.to_string()))?;
    let checkpoint = session.checkpoints.map(|directory| checkpoint(directory, job.checkpoint()));
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
    let all = released_values(task.parameters(), |name| !name.starts_with(ADVERSARY))?;
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

/// Other devices round otherwise: their checkpoints are of other runs.
pub(crate) fn on_device(fingerprint: &str, device: DeviceChoice) -> String {
    match device {
        DeviceChoice::Cpu => fingerprint.to_owned(),
        DeviceChoice::Cuda(_) => format!("{fingerprint} on cuda"),
    }
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

/// Names of the fits of a run, for their checkpoints.
const FITS: [&str; 3] = ["fitting", "fitting-treated", "refitting"];

/// The file of the checkpoint of a fit in `directory`.
fn checkpoint(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("checkpoint-{name}.safetensors"))
}

/// Removes the checkpoints in `directory`; that there are none is no error.
///
/// # Errors
/// [`Error::File`].
pub fn remove_checkpoints(directory: &Path) -> Result<()> {
    for name in FITS {
        let path = checkpoint(directory, name);
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
    fn checkpoint(&self) -> &'static str {
        match (self.step, self.treated) {
            (TrainStep::Refitting, _) => FITS[2],
            (_, Some(_)) => FITS[1],
            (_, None) => FITS[0],
        }
    }

    /// When the newest event happened that is trained on or has been, where all have times.
    fn newest_ms(&self) -> Option<i64> {
        let times = self.train.iter().map(|index| self.data.events[*index as usize].at_ms);
        let newest = times.collect::<Option<Vec<i64>>>()?.into_iter().max();
        let seen = self.retraining.seen_until_ms();
        if self.retraining.is_warm() { Some(newest?.max(seen?)) } else { newest }
    }

    /// Says for which data, parts and settings a run is.
    pub(crate) fn fingerprint(&self, settings: &impl Serialize) -> Result<String> {
        let mut bytes = serde_json::to_vec(&(settings, self.retraining.identity(), self.protocol))
            .map_err(|error| Error::data(format!("settings: {error}")))?;
        for count in [self.data.items.len(), self.contexts] {
            bytes.extend((count as u64).to_le_bytes());
        }
        for event in &self.data.events {
            let at = event.at_ms.unwrap_or(i64::MIN);
            bytes.extend([event.user.to_le_bytes(), event.item.to_le_bytes()].concat());
            bytes.extend(at.to_le_bytes());
        }
        if let Some(Treated { groups, treatment }) = self.treated {
            bytes.extend(format!("{treatment:?} {:?}", groups.side).bytes());
            groups.of.iter().for_each(|group| {
                bytes.extend(group.map_or(-1, i32::from).to_le_bytes());
            });
        }
        for part in [self.train, self.validation] {
            bytes.extend((part.len() as u64).to_le_bytes());
            part.iter().for_each(|index| bytes.extend(index.to_le_bytes()));
        }
        Ok(noctule_core::base::digest::sha256_hex(&bytes))
    }
}
