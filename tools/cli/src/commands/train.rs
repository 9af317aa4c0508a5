//! `noctule train`.

mod ranker;
mod text;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use noctule_core::release::{Consumed, RankerKind};
use noctule_trainer::clicks::{Showings, read_feedback};
use noctule_trainer::datasets::events::date_ms;
use noctule_trainer::evaluation::UserResult;
use noctule_trainer::export::train_to_directory_in;
use noctule_trainer::probes::ProbeSettings;
use noctule_trainer::run::Measuring;
use noctule_trainer::split::SplitRule;
use noctule_trainer::training::neural::DeviceChoice;
use noctule_trainer::training::{
    Labels, Model, RetrainSettings, Session, TrainLayers, TrainSettings, TrainStep,
};

use self::ranker::{RankerName, TreatmentName};
pub(super) use text::{curve_text, epoch_text, metrics_text, quantisation_text};

use super::evaluate::write;
use crate::dataset::{self, PLAN_FILE};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::output::{Output, grouped};
use crate::progress::Stage;
use crate::runs::{RunOptions, RunParts};
use crate::source::SourceOptions;

/// Train a model on a directory of interactions.
#[derive(Debug, Args)]
#[command(after_help = "\
DIR is one of:
  a folder with catalogue.jsonl, interactions.csv and, where places are known, users.csv
  a folder with catalogue.jsonl and interactions.parquet or interactions.jsonl
  movies.csv and ratings.csv (MovieLens), geoplaces2.csv and its companions (UCI restaurants)
  the folder of a collector (app=<app>): what was converted or liked
  a table: a file that ends in csv, tsv, jsonl, ndjson or parquet
  a file that ends in txt: `user item item ...` for each user, or `user item` for each event

MODEL_DIR gets what `noctule pack` needs: catalogue.jsonl, items.safetensors, model.safetensors,
plan.json and training.json; and the folder of the run, with the page run.html.

With --feedback the ranker learns from what phones showed and what was clicked there, with the
position bias taken out; see tools/docs/weak-labels.md.

Examples:
  noctule train town --output model
  noctule train town --output model --feedback feedback --app town
  noctule train ml-latest-small --output model --dimensions 32 --epochs 20
  noctule train town --output model --feedback feedback --app town --ranker dcn_v2
  noctule train town --output model --fairness-group cuisine --treatment reweighing
  noctule train town --output model --settings settings.json --plan plan.json
  noctule train LastFM.txt --output model --architecture sasrec
  noctule train town --output model --architecture two-tower --fairness-group cuisine \
      --treatment gradient-reversal
  noctule train town --output new --architecture two-tower --warm-start model --train-layers last \
      --new-data-share 0.7

Ctrl-C stops the training of a network at the next batch, with a checkpoint in MODEL_DIR; the same
line with --resume goes on from there as if nothing had been (exit code 130).")]
pub(crate) struct Train {
    /// Directory of the data.
    #[arg(value_name = "DIR")]
    data: PathBuf,

    /// Directory that gets the model.
    #[arg(long, value_name = "MODEL_DIR")]
    output: PathBuf,

    /// The collector's folder: the ranker learns from its feedback instead of held-out choices.
    #[arg(long, value_name = "DIR", requires = "app")]
    feedback: Option<PathBuf>,

    /// The app whose feedback is read.
    #[arg(long, requires = "feedback")]
    app: Option<String>,

    /// What a click and a skip are taken for.
    #[arg(long, value_enum, requires = "feedback", default_value_t = LabelsName::Debiased)]
    labels: LabelsName,

    /// Go on from the checkpoint of a network in MODEL_DIR, where there is one.
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    recipe: Recipe,

    #[command(flatten)]
    run: RunOptions,

    #[command(flatten)]
    source: SourceOptions,
}

/// Labels from feedback.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LabelsName {
    /// With the position bias taken out.
    Debiased,
    /// As if every slot had been looked at; to compare with.
    Naive,
}

/// How to train.
#[derive(Debug, Args)]
pub(crate) struct Recipe {
    /// Surfaces and contexts; by default plan.json in DIR, else a plan that fits the data.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,

    /// Settings of the training run as JSON; the options below overrule them.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// Architecture.
    #[arg(long, value_enum)]
    architecture: Option<ArchitectureName>,

    /// The ranker of a factorisation.
    #[arg(long, value_enum)]
    ranker: Option<RankerName>,

    /// What is done about two towers, or a ranker, that serve the groups of --fairness-group
    /// unequally; the run measures them without and with this.
    #[arg(long, value_enum)]
    treatment: Option<TreatmentName>,

    /// Length of the vectors.
    #[arg(long)]
    dimensions: Option<usize>,

    /// Passes of the factorisation, or epochs of a network, at most.
    #[arg(long)]
    epochs: Option<usize>,

    #[command(flatten)]
    again: Again,

    /// Seed of everything random.
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Threads; they change no result.
    #[arg(long)]
    pub(crate) threads: Option<usize>,

    /// Where networks are trained: cpu, cuda or cuda:N; cards need a build with --features cuda.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
}

/// How a network is trained again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training a network again")]
struct Again {
    /// Folder of a model or a release whose weights are begun with.
    #[arg(long, value_name = "DIR")]
    warm_start: Option<PathBuf>,

    /// Weights that are trained: all, last, or names such as tower.1,embedding; the others stay.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    train_layers: Vec<String>,

    /// Share of new data in each epoch, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    new_data_share: Option<f64>,

    /// What is later is new, such as 2026-11-01; by default, what the model that is begun with has
    /// not been trained on.
    #[arg(long, value_name = "DATE", requires = "new_data_share", value_parser = date)]
    new_since: Option<i64>,
}

impl Again {
    /// Overrules `settings`.
    fn overrule(&self, settings: &mut RetrainSettings) {
        if let Some(directory) = &self.warm_start {
            settings.warm_start = Some(directory.clone());
        }
        match self.train_layers.as_slice() {
            [] => {}
            [all] if all == "all" => settings.train_layers = TrainLayers::All,
            [last] if last == "last" => settings.train_layers = TrainLayers::Last,
            names => settings.train_layers = TrainLayers::Named(names.to_vec()),
        }
        settings.new_data_share = self.new_data_share.or(settings.new_data_share);
        settings.new_since_ms = self.new_since.or(settings.new_since_ms);
    }
}

fn date(text: &str) -> std::result::Result<i64, String> {
    date_ms(text).ok_or_else(|| "no date such as 2026-11-01".to_owned())
}

/// Name of an architecture.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArchitectureName {
    /// Popularity by context alone.
    Popularity,
    /// iALS with a ranker.
    #[value(alias = "matrix_factorization")]
    MatrixFactorization,
    /// A causal transformer over what each user chose.
    Sasrec,
    /// A tower over means of what each user chose beside one over the items.
    #[value(alias = "two_tower")]
    TwoTower,
    /// Item factors by softmax, the user a linear map of their mean; ships as two towers.
    #[value(alias = "softmax_factorization")]
    SoftmaxFactorization,
}

impl Recipe {
    /// The settings that the options, the file and, last, `base` give.
    pub(crate) fn settings(&self, base: Option<TrainSettings>) -> Result<TrainSettings> {
        let mut settings = match &self.settings {
            Some(path) => dataset::read_json("read the settings", path)?,
            None => base.unwrap_or_default(),
        };
        match self.architecture {
            Some(ArchitectureName::Popularity) => settings.model = Model::Popularity,
            Some(ArchitectureName::MatrixFactorization) => {
                settings.model = Model::MatrixFactorization;
            }
            Some(ArchitectureName::Sasrec) => settings.model = Model::Sasrec,
            Some(ArchitectureName::TwoTower) => settings.model = Model::TwoTower,
            Some(ArchitectureName::SoftmaxFactorization) => {
                settings.model = Model::SoftmaxFactorization;
            }
            None => {}
        }
        let (dimensions, epochs) = match settings.model {
            Model::Sasrec => (&mut settings.sasrec.dimensions, &mut settings.sasrec.epochs),
            Model::TwoTower => (&mut settings.two_tower.dimensions, &mut settings.two_tower.epochs),
            Model::SoftmaxFactorization => {
                let softmax = &mut settings.softmax_factorization;
                (&mut softmax.dimensions, &mut softmax.epochs)
            }
            _ => (&mut settings.ials.dimensions, &mut settings.ials.epochs),
        };
        *dimensions = self.dimensions.unwrap_or(*dimensions);
        *epochs = self.epochs.unwrap_or(*epochs);
        self.again.overrule(&mut settings.retraining);
        settings.ranker.kind = self.ranker.map_or(settings.ranker.kind, RankerKind::from);
        let set = settings.treatment;
        settings.treatment = self.treatment.map_or(set, |name| name.treatment(set));
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.threads = self.threads.unwrap_or(settings.threads);
        settings.device = self.device.unwrap_or(settings.device);
        // A device that is not there is told of before anything is read.
        settings.device.open().map_err(Error::failed("choose the device"))?;
        Ok(settings)
    }
}

/// Trains.
pub(crate) fn run(asked: &Train, output: Output) -> Result<()> {
    let mut settings = asked.recipe.settings(None)?;
    let reading = Stage::begin("reading");
    let (dataset, plan) = asked.source.read(&asked.data, asked.recipe.plan.as_deref())?;
    let data = &dataset.data;
    reading.end(&format!(
        "{} items, {} interactions of {} users",
        grouped(data.items.len() as u64),
        grouped(data.events.len() as u64),
        grouped(data.users.len() as u64)
    ));
    let feedback = read_showings(asked)?;
    if feedback.is_some() {
        settings.labels = match asked.labels {
            LabelsName::Debiased => Labels::Debiased,
            LabelsName::Naive => Labels::Naive,
        };
    }
    let training = Stage::begin("training");
    let progress = |step, done, total| tell(&training, &settings, step, done, total);
    let bootstrap = asked.run.bootstrap(settings.seed, settings.threads);
    let grouping = |results: &[UserResult]| asked.run.grouping(&dataset, &plan, results);
    let probes = asked.run.probe.then(ProbeSettings::default);
    let groups = asked.run.fairness(&dataset)?;
    let groups = groups.as_ref();
    let measuring = Measuring::new(bootstrap, &grouping, probes).with_groups(groups);
    // Only a network asks between its steps; Ctrl-C ends all other training at once.
    let is_network = settings.model.is_network()
        || settings.model == Model::MatrixFactorization
            && settings.ranker.kind != RankerKind::Linear;
    let interrupt = is_network.then(Interrupt::watch).transpose()?;
    let session = Session {
        epoch: &|step, epoch, record| training.say(&epoch_text(step, epoch, record)),
        stop: &|| interrupt.as_ref().is_some_and(Interrupt::is_asked),
        checkpoints: is_network.then_some(asked.output.as_path()),
        resume: asked.resume,
        groups,
        observer: &measuring,
        ..Session::of(&progress)
    };
    let feedback = feedback.as_ref();
    let record = train_to_directory_in(data, &plan, feedback, &settings, &asked.output, &session);
    let record = record.map_err(stopped)?;
    let dimensions = record.architecture.dimensions().unwrap_or_default();
    training.end(&format!("{dimensions} dimensions"));
    dataset::write_json("write the plan", &asked.output.join(PLAN_FILE), &plan)?;
    let parts = RunParts {
        kind: "train",
        path: &asked.data,
        dataset: &dataset,
        seed: settings.seed,
        settings: serde_json::json!(settings),
        split: split_rule(&settings),
        evaluation: settings.evaluation(plan.consumed != Consumed::Keep),
        bootstrap,
        retrained: record.retrained.as_ref(),
        quantisation: record.quantisation,
    };
    let folder = asked.run.run.clone().unwrap_or_else(|| asked.output.join("run"));
    let curves = (record.losses.as_slice(), record.curve.as_slice());
    let (_, fairness) = write(&parts, measuring, curves, asked.run.probe, Some(&folder))?;
    output.print(&record, &(text::text(&record, &asked.output) + &fairness))
}

/// How the pipeline holds out.
pub(super) fn split_rule(settings: &TrainSettings) -> SplitRule {
    // A network chooses its epoch by the choice before the last; the ranker learns from several.
    let validation = if settings.model.is_network() { 1 } else { settings.positives };
    SplitRule::LeaveLastOut { validation }
}

/// What became of a training run that has no result.
fn stopped(error: noctule_trainer::Error) -> Error {
    match error {
        noctule_trainer::Error::Interrupted { .. } => Error::Interrupted(error.to_string()),
        other => Error::failed("train")(other),
    }
}

/// The showings in the feedback that is asked for, if any.
fn read_showings(asked: &Train) -> Result<Option<Showings>> {
    let (Some(directory), Some(app)) = (&asked.feedback, &asked.app) else { return Ok(None) };
    let reading = Stage::begin("feedback");
    let log = read_feedback(directory, app).map_err(Error::failed("read the feedback"))?;
    let showings = Showings::of(log);
    reading.end(&format!("{} showings", grouped(showings.showings.len() as u64)));
    Ok(Some(showings))
}

/// Tells of a training run as one row of steps: two fits, the ranker between them, four measures.
pub(crate) fn tell(
    stage: &Stage,
    settings: &TrainSettings,
    step: TrainStep,
    done: usize,
    total: usize,
) {
    if settings.model.is_network() {
        return stage.at(done, total);
    }
    let epochs = settings.ials.epochs;
    let before = match step {
        TrainStep::Fitting => 0,
        // Its own epochs and batches count as one step.
        TrainStep::Ranker => return stage.at(epochs + usize::from(done >= total), 2 * epochs + 5),
        TrainStep::Measuring => epochs + 1,
        TrainStep::Refitting => epochs + 5,
    };
    stage.at(before + done.min(total), 2 * epochs + 5);
}
