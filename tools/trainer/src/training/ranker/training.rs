//! Trains a ranker of any kind from labelled rows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noctule_core::base::digest::sha256_hex;
use noctule_core::base::{Seed, SeededRandom};
use noctule_core::release::{RankerDesign, RankerKind};

use super::calibrate::calibrate;
use super::labels::{LabelledRows, RowLabel};
use super::logistic::logistic;
use super::network::{Network, RankerNetwork, Scale};
use super::settings::RankerSettings;
use super::task::{Material, RankerTask};
use crate::training::adversary::Adversary;
use crate::training::fairness::{RowGroups, Treatment};
use crate::training::network::on_device;
use crate::training::neural::{Run, fit};
use crate::training::{Session, TrainStep};
use crate::{Error, Result};

/// Name of the checkpoint of a run's ranker.
pub const CHECKPOINT: &str = "ranker";
/// Name of that of the ranker with a treatment, which is trained after the one without.
pub const CHECKPOINT_TREATED: &str = "ranker-treated";

/// What surrounds the training of a ranker's network.
#[derive(Clone, Copy)]
pub struct RankerRun<'a> {
    /// May stop it, and hears of it.
    pub session: &'a Session<'a>,
    /// Names the checkpoint among others of the run.
    pub name: &'a str,
    /// Seed of everything random.
    pub seed: u64,
    /// Threads; they change no result.
    pub threads: usize,
    /// The groups whose treatment is asked for.
    pub groups: Option<&'a RowGroups>,
    /// The treatment.
    pub treatment: Treatment,
}

/// Trains a network of the kind that `settings` name on `rows`: in random batches, by Adam, until
/// the rows of the users held out are predicted no better; calibrated on these. The settings decide
/// the result to the bit.
///
/// # Errors
/// [`Error::Setting`]; [`Error::Data`] for rows, labels or weights that do not fit; those of
/// [`fit()`]: [`Error::Unstable`], [`Error::Interrupted`], [`Error::Checkpoint`].
pub fn train_network(
    rows: LabelledRows<'_>,
    settings: &RankerSettings,
    run: &RankerRun<'_>,
) -> Result<RankerNetwork> {
    check(rows, settings, run)?;
    let LabelledRows { rows: values, features, labels } = rows;
    let (network, design) = (&settings.network, settings.design());
    let (train, validation) = held_out(labels, network.validation_share, run.seed);
    let scale = Scale::of(settings.kind, values, features);
    let mut weights = Network::new(&design, features, network.dropout, run.seed)?;
    let adversary = adversary(run);
    // An adversary would have to undo what such a start knows of the groups.
    if network.linear_start && adversary.is_none() && weights.is_linear_in_part() {
        let (start, bias) = logistic(&scale.apply(values), features, labels, &train);
        weights.begin_linear(&start, bias)?;
    }
    if let Some(shrinkage) = network.shrinkage {
        weights.shrink(shrinkage);
    }
    if let Some(adversary) = &adversary {
        adversary.add_to(&mut weights.parameters, design.last_width(features), run.seed)?;
    }
    let seed = run.seed;
    let material = Material {
        rows: values,
        labels,
        train,
        validation: validation.clone(),
        adversary,
        settings: network,
        seed,
    };
    let mut task = RankerTask::new(weights, &scale, material);
    let fitted = run_fit(&mut task, rows, settings, run)?;
    let tensors = task.network.unscaled(&scale)?;
    let trained = RankerNetwork { design, features, tensors, fitted };
    // Calibrated by what the phone computes, which rounds otherwise than training does.
    let row = |row: &u32| &values[*row as usize * features..][..features];
    let held_out: Vec<f32> = validation.iter().flat_map(row).copied().collect();
    let sums = trained.ranker()?.score(&held_out, features)?;
    let labels: Vec<RowLabel> = validation.iter().map(|row| labels[*row as usize]).collect();
    let found = calibrate(network.calibration, &sums, &labels);
    Ok(trained.calibrated(found.calibration, found.table))
}

fn run_fit(
    task: &mut RankerTask<'_>,
    rows: LabelledRows<'_>,
    settings: &RankerSettings,
    run: &RankerRun<'_>,
) -> Result<crate::training::neural::Fitted> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(run.threads).build();
    let threads = threads.map_err(|error| Error::setting("threads", error.to_string()))?;
    let session = run.session;
    let fingerprint = on_device(&fingerprint(rows, settings, run)?, session.device);
    task.network.parameters.move_to(&session.device.open()?)?;
    let checkpoint = session.checkpoints.map(|directory| checkpoint(directory, run.name));
    let surroundings = Run {
        fingerprint: &fingerprint,
        checkpoint: checkpoint.as_deref(),
        resume: session.resume,
        threads: &threads,
        stop: session.stop,
        progress: &|done, total| (session.progress)(TrainStep::Ranker, done, total),
        epoch: &|epoch, record| (session.epoch)(TrainStep::Ranker, epoch, record),
    };
    fit(task, &settings.network.fit(), &surroundings)
}

fn check(rows: LabelledRows<'_>, settings: &RankerSettings, run: &RankerRun<'_>) -> Result<()> {
    if settings.kind == RankerKind::Linear {
        return Err(Error::setting("kind", "a linear ranker is no network"));
    }
    settings.check()?;
    let LabelledRows { rows: values, features, labels } = rows;
    let groups = run.groups.map_or(labels.len(), |groups| groups.of.len());
    if features == 0
        || labels.is_empty()
        || values.len() != labels.len() * features
        || groups != labels.len()
    {
        let sizes = (values.len(), features, labels.len(), groups);
        return Err(Error::data(format!("values, features, labels, groups: {sizes:?} do not fit")));
    }
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let (row, feature) = (at / features, at % features);
        return Err(Error::data(format!("feature {feature} of row {row} is not finite")));
    }
    let total: f64 = labels.iter().map(|label| f64::from(label.weight)).sum();
    let wrong = |label: &RowLabel| {
        label.weight.is_nan()
            || label.weight < 0.0
            || label.examination.is_some_and(|e| !(0.0..=1.0).contains(&e))
    };
    if labels.iter().any(wrong) || !(total > 0.0 && total.is_finite()) {
        return Err(Error::data("weights must be at least 0, finite, and not all 0"));
    }
    run.treatment.check()
}

/// The rows of the users that are learned from, and those of the others. With one user nothing is
/// held out.
pub(super) fn held_out(labels: &[RowLabel], share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let users: BTreeSet<u32> = labels.iter().map(|label| label.user).collect();
    let mut users: Vec<u32> = users.into_iter().collect();
    let count = ((users.len() as f64 * share).ceil() as usize).min(users.len() - 1);
    SeededRandom::new(Seed(seed).derive(&["ranker", "validation"])).shuffle(&mut users);
    let held_out: BTreeSet<u32> = users.into_iter().take(count).collect();
    (0..labels.len() as u32).partition(|row| !held_out.contains(&labels[*row as usize].user))
}

fn adversary<'a>(run: &RankerRun<'a>) -> Option<Adversary<'a>> {
    let Treatment::GradientReversal { strength, hidden } = run.treatment else { return None };
    let groups = run.groups?;
    Some(Adversary { of: (&groups.of).into(), groups: groups.count, strength, hidden })
}

/// The file of a ranker's checkpoint in `directory`.
fn checkpoint(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("checkpoint-{name}.safetensors"))
}

/// Removes the checkpoints of rankers in `directory`; that there are none is no error.
///
/// # Errors
/// [`Error::File`].
pub fn remove_ranker_checkpoints(directory: &Path) -> Result<()> {
    for name in [CHECKPOINT, CHECKPOINT_TREATED] {
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

/// Says for which rows, labels and settings a run is.
fn fingerprint(
    rows: LabelledRows<'_>,
    settings: &RankerSettings,
    run: &RankerRun<'_>,
) -> Result<String> {
    let design: RankerDesign = settings.design();
    let described = (design, &settings.network, run.seed, run.treatment, run.name);
    let mut bytes = serde_json::to_vec(&described)
        .map_err(|error| Error::data(format!("settings: {error}")))?;
    bytes.extend(rows.rows.iter().flat_map(|value| value.to_le_bytes()));
    for label in rows.labels {
        bytes.push(u8::from(label.positive));
        bytes.extend(label.weight.to_le_bytes());
        bytes.extend(label.examination.unwrap_or(-1.0).to_le_bytes());
        bytes.extend(label.user.to_le_bytes());
    }
    for group in run.groups.iter().flat_map(|groups| &groups.of) {
        bytes.extend(group.map_or(-1, i32::from).to_le_bytes());
    }
    Ok(sha256_hex(&bytes))
}
