//! `noctule evaluate`.

use std::path::PathBuf;

use clap::Args;
use noctule_trainer::export::TrainingRecord;
use noctule_trainer::training::{Labels, Session, train_in};

use super::train::{Recipe, curve_text, epoch_text, metrics_text, tell};
use crate::dataset;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Stage;

/// Measure models on the last choice of each user.
///
/// Fits on what is not held out and ranks the whole catalogue for each held-out choice: popularity,
/// popularity in the context, the fold-in score, and the ranker.
#[derive(Debug, Args)]
#[command(after_help = "\
A trained model has seen every choice of its data, so measuring its weights on them would flatter
it: with --model its settings are taken over, and fitted anew without the held-out choices.

Examples:
  noctule evaluate town
  noctule evaluate ml-latest-small --dimensions 32
  noctule evaluate town --model model --json")]
pub(crate) struct Evaluate {
    /// Directory of the data, as for `noctule train`.
    #[arg(value_name = "DIR")]
    data: PathBuf,

    /// Take settings and plan of this trained model.
    #[arg(long, value_name = "MODEL_DIR")]
    model: Option<PathBuf>,

    #[command(flatten)]
    recipe: Recipe,
}

/// Evaluates.
pub(crate) fn run(asked: &Evaluate, output: Output) -> Result<()> {
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
    let (data, plan) = dataset::read(&asked.data, plan_file.as_deref())?;
    let stage = Stage::begin("measuring");
    let progress = |step, done, total| tell(&stage, &settings, step, done, total);
    let session = Session {
        epoch: &|step, epoch, record| stage.say(&epoch_text(step, epoch, record)),
        measures_only: true,
        ..Session::of(&progress)
    };
    let model = train_in(&data, &plan, &settings, &session).map_err(Error::failed("evaluate"))?;
    let Some(metrics) = model.metrics else {
        let reason = "no user has the three interactions that holding out needs";
        return Err(Error::at("evaluate", &asked.data, reason));
    };
    stage.end(&format!("{} users", metrics.popularity.users));
    let curve = curve_text(&model.curve, model.best_epoch);
    output.print(&metrics, &(curve + &metrics_text(&metrics)))
}
