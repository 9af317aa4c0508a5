//! `noctule evaluate`.

mod table;

use std::path::PathBuf;

use clap::Args;
use noctule_core::release::Consumed;
use noctule_trainer::evaluation::UserResult;
use noctule_trainer::export::TrainingRecord;
use noctule_trainer::probes::ProbeSettings;
use noctule_trainer::run::{Curve, Measuring, ModelRun, epoch_curves};
use noctule_trainer::training::neural::EpochRecord;
use noctule_trainer::training::{Labels, Session, train_in};
use serde_json::json;

use super::train::{
    Recipe, curve_text, epoch_text, metrics_text, quantisation_text, split_rule, tell,
};
use crate::dataset;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::{Stage, line};
use crate::runs::{self, RunOptions, RunParts};
use crate::source::SourceOptions;

/// Measure models on the last choice of each user.
///
/// Fits on what is not held out and ranks the whole catalogue for each held-out choice: popularity,
/// popularity in the context, the fold-in score, and the ranker; or, with --models, classical
/// models side by side.
#[derive(Debug, Args)]
#[command(after_help = "\
A trained model has seen every choice of its data, so measuring its weights on them would flatter
it: with --model its settings are taken over, and fitted anew without the held-out choices.

Every run leaves a folder with all it takes to repeat it, the measures of each user for `noctule
compare`, and a page, run.html.

Examples:
  noctule evaluate town
  noctule evaluate ml-latest-small --dimensions 32 --probe
  noctule evaluate town --model model --json
  noctule evaluate Beauty.txt --models popularity,item-knn,ease,ials --tune
  noctule evaluate events.parquet --models ials,bpr --split time --groups budgets.csv")]
pub(crate) struct Evaluate {
    /// The data, as for `noctule train`.
    #[arg(value_name = "DIR")]
    data: PathBuf,

    /// Take settings and plan of this trained model.
    #[arg(long, value_name = "MODEL_DIR")]
    model: Option<PathBuf>,

    #[command(flatten)]
    recipe: Recipe,

    #[command(flatten)]
    table: table::TableOptions,

    #[command(flatten)]
    run: RunOptions,

    #[command(flatten)]
    source: SourceOptions,
}

/// Evaluates.
pub(crate) fn run(asked: &Evaluate, output: Output) -> Result<()> {
    if !asked.table.models.is_empty() {
        return table::run(asked, output);
    }
    let (mut base, mut plan_file) = (None, asked.recipe.plan.clone());
    if let Some(model) = &asked.model {
        let path = model.join("training.json");
        let mut settings = dataset::read_json::<TrainingRecord>("read the model", &path)?.settings;
        // The feedback that a model may have learned from is not beside it.
        settings.labels = Labels::Choices;
        base = Some(settings);
        let beside = model.join(dataset::PLAN_FILE);
        plan_file = plan_file.or_else(|| beside.is_file().then_some(beside));
    }
    let settings = asked.recipe.settings(base)?;
    let (dataset, plan) = asked.source.read(&asked.data, plan_file.as_deref())?;
    let bootstrap = asked.run.bootstrap(settings.seed, settings.threads);
    let grouping = |results: &[UserResult]| asked.run.grouping(&dataset, &plan, results);
    let probes = asked.run.probe.then(ProbeSettings::default);
    let groups = asked.run.fairness(&dataset)?;
    let groups = groups.as_ref();
    let measuring = Measuring::new(bootstrap, &grouping, probes).with_groups(groups);
    let stage = Stage::begin("measuring");
    let progress = |step, done, total| tell(&stage, &settings, step, done, total);
    let session = Session {
        epoch: &|step, epoch, record| stage.say(&epoch_text(step, epoch, record)),
        measures_only: true,
        groups,
        observer: &measuring,
        ..Session::of(&progress)
    };
    let model = train_in(&dataset.data, &plan, None, &settings, &session)
        .map_err(Error::failed("evaluate"))?;
    let Some(metrics) = model.metrics else {
        let reason = if settings.retraining.warm_start.is_some() {
            "no user has something that the model that is begun with has not seen"
        } else {
            "no user has the three interactions that holding out needs"
        };
        return Err(Error::at("evaluate", &asked.data, reason));
    };
    stage.end(&format!("{} users", metrics.popularity.users));
    let exclude_seen = plan.consumed != Consumed::Keep;
    let parts = RunParts {
        kind: "evaluate",
        path: &asked.data,
        dataset: &dataset,
        seed: settings.seed,
        settings: json!(settings),
        split: split_rule(&settings),
        evaluation: settings.evaluation(exclude_seen),
        bootstrap,
        retrained: model.retrained.as_ref(),
        quantisation: model.quantisation,
    };
    let curves = (model.losses.as_slice(), model.curve.as_slice());
    let (folder, fairness) =
        write(&parts, measuring, curves, asked.run.probe, asked.run.run.as_deref())?;
    line(&format!("run in {}", folder.display()));
    let curve = curve_text(&model.curve, model.best_epoch);
    let lost = model.quantisation.as_ref().map(quantisation_text).unwrap_or_default();
    output.print(&metrics, &(curve + &metrics_text(&metrics) + &lost + &fairness))
}

/// Writes the folder of a run of the pipeline; gives it, and what is to be said of fairness.
pub(crate) fn write(
    parts: &RunParts<'_>,
    measuring: Measuring<'_>,
    (losses, epochs): (&[f64], &[EpochRecord]),
    probe: bool,
    folder: Option<&std::path::Path>,
) -> Result<(PathBuf, String)> {
    let (measured, ranker, ranker_curves) = measuring.finish();
    let curve = |values: &[f64]| vec![Curve { name: "loss".into(), values: values.to_vec() }];
    let models = measured
        .iter()
        .map(|measured| {
            let name = measured.report.name.as_str();
            let curves = match name {
                "fold-in" => curve(losses),
                "ranker" => ranker_curves.clone(),
                "sasrec" | "two_tower" | "softmax_factorization" => {
                    epoch_curves(epochs, "NDCG@10 of validation")
                }
                _ => Vec::new(),
            };
            let calibration = ranker.as_ref().filter(|_| name == "ranker");
            let calibration = calibration.map(|probe| probe.calibration.clone());
            let (report, settings) = (measured.report.clone(), parts.settings.clone());
            ModelRun { report, settings, tuning: None, curves, calibration, seconds: None }
        })
        .collect();
    let mut record = parts.record(models, &measured)?;
    record.ranker_probe = ranker;
    if probe {
        table::probe(&mut record, parts)?;
    }
    let folder = runs::write(&record, &measured, parts.dataset, folder)?;
    Ok((folder, runs::fairness_text(&measured)))
}
