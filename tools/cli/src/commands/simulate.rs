//! `noctule simulate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use noctule_core::release::Policy;
use noctule_simulator::fleet::{Acceptance, FleetResult, FleetSettings, run_fleet};
use noctule_simulator::{Town, TownSettings, World as _};
use serde_json::json;

use super::verify::public_keys;
use crate::dataset::{self, PLAN_FILE};
use crate::error::{Error, Result};
use crate::output::{Output, grouped};
use crate::progress::Stage;

/// Make a town, or let a fleet of phones live in it.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a town's restaurants and visits as data to train on.
    #[command(after_help = "\
Writes catalogue.jsonl, interactions.csv, users.csv and plan.json.

Examples:
  noctule simulate town town
  noctule simulate town small --seed 7 --restaurants 80 --residents 300")]
    Town(TownCommand),

    /// Let phones live in a town: nights, mornings, choices, uploads.
    #[command(after_help = "\
Seed and sizes must be those of the town that the release was trained on. The phones live from
8 January 2026 on: pack the release with --created-ms 1767744000000.

Examples:
  noctule simulate fleet --release release --public-key release.key.pub --app town \\
      --directory phones --collector http://127.0.0.1:8080 --phones 60 --nights 7")]
    Fleet(FleetCommand),
}

/// Which town.
#[derive(Debug, Args)]
struct TownArguments {
    /// Seed, from which everything follows.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Restaurants.
    #[arg(long, default_value_t = TownSettings::default().restaurants)]
    restaurants: usize,

    /// People whose visits are the data to train on.
    #[arg(long, default_value_t = TownSettings::default().residents)]
    residents: usize,

    /// Weeks of visits.
    #[arg(long, default_value_t = TownSettings::default().weeks)]
    weeks: u32,
}

impl TownArguments {
    fn town(&self, phones: usize) -> Result<Town> {
        let Self { seed, restaurants, residents, weeks } = *self;
        let settings = TownSettings { seed, restaurants, residents, phones, weeks };
        Town::new(&settings).map_err(Error::failed("make the town"))
    }
}

#[derive(Debug, Args)]
struct TownCommand {
    /// Directory that gets the data.
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    #[command(flatten)]
    town: TownArguments,
}

#[derive(Debug, Args)]
struct FleetCommand {
    #[command(flatten)]
    town: TownArguments,

    /// Phones.
    #[arg(long, default_value_t = 60)]
    phones: usize,

    /// Nights.
    #[arg(long, default_value_t = 7)]
    nights: u32,

    /// Directory that gets a directory for each phone.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,

    /// Release that every phone installs.
    #[arg(long, value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// The app.
    #[arg(long, default_value = "town")]
    app: String,

    /// Address of a collector; without one nothing is sent.
    #[arg(long, value_name = "URL")]
    collector: Option<String>,

    /// Threads; they change no result.
    #[arg(long, default_value_t = threads())]
    threads: usize,

    /// Keep the phones' directories.
    #[arg(long)]
    keep: bool,
}

/// Threads of this machine that a fleet is spread over.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(256)
}

/// Simulates.
pub(crate) fn run(asked: &Simulate, output: Output) -> Result<()> {
    match &asked.what {
        What::Town(asked) => town(asked, output),
        What::Fleet(asked) => fleet(asked, output),
    }
}

fn town(asked: &TownCommand, output: Output) -> Result<()> {
    let town = asked.town.town(0)?;
    town.write_directory(&asked.directory).map_err(Error::failed("write the town"))?;
    let plan = asked.directory.join(PLAN_FILE);
    dataset::write_json("write the town", &plan, town.plan())?;
    let (items, visits) = (town.items().len(), town.training().len());
    let text = format!(
        "{} restaurants and {} visits in {}",
        grouped(items as u64),
        grouped(visits as u64),
        asked.directory.display()
    );
    let json = json!({ "directory": asked.directory, "items": items, "interactions": visits });
    output.print(&json, &text)
}

fn fleet(asked: &FleetCommand, output: Output) -> Result<()> {
    let failed = "simulate the fleet";
    let keys = public_keys(failed, &asked.public_key)?;
    let settings = FleetSettings {
        phones: asked.phones,
        nights: asked.nights,
        seed: asked.town.seed,
        directory: asked.directory.clone(),
        collector_url: asked.collector.clone(),
        app: asked.app.clone(),
        trusted_keys: keys.into_iter().map(|key| key.0).collect(),
        release: asked.release.clone(),
        threads: asked.threads,
        keep_directories: asked.keep,
    };
    let town = asked.town.town(asked.phones)?;
    let stage = Stage::begin("nights");
    let progress = |done, total| stage.at(done, total);
    let result = run_fleet(&town, &settings, &progress).map_err(Error::failed(failed))?;
    stage.end(&format!("{} phones, {} nights each", asked.phones, asked.nights));
    print(&result, output)
}

fn print(result: &FleetResult, output: Output) -> Result<()> {
    let rates = |policy| -> Vec<f64> {
        result.acceptance_by_day(policy).into_iter().map(Acceptance::rate).collect()
    };
    let (model, baseline) = (rates(Policy::Model), rates(Policy::Baseline));
    let mut text = format!(
        "{} events recorded, {} acknowledged by the collector\n",
        grouped(result.recorded()),
        grouped(result.acknowledged())
    );
    for (name, days) in [("model", &model), ("baseline", &baseline)] {
        if !days.is_empty() {
            let days: Vec<String> =
                days.iter().map(|rate| format!("{:.1} %", rate * 100.0)).collect();
            text.push_str(&format!("accepted by day, {name}: {}\n", days.join(", ")));
        }
    }
    let micros = |time: std::time::Duration| time.as_secs_f64() * 1e6;
    let json = json!({
        "phones": result.phones.len(),
        "recorded": result.recorded(),
        "acknowledged": result.acknowledged(),
        "acceptance_by_day": { "model": model, "baseline": baseline },
        "night_p50_us": micros(result.timings.night_p50),
        "recommend_p50_us": micros(result.timings.recommend_p50),
        "record_p50_us": micros(result.timings.record_p50),
    });
    output.print(&json, &text)
}
