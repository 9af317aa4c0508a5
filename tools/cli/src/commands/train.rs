//! `noctule train`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use noctule_core::release::Consumed;
use noctule_trainer::clicks::{ExaminationSource, Showings, read_feedback};
use noctule_trainer::evaluation::UserResult;
use noctule_trainer::export::{TrainingRecord, train_observed_to_directory};
use noctule_trainer::probes::ProbeSettings;
use noctule_trainer::run::Measuring;
use noctule_trainer::split::SplitRule;
use noctule_trainer::training::{Labels, Metrics, Model, TrainSettings, TrainStep, WeakRecord};

use super::evaluate::{evaluation, write};
use crate::dataset::{self, PLAN_FILE};
use crate::error::{Error, Result};
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
  noctule train town --output model --settings settings.json --plan plan.json")]
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

    /// Length of the vectors.
    #[arg(long)]
    dimensions: Option<usize>,

    /// Passes of the factorisation.
    #[arg(long)]
    epochs: Option<usize>,

    /// Seed of everything random.
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Threads; they change no result.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

/// Name of an architecture.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArchitectureName {
    /// Popularity by context alone.
    Popularity,
    /// iALS with a ranker.
    MatrixFactorization,
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
            None => {}
        }
        settings.ials.dimensions = self.dimensions.unwrap_or(settings.ials.dimensions);
        settings.ials.epochs = self.epochs.unwrap_or(settings.ials.epochs);
        settings.seed = self.seed.unwrap_or(settings.seed);
        settings.threads = self.threads.unwrap_or(settings.threads);
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
    let measuring = Measuring::new(bootstrap, &grouping, probes);
    let record = train_observed_to_directory(
        data,
        &plan,
        feedback.as_ref(),
        &settings,
        &asked.output,
        &progress,
        &measuring,
    );
    let record = record.map_err(Error::failed("train"))?;
    training.end(&format!("{} dimensions", settings.ials.dimensions));
    dataset::write_json("write the plan", &asked.output.join(PLAN_FILE), &plan)?;
    let parts = RunParts {
        kind: "train",
        path: &asked.data,
        dataset: &dataset,
        seed: settings.seed,
        settings: serde_json::json!(settings),
        split: SplitRule::LeaveLastOut { validation: settings.positives },
        evaluation: evaluation(&settings, plan.consumed != Consumed::Keep),
        bootstrap,
    };
    let folder = asked.run.run.clone().unwrap_or_else(|| asked.output.join("run"));
    write(&parts, measuring, &record.losses, asked.run.probe, Some(&folder))?;
    output.print(&record, &text(&record, &asked.output))
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
    let epochs = settings.ials.epochs;
    let before = match step {
        TrainStep::Fitting => 0,
        TrainStep::Ranker => epochs,
        TrainStep::Measuring => epochs + 1,
        TrainStep::Refitting => epochs + 5,
    };
    stage.at(before + done.min(total), 2 * epochs + 5);
}

fn text(record: &TrainingRecord, directory: &Path) -> String {
    let sizes = &record.data;
    let mut text = format!(
        "trained on {} interactions of {} users with {} items\n",
        grouped(sizes.interactions as u64),
        grouped(sizes.users as u64),
        grouped(sizes.items as u64)
    );
    if sizes.duplicates + sizes.not_positive > 0 {
        text.push_str(&format!(
            "left out: {} repeated rows, {} that are not positive\n",
            grouped(sizes.duplicates),
            grouped(sizes.not_positive)
        ));
    }
    if let Some(weak) = &record.weak {
        text.push_str(&weak_text(weak));
    }
    if let Some(metrics) = &record.metrics {
        text.push_str(&metrics_text(metrics));
    }
    text.push_str(&format!("model in {}\n", directory.display()));
    text
}

/// What the ranker learned from in feedback.
fn weak_text(weak: &WeakRecord) -> String {
    let labels = &weak.labels;
    let mut text = format!(
        "ranker from {} showings: {} wanted, {} refused, {} opened for a moment, {} skipped\n",
        grouped(weak.showings as u64),
        grouped(labels.positives),
        grouped(labels.refused),
        grouped(labels.short),
        grouped(labels.skips)
    );
    let Some(examination) = &weak.examination else { return text };
    let source = match examination.source {
        ExaminationSource::Swaps => "swaps of randomised slots",
        ExaminationSource::ClickModel => "a click model: no randomised slots, or too few",
    };
    text.push_str(&format!("looked at, by position, from {source}:\n"));
    for (position, known) in examination.positions.iter().enumerate() {
        let interval = known
            .interval
            .map_or_else(String::new, |(low, high)| format!(" ({low:.2} to {high:.2})"));
        text.push_str(&format!("{position:>4} {:.2}{interval}\n", known.examination));
    }
    text
}

/// What was measured, as a table.
pub(crate) fn metrics_text(metrics: &Metrics) -> String {
    let rows = [
        ("popularity", Some(&metrics.popularity)),
        ("context popularity", Some(&metrics.context_popularity)),
        ("fold-in", metrics.fold_in.as_ref()),
        ("ranker", metrics.ranker.as_ref()),
    ];
    let mut text = String::new();
    for (name, evaluation) in rows {
        let Some(measured) = evaluation else { continue };
        if text.is_empty() {
            let (k, users) = (measured.k, grouped(measured.users as u64));
            text.push_str(&format!(
                "on the last choice of {users} users, whole catalogue ranked\n{:<20} {:>8} {:>8} \
                 {:>8}\n",
                "",
                format!("HR@{k}"),
                format!("NDCG@{k}"),
                "MRR"
            ));
        }
        text.push_str(&format!(
            "{name:<20} {:>8.4} {:>8.4} {:>8.4}\n",
            measured.hit_rate, measured.ndcg, measured.mrr
        ));
    }
    text
}
