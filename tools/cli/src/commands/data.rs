//! `noctule data`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::Day;
use noctule_trainer::datasets::statistics::Spread;
use noctule_trainer::datasets::{DataStatistics, describe};
use noctule_trainer::page::data_page;
use noctule_trainer::run::data_digest;
use noctule_trainer::split::SplitRule;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};
use crate::source::SourceOptions;

/// Show what a data set looks like, and what its splits leak.
#[derive(Debug, Args)]
#[command(after_help = "\
PATH is a folder or a file of any layout that `noctule train` reads.

Examples:
  noctule data town
  noctule data events.parquet --user-column customer --positive-rating 4 --output data.html
  noctule data Beauty.txt --core-users 5 --core-items 5 --json")]
pub(crate) struct Data {
    /// The data.
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// File that gets the page.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    source: SourceOptions,
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    digest: String,
    statistics: DataStatistics,
    /// What the reader met.
    warnings: Vec<String>,
    /// What leaving the last choice out leaks.
    leave_last_out: Vec<String>,
    /// What a split by time leaks; none without times.
    global_time: Option<Vec<String>>,
    /// Events that have a propensity, of a collector's folder.
    with_propensity: usize,
}

/// Describes.
pub(crate) fn run(asked: &Data, output: Output) -> Result<()> {
    const FAILED: &str = "describe the data";
    let (dataset, _) = asked.source.read(&asked.path, None)?;
    let leaks = |rule: SplitRule| -> noctule_trainer::Result<Vec<String>> {
        let (_, leaks) = rule.apply(&dataset.data, 1)?;
        Ok(leaks.iter().map(ToString::to_string).collect())
    };
    let by_time = leaks(SplitRule::GlobalTime { validation: 0.1, test: 0.2 });
    let told = Told {
        digest: data_digest(&dataset.data),
        statistics: describe(&dataset.data),
        warnings: dataset.warnings.iter().map(ToString::to_string).collect(),
        leave_last_out: leaks(SplitRule::default()).map_err(Error::failed(FAILED))?,
        global_time: by_time.ok(),
        with_propensity: dataset.propensities.iter().flatten().count(),
    };
    if let Some(path) = &asked.output {
        let named = |name: &str, lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| format!("{name}: {line}")).collect()
        };
        let mut warnings = told.warnings.clone();
        warnings.extend(named("Leaving the last choice out", &told.leave_last_out));
        warnings.extend(named("Split by time", told.global_time.as_deref().unwrap_or(&[])));
        let page = data_page(&asked.path.display().to_string(), &told.statistics, &warnings);
        std::fs::write(path, page).map_err(|error| Error::at(FAILED, path, error))?;
    }
    output.print(&told, &text(&told))
}

fn text(told: &Told) -> String {
    let statistics = &told.statistics;
    let mut text = format!(
        "{} events, {} different pairs of {} users and {} items ({} in the catalogue)\n\
         density {:.4} %, {} users with fewer than three events\n",
        grouped(statistics.events as u64),
        grouped(statistics.pairs as u64),
        grouped(statistics.users.count as u64),
        grouped(statistics.items.count as u64),
        grouped(statistics.catalogue as u64),
        statistics.density * 100.0,
        grouped(statistics.short_users as u64)
    );
    text.push_str(&format!(
        "left out: {} repeated rows, {} that are not positive\n",
        grouped(statistics.duplicates),
        grouped(statistics.not_positive)
    ));
    text.push_str(&format!(
        "{:<7} {:>9} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6}\n",
        "events", "mean", "least", "5 %", "25 %", "50 %", "75 %", "95 %", "most", "Gini"
    ));
    for (name, spread) in [("by user", &statistics.users), ("by item", &statistics.items)] {
        let Spread { mean, least, p5, p25, p50, p75, p95, most, gini, .. } = *spread;
        text.push_str(&format!(
            "{name:<7} {mean:>9.2} {least:>7} {p5:>6} {p25:>6} {p50:>6} {p75:>6} {p95:>6} \
             {most:>7} {gini:>6.3}\n"
        ));
    }
    if let Some(time) = &statistics.time {
        text.push_str(&format!(
            "from {} to {}, {} events without a time, {} users with two events at the same time\n",
            Day::at(time.first_ms, 0),
            Day::at(time.last_ms, 0),
            grouped(time.without as u64),
            grouped(time.users_with_ties as u64)
        ));
    }
    for leak in &told.leave_last_out {
        text.push_str(&format!("leaving the last choice out: {leak}\n"));
    }
    for leak in told.global_time.iter().flatten() {
        text.push_str(&format!("split by time: {leak}\n"));
    }
    text
}
