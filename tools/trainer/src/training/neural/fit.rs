//! One epoch after another, until validation gets no better.

use std::path::Path;

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use candle_nn::{Optimizer as _, ParamsAdamW};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::arithmetic::{all_finite, fast};
use super::checkpoint::State;
use super::ops::numbers;
use super::{Adam, Checkpoint, Parameters};
use crate::{Error, Result};

/// A loss so many times that of the first batch (plus 1) will not come back.
const GROWTH_MAX: f64 = 100.0;

/// What a network is trained on.
pub trait Task {
    /// The weights that are trained.
    fn parameters(&self) -> &Parameters;

    /// Batches of an epoch, at least 1.
    fn batches(&self) -> usize;

    /// The mean loss of a batch: a function of the weights and of `place` alone.
    ///
    /// # Errors
    /// What keeps the task from computing it.
    fn loss(&mut self, place: Place) -> Result<Tensor>;

    /// How good the weights are on held-out data, larger is better; none when nothing is held out,
    /// and every epoch is run.
    ///
    /// # Errors
    /// What keeps the task from measuring.
    fn validate(&mut self) -> Result<Option<f64>>;
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The batch in it, from 0.
    pub batch: usize,
}

/// When to stop, and the size of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// Epochs, at most; 0 leaves the weights as they are.
    pub epochs: usize,
    /// Epochs without a better validation after which the run ends; 0 for all epochs.
    pub patience: usize,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

/// What surrounds a run.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Says for which data and settings the run is; a checkpoint of another one is refused.
    pub fingerprint: &'a str,
    /// The file that gets a checkpoint after every epoch, when the run is stopped, and at its end.
    pub checkpoint: Option<&'a Path>,
    /// Whether to go on from that file where it exists.
    pub resume: bool,
    /// The threads that compute; what follows here is called on the caller's own.
    pub threads: &'a rayon::ThreadPool,
    /// Asked between batches: whether to stop.
    pub stop: &'a dyn Fn() -> bool,
    /// Hears how many batches of all epochs are done.
    pub progress: &'a dyn Fn(usize, usize),
    /// Hears of each epoch that is done, from 1.
    pub epoch: &'a dyn Fn(usize, &EpochRecord),
}

/// One epoch of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Mean loss of its batches.
    pub loss: f64,
    /// The validation behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

/// A run that came to its end; the task's weights are the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The epoch of the best weights, from 1.
    pub epoch: usize,
    /// All epochs.
    pub history: Vec<EpochRecord>,
}

/// Trains `task` until its validation has not become better for `patience` epochs, and leaves the
/// best weights in it. A run that was stopped and goes on from its checkpoint ends with the very
/// bits of one that was not.
///
/// # Errors
/// [`Error::Unstable`] with epoch, step and cause when a loss or a gradient is not finite or the
/// loss grows without bound; [`Error::Interrupted`] when `run.stop` says so, after a checkpoint was
/// written; [`Error::Checkpoint`] when the one to go on from is damaged or of another run; those of
/// writing it; those of the task.
pub fn fit(task: &mut (dyn Task + Send), settings: &FitSettings, run: &Run<'_>) -> Result<Fitted> {
    let begin = ParamsAdamW {
        lr: settings.learning_rate,
        weight_decay: settings.weight_decay,
        ..ParamsAdamW::default()
    };
    let mut adam = Adam::new(task.parameters().vars().to_vec(), begin)?;
    adam.trained = task.parameters().trained().to_vec();
    adam.decays = task.parameters().decays().to_vec();
    let finished = settings.epochs == 0;
    let state = State { fingerprint: run.fingerprint.to_owned(), finished, ..State::default() };
    let mut fit = Fit { settings, adam, state, best: None };
    fit.resume(task, run)?;
    while !fit.state.finished {
        fit.epoch(task, run)?;
    }
    if let Some(best) = &fit.best {
        task.parameters().set(best)?;
    }
    let epoch = fit.state.best.map_or(fit.state.epoch, |(epoch, _)| epoch);
    Ok(Fitted { epoch, history: fit.state.history() })
}

struct Fit<'a> {
    settings: &'a FitSettings,
    adam: Adam,
    state: State,
    best: Option<Vec<Vec<f32>>>,
}

impl Fit<'_> {
    fn resume(&mut self, task: &dyn Task, run: &Run<'_>) -> Result<()> {
        let Some(path) = run.checkpoint.filter(|_| run.resume) else { return Ok(()) };
        let read = Checkpoint::read(path, task.parameters(), run.fingerprint)?;
        if let Some(checkpoint) = read {
            checkpoint.restore(task.parameters(), &mut self.adam)?;
            (self.state, self.best) = (checkpoint.state, checkpoint.best);
        }
        Ok(())
    }

    fn save(&self, task: &dyn Task, run: &Run<'_>) -> Result<()> {
        let Some(path) = run.checkpoint else { return Ok(()) };
        let (state, parameters) = (self.state.clone(), task.parameters());
        let checkpoint = Checkpoint::take(state, parameters, &self.adam, self.best.as_ref())?;
        checkpoint.write(parameters, path)
    }

    fn epoch(&mut self, task: &mut (dyn Task + Send), run: &Run<'_>) -> Result<()> {
        let batches = task.batches();
        while self.state.batch < batches {
            if (run.stop)() {
                self.save(task, run)?;
                return Err(Error::Interrupted {
                    epoch: self.state.epoch + 1,
                    batch: self.state.batch,
                    checkpoint: run.checkpoint.map(Path::to_path_buf),
                });
            }
            let loss = run.threads.install(|| self.step(task))?;
            let sum = f64::from_bits(self.state.loss_sum_bits) + loss;
            (self.state.loss_sum_bits, self.state.batch) = (sum.to_bits(), self.state.batch + 1);
            let done = self.state.epoch * batches + self.state.batch;
            (run.progress)(done, self.settings.epochs * batches);
        }
        let validation = run.threads.install(|| task.validate())?;
        let loss = f64::from_bits(self.state.loss_sum_bits) / batches as f64;
        let record = EpochRecord { loss, validation };
        self.state.push(record);
        (self.state.epoch, self.state.batch) = (self.state.epoch + 1, 0);
        (run.epoch)(self.state.epoch, &record);
        self.state.loss_sum_bits = 0.0_f64.to_bits();
        self.judge(task, validation)?;
        self.save(task, run)
    }

    /// Keeps the weights if they are the best, and finds whether the run is at its end.
    fn judge(&mut self, task: &dyn Task, validation: Option<f64>) -> Result<()> {
        let epoch = self.state.epoch;
        let is_better =
            |value: &f64| self.state.best.is_none_or(|(_, best)| *value > f64::from_bits(best));
        if let Some(value) = validation.filter(is_better) {
            self.state.best = Some((epoch, value.to_bits()));
            self.best = Some(task.parameters().values()?);
        }
        let since = self.state.best.map_or(0, |(best, _)| epoch - best);
        let is_patience_over = self.settings.patience > 0 && since >= self.settings.patience;
        self.state.finished = epoch >= self.settings.epochs || is_patience_over;
        Ok(())
    }

    /// One step; gives the loss before it.
    fn step(&mut self, task: &mut dyn Task) -> Result<f64> {
        let place = Place { epoch: self.state.epoch, batch: self.state.batch };
        let loss = task.loss(place)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        let first = self.state.first_loss_bits.map_or(value, f64::from_bits);
        self.state.first_loss_bits = Some(first.to_bits());
        if !value.is_finite() {
            return Err(self.unstable(format!("the loss is {value}")));
        }
        if value > GROWTH_MAX * (1.0 + first.abs()) {
            return Err(self.unstable(format!("the loss grew from {first:.4} to {value:.4}")));
        }
        let grads = loss.backward()?;
        if let Some(name) = not_finite(task.parameters(), &grads)? {
            return Err(self.unstable(format!("the gradient of {name} is not finite")));
        }
        self.adam.step(&grads)?;
        Ok(value)
    }

    fn unstable(&self, cause: String) -> Error {
        let cause = cause + "; a smaller learning rate may help";
        Error::Unstable { epoch: self.state.epoch + 1, step: self.adam.steps + 1, cause }
    }
}

/// The first weight whose gradient is not finite.
fn not_finite<'p>(parameters: &'p Parameters, grads: &GradStore) -> Result<Option<&'p str>> {
    for (name, var) in parameters.iter() {
        let Some(grad) = grads.get(var) else { continue };
        if !grad.device().is_cpu() {
            // Zero times what is not finite is no number.
            if grad.affine(0.0, 0.0)?.sum_all()?.to_scalar::<f32>()? != 0.0 {
                return Ok(Some(name));
            }
            continue;
        }
        let grad = grad.contiguous()?;
        let grad = numbers(&grad)?;
        let is_finite = grad.par_chunks(1 << 14).all(|chunk| {
            fast(
                #[inline(always)]
                || all_finite(chunk),
            )
        });
        if !is_finite {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
