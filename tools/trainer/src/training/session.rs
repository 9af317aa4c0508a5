//! What surrounds a training run and is no part of what it computes.

use std::path::Path;

use super::examples::Fitted;
use super::neural::{DeviceChoice, EpochRecord};
use super::{RankerModel, TrainSettings, TrainStep};
use crate::Result;
use crate::datasets::Interactions;
use crate::evaluation::{Evaluation, EvaluationSettings, Groups, Scorer, evaluate};
use crate::split::Split;

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
    /// The groups that a treatment of the ranker is for.
    pub groups: Option<&'a Groups>,
    /// Where networks are trained.
    pub device: DeviceChoice,
    /// Measures, and may keep what it measured.
    pub observer: &'a dyn Observer,
}

impl<'a> Session<'a> {
    /// A run that nobody stops and that keeps nothing.
    #[must_use]
    pub fn of(progress: &'a dyn Fn(TrainStep, usize, usize)) -> Self {
        let (stop, epoch) = (&|| false, &|_: TrainStep, _: usize, _: &EpochRecord| ());
        Self {
            progress,
            epoch,
            stop,
            checkpoints: None,
            resume: false,
            measures_only: false,
            groups: None,
            device: DeviceChoice::Cpu,
            observer: &Unobserved,
        }
    }
}

/// Hears what is measured in a training run, and may measure it in its own way.
pub trait Observer {
    /// Measures `scorer`, called `name`, on the test events of `split`.
    ///
    /// # Errors
    /// As [`evaluate`]; an error ends the run.
    fn measure(
        &self,
        name: &str,
        scorer: &dyn Scorer,
        data: &Interactions,
        split: &Split,
        settings: &EvaluationSettings,
    ) -> Result<Evaluation> {
        let _ = name;
        evaluate(scorer, data, split, settings)
    }

    /// Looks at the ranker that was trained on what is not held out.
    ///
    /// # Errors
    /// Whatever keeps it from looking; an error ends the run.
    fn ranker(
        &self,
        fitted: &Fitted<'_>,
        ranker: &RankerModel,
        split: &Split,
        settings: &TrainSettings,
    ) -> Result<()> {
        let _ = (fitted, ranker, split, settings);
        Ok(())
    }
}

/// Measures and keeps nothing.
struct Unobserved;

impl Observer for Unobserved {}
