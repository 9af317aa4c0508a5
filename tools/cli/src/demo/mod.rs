//! `noctule demo`: one night after another, from end to end.
//!
//! ```text
//! world -> training -> signed release -> fleet of phones -> collector -> Parquet -> report
//! ```

mod folder;
mod playing;
mod shipping;
mod story;
mod summary;
mod worlds;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use noctule_reports::{AbReport, AbSettings, Page, ab_report, read_feedback};
use noctule_reports::{render_csv, render_html};
use noctule_simulator::TownSettings;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};
use crate::progress::{Stage, line};

/// What the demonstration is called in errors.
const FAILED: &str = "play the demo";

/// Name of the experiment that compares the model with the baseline.
const EXPERIMENT: &str = "model-or-baseline";

/// Play one night from end to end: town, training, phones, collector, report.
///
/// A simulated town; a model trained on its visits, packed and signed; a fleet of phones, each the
/// real library on its own files, that installs the release, computes at night and serves by day;
/// feedback over HTTP to a real collector on this machine; and a page that says what came of it.
/// Half of the phones get the model's slates, half the rule-based baseline's. Nothing leaves this
/// machine.
#[derive(Debug, Args)]
#[command(after_help = "\
DIR of --data holds one of three layouts:
  movies.csv and ratings.csv (MovieLens)
  geoplaces2.csv and its companions (UCI restaurants)
  catalogue.jsonl, interactions.csv and, where places are known, users.csv

Examples:
  noctule demo
  noctule demo --seed 7 --phones 100 --nights 5 --output seven
  noctule demo --data ml-latest-small --output films
  noctule demo --json | jq .comparison")]
pub(crate) struct Demo {
    /// Seed: the same seed plays the same story.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Phones.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    phones: u32,

    /// Nights.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    nights: u32,

    /// Restaurants of the town.
    #[arg(long, default_value_t = TownSettings::default().restaurants, conflicts_with = "data")]
    restaurants: usize,

    /// People whose visits to the town's restaurants train the model.
    #[arg(long, default_value_t = TownSettings::default().residents, conflicts_with = "data")]
    residents: usize,

    /// Directory that gets everything; a previous demo in it is replaced.
    #[arg(long, value_name = "DIR", default_value = "noctule-demo")]
    output: PathBuf,

    /// Play on the data in this directory instead of a town.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Keep the directories of the phones, to look at with `noctule recommend`.
    #[arg(long)]
    keep_phones: bool,
}

/// Name and time of each stage.
type Durations = Vec<(String, Duration)>;

/// Plays the story.
pub(crate) fn run(asked: &Demo, output: Output) -> Result<()> {
    let begun = Instant::now();
    folder::prepare(&asked.output)?;
    let mut durations = Durations::new();

    let stage = Stage::begin("world");
    let setting = worlds::make(asked)?;
    let world = setting.world.as_ref();
    let told = format!(
        "{} items, {} past choices to train on, {} phones",
        grouped(world.items().len() as u64),
        grouped(world.training().len() as u64),
        world.phones()
    );
    durations.push(("World".into(), stage.end(&told)));

    let shipped = shipping::train_and_pack(asked, &setting, &mut durations)?;
    let played = playing::play(asked, &setting, &shipped, &mut durations)?;

    let stage = Stage::begin("report");
    let report = report(asked, &setting, played.result.recorded())?;
    let story = story::tell(asked, &setting, &played, &durations);
    let title = format!("Noctule: {}", setting.title);
    let page = render_html(&Page { title: &title, report: &report, story: Some(&story) });
    let json = serde_json::to_string_pretty(&report).map_err(Error::failed(FAILED))?;
    let files =
        [("report.html", page), ("report.json", json + "\n"), ("report.csv", render_csv(&report))];
    for (name, text) in files {
        let path = asked.output.join(name);
        std::fs::write(&path, text).map_err(|error| Error::at(FAILED, &path, error))?;
    }
    durations.push(("Report".into(), stage.end("page, JSON and CSV")));

    let total = begun.elapsed();
    line(&format!("{:<10} ({:.1} s)\n", "done", total.as_secs_f64()));
    let summary = summary::Summary { asked, report: &report, played: &played, total };
    output.print(&summary.json(), &summary.text())
}

/// The numbers of the collector's Parquet, audited against what the phones recorded.
fn report(asked: &Demo, setting: &worlds::Setting, recorded: u64) -> Result<AbReport> {
    let directory = asked.output.join(folder::FEEDBACK);
    let feedback = read_feedback(&directory, setting.app).map_err(Error::failed(FAILED))?;
    let settings = AbSettings {
        experiment: Some(EXPERIMENT.into()),
        control: None,
        catalogue_items: Some(setting.world.items().len() as u64),
        recorded_events: Some(recorded),
        ..AbSettings::default()
    };
    ab_report(&feedback, &settings).map_err(Error::failed(FAILED))
}
