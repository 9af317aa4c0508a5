//! What surrounds a training run and is no part of what it computes.

use std::path::Path;

use super::TrainStep;
use super::neural::EpochRecord;

/// Who listens to a training run, who may stop it, and where it keeps what it goes on from.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// Hears (step, done, total) on the calling thread.
    pub progress: &'a dyn Fn(TrainStep, usize, usize),
    /// Hears of each epoch of a network, from 1, on the calling thread.
    pub epoch: &'a dyn Fn(TrainStep, usize, &EpochRecord),
    /// Asked between the batches of a network, on the calling thread: whether to stop.
    pub stop: &'a dyn Fn() -> bool,
    /// The directory that gets the checkpoints of networks; none for no checkpoints.
    pub checkpoints: Option<&'a Path>,
    /// Whether to go on from checkpoints that are there.
    pub resume: bool,
    /// Whether the model is only to be measured, not shipped.
    pub measures_only: bool,
}

impl<'a> Session<'a> {
    /// A run that nobody stops and that keeps nothing.
    #[must_use]
    pub fn of(progress: &'a dyn Fn(TrainStep, usize, usize)) -> Self {
        let (stop, epoch) = (&|| false, &|_: TrainStep, _: usize, _: &EpochRecord| ());
        Self { progress, epoch, stop, checkpoints: None, resume: false, measures_only: false }
    }
}
