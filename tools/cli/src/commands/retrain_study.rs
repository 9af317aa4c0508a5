//! `noctule retrain-study`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::Day;
use noctule_trainer::evaluation::{BootstrapSettings, EvaluationSettings};
use noctule_trainer::page::{study_headline, study_page};
use noctule_trainer::study::{Study, StudyPoint, StudySettings, retrain_study};
use noctule_trainer::training::ClassicalModel;
use noctule_trainer::training::parallel::available;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};
use crate::progress::Stage;
use crate::source::SourceOptions;

const FAILED: &str = "study retraining";

/// Find out how often to retrain, from your own data.
///
/// Trains on data that end some days before a test window, and on the newest parts of the history,
/// and tells what is lost against a fresh model on all of it.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the model ages: users are folded in with all they did up to the window, as on a device.

Examples:
  noctule retrain-study ml-latest-small --window 365 --ages 0,91,365,730 --output study.html
  noctule retrain-study events.parquet --model item-knn --json")]
pub(crate) struct RetrainStudy {
    /// The data; every event needs a time.
    #[arg(value_name = "DIR")]
    data: PathBuf,

    /// Days at the end of the data that are tested on.
    #[arg(long, value_name = "DAYS", default_value_t = 28.0)]
    window: f64,

    /// Ages of the model at the begin of the window, in days.
    #[arg(long, value_name = "DAYS", value_delimiter = ',', default_value = "0,7,30,91")]
    ages: Vec<f64>,

    /// Newest shares of the history that a fresh model is trained on.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_value = "0.125,0.25,0.5,1")]
    shares: Vec<f64>,

    /// The model: ials, item-knn, ease or popularity.
    #[arg(long, value_name = "NAME", value_parser = model, default_value = "ials")]
    model: ClassicalModel,

    /// Rank what a user has chosen before, too.
    #[arg(long)]
    keep_seen: bool,

    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Threads; they change no result.
    #[arg(long)]
    threads: Option<usize>,

    /// File that gets the page.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    source: SourceOptions,
}

fn model(name: &str) -> Result<ClassicalModel, String> {
    let known = ClassicalModel::NAMES.join(", ");
    ClassicalModel::named(name).ok_or_else(|| format!("there are {known}"))
}

/// Studies.
pub(crate) fn run(asked: &RetrainStudy, output: Output) -> Result<()> {
    let (dataset, _) = asked.source.read(&asked.data, None)?;
    let (seed, threads) = (asked.seed, asked.threads.unwrap_or_else(available));
    let settings = StudySettings {
        window_days: asked.window,
        ages_days: asked.ages.clone(),
        shares: asked.shares.clone(),
        model: asked.model.clone().seeded(seed),
        evaluation: EvaluationSettings {
            exclude_seen: !asked.keep_seen,
            seed,
            threads,
            ..EvaluationSettings::default()
        },
        bootstrap: BootstrapSettings { seed, threads, ..BootstrapSettings::default() },
    };
    let stage = Stage::begin("studying");
    let progress = |done, total| stage.at(done, total);
    let study =
        retrain_study(&dataset.data, &settings, &progress).map_err(Error::failed(FAILED))?;
    stage.end(&format!("{} users", grouped(study.users as u64)));
    if let Some(path) = &asked.output {
        let page = study_page(&asked.data.display().to_string(), &study);
        std::fs::write(path, page).map_err(|error| Error::at(FAILED, path, error))?;
    }
    output.print(&study, &text(&study))
}

/// What a point is called.
type Label = dyn Fn(&StudyPoint) -> String;

fn text(study: &Study) -> String {
    let mut text = format!(
        "{}\ntested on {} users, {} to {}\n",
        study_headline(study),
        grouped(study.users as u64),
        Day::at(study.from_ms, 0),
        Day::at(study.to_ms, 0)
    );
    for warning in &study.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    let days = |point: &StudyPoint| format!("{} days", point.at);
    let share = |point: &StudyPoint| format!("newest {} %", point.at * 100.0);
    let parts: [(&str, &[StudyPoint], &Label); 2] =
        [("age", &study.ages, &days), ("history", &study.shares, &share)];
    for (name, points, label) in parts {
        text.push_str(&format!(
            "{name:<14} {:>10} {:>8} {:>22} {:>8} {:>22} {:>11}\n",
            "events", "NDCG", "95 %", "lost", "95 %", "popularity"
        ));
        for point in points {
            let (ndcg, lost) = (&point.ndcg, &point.lost);
            text.push_str(&format!(
                "{:<14} {:>10} {:>8.4} {:>22} {:>8.4} {:>22} {:>11.4}\n",
                label(point),
                grouped(point.events as u64),
                ndcg.value,
                format!("{:.4} to {:.4}", ndcg.low, ndcg.high),
                lost.value,
                format!("{:+.4} to {:+.4}", lost.low, lost.high),
                point.popularity.value
            ));
        }
    }
    text
}
