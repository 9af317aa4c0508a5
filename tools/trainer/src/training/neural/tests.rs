//! The discipline of a run, on a task of two numbers.

use std::cell::{Cell, RefCell};
use std::path::Path;

use candle_core::Tensor;

use super::ops::tensor;
use super::*;
use crate::{Error, Result};

/// Finds the numbers that `target` names; what validation says is told in advance.
struct Small {
    parameters: Parameters,
    target: Tensor,
    validations: Vec<f64>,
    asked: usize,
    /// The place from which the loss is multiplied, and by how much.
    spoilt: Option<(Place, f64)>,
}

impl Small {
    fn new(validations: &[f64]) -> Self {
        let mut parameters = Parameters::default();
        parameters.add("other", &[1], vec![0.5]).unwrap();
        parameters.add("numbers", &[2], vec![1.0, -1.0]).unwrap();
        let target = tensor(vec![3.0, 2.0], 2).unwrap();
        Self { parameters, target, validations: validations.to_vec(), asked: 0, spoilt: None }
    }
}

impl Task for Small {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn batches(&self) -> usize {
        4
    }

    fn loss(&mut self, place: Place) -> Result<Tensor> {
        let off = (self.parameters.get("numbers")? - &self.target)?.sqr()?.sum_all()?;
        let loss = (off + self.parameters.get("other")?.sqr()?.sum_all()?)?;
        match self.spoilt {
            Some((from, by)) if place.epoch >= from.epoch && place.batch >= from.batch => {
                Ok(loss.affine(by, 0.0)?)
            }
            _ => Ok(loss),
        }
    }

    fn validate(&mut self) -> Result<Option<f64>> {
        self.asked += 1;
        Ok(self.validations.get(self.asked - 1).copied())
    }
}

fn settings(epochs: usize, patience: usize) -> FitSettings {
    FitSettings { epochs, patience, learning_rate: 0.05, weight_decay: 0.0 }
}

fn run(task: &mut Small, settings: &FitSettings, checkpoint: Option<&Path>) -> Result<Fitted> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let run = Run {
        fingerprint: "small",
        checkpoint,
        resume: true,
        threads: &threads,
        stop: &|| false,
        progress: &|_, _| {},
        epoch: &|_, _| {},
    };
    fit(task, settings, &run)
}

#[test]
fn the_weights_of_the_best_epoch_are_kept_and_patience_ends_the_run() {
    let mut task = Small::new(&[0.1, 0.4, 0.3, 0.4, 0.2, 0.9]);
    let fitted = run(&mut task, &settings(100, 3), None).unwrap();
    assert_eq!((fitted.epoch, fitted.history.len()), (2, 5));
    let kept = task.parameters.values().unwrap();
    let mut shorter = Small::new(&[0.1, 0.4]);
    run(&mut shorter, &settings(2, 0), None).unwrap();
    assert_eq!(kept, shorter.parameters.values().unwrap());
    let losses: Vec<f64> = fitted.history.iter().map(|epoch| epoch.loss).collect();
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
}

#[test]
fn where_nothing_is_held_out_every_epoch_is_run_and_the_last_weights_stay() {
    let mut task = Small::new(&[]);
    let fitted = run(&mut task, &settings(7, 2), None).unwrap();
    assert_eq!((fitted.epoch, fitted.history.len()), (7, 7));
    assert!(fitted.history.iter().all(|epoch| epoch.validation.is_none()));
}

#[test]
fn what_is_heard_of_a_run_is_every_batch_and_every_epoch() {
    let (heard, epochs) = (RefCell::new(Vec::new()), Cell::new(0));
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let run = Run {
        fingerprint: "",
        checkpoint: None,
        resume: false,
        threads: &threads,
        stop: &|| false,
        progress: &|done, total| heard.borrow_mut().push((done, total)),
        epoch: &|epoch, _| epochs.set(epoch),
    };
    fit(&mut Small::new(&[]), &settings(3, 0), &run).unwrap();
    assert!(heard.borrow().iter().copied().eq((1..=12).map(|done| (done, 12))));
    assert_eq!(epochs.get(), 3);
}

#[test]
fn a_loss_that_is_no_number_or_grows_stops_the_run_with_epoch_step_and_cause() {
    let from = Place { epoch: 1, batch: 2 };
    for (by, expected) in [(f64::NAN, "NaN"), (1e6, "grew"), (f64::INFINITY, "inf")] {
        let mut task = Small::new(&[0.1; 9]);
        task.spoilt = Some((from, by));
        let error = run(&mut task, &settings(9, 0), None).unwrap_err();
        let Error::Unstable { epoch, step, cause } = &error else { panic!("{error}") };
        assert_eq!((*epoch, *step), (2, 7), "{error}");
        assert!(cause.contains(expected), "{error}");
    }
}

/// sqrt has an infinite derivative at 0: the loss is fine, the gradient is not.
struct Steep(Parameters);

impl Task for Steep {
    fn parameters(&self) -> &Parameters {
        &self.0
    }

    fn batches(&self) -> usize {
        1
    }

    fn loss(&mut self, _: Place) -> Result<Tensor> {
        Ok((self.0.get("fine")?.sqr()?.sum_all()? + self.0.get("steep")?.sqrt()?.sum_all()?)?)
    }

    fn validate(&mut self) -> Result<Option<f64>> {
        Ok(None)
    }
}

#[test]
fn a_gradient_that_is_not_finite_is_named_and_no_weight_is_touched() {
    let mut parameters = Parameters::default();
    parameters.add("fine", &[2], vec![1.0, 2.0]).unwrap();
    parameters.add("steep", &[2], vec![1.0, 0.0]).unwrap();
    let mut task = Steep(parameters);
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let run = Run {
        fingerprint: "",
        checkpoint: None,
        resume: false,
        threads: &threads,
        stop: &|| false,
        progress: &|_, _| {},
        epoch: &|_, _| {},
    };
    let error = fit(&mut task, &settings(3, 0), &run).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("epoch 1, step 1") && text.contains("gradient of steep"), "{text}");
    assert_eq!(task.0.values().unwrap(), [vec![1.0, 2.0], vec![1.0, 0.0]]);
}

#[test]
fn a_run_that_is_over_gives_its_result_again_from_its_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.safetensors");
    let mut task = Small::new(&[0.1, 0.4, 0.3, 0.2, 0.1]);
    let fitted = run(&mut task, &settings(5, 2), Some(&path)).unwrap();
    let mut again = Small::new(&[]);
    assert_eq!(run(&mut again, &settings(5, 2), Some(&path)).unwrap(), fitted);
    assert_eq!(again.parameters.values().unwrap(), task.parameters.values().unwrap());
    assert_eq!(again.asked, 0);
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_a_typed_error() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent/run.safetensors");
    let error = run(&mut Small::new(&[]), &settings(1, 0), Some(&absent)).unwrap_err();
    assert!(matches!(error, Error::Core(_)) && error.to_string().contains("absent"), "{error}");
}
