//! `noctule compare`.

use std::path::PathBuf;

use clap::Args;
use noctule_trainer::evaluation::{BootstrapSettings, Metric};
use noctule_trainer::run::{RunComparison, compare_runs, read_run};

use crate::error::{Error, Result};
use crate::output::Output;

const FAILED: &str = "compare the runs";

/// Test whether one run is better than another for the same users.
#[derive(Debug, Args)]
#[command(after_help = "\
By default the best model of each run, by NDCG, is compared. Both runs must have the same data and
split, and rank in the same way.

Examples:
  noctule compare noctule-runs/evaluate-town-1f0c9a3e noctule-runs/evaluate-town-77ab01cd
  noctule compare run run --models ials,ease --metrics ndcg,hit_rate,mrr")]
pub(crate) struct Compare {
    /// Folder of the first run.
    #[arg(value_name = "RUN")]
    first: PathBuf,

    /// Folder of the second run, which is taken from the first.
    #[arg(value_name = "RUN")]
    second: PathBuf,

    /// A model of the first run and one of the second.
    #[arg(long, value_name = "MODEL,MODEL", value_parser = two_models)]
    models: Option<[String; 2]>,

    /// Measures that are compared.
    #[arg(
        long,
        value_name = "METRICS",
        value_delimiter = ',',
        value_parser = metric,
        default_value = "ndcg,hit_rate,mrr"
    )]
    metrics: Vec<Metric>,

    /// How often users are drawn anew for the intervals.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    resamples: usize,
}

/// `ials,ease`.
fn two_models(text: &str) -> Result<[String; 2], String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    names.try_into().map_err(|_| "two names with a comma between them are needed".to_owned())
}

fn metric(name: &str) -> Result<Metric, String> {
    let known = Metric::ALL.map(Metric::name).join(", ");
    Metric::from_name(name).ok_or_else(|| format!("there are {known}"))
}

/// Compares.
pub(crate) fn run(asked: &Compare, output: Output) -> Result<()> {
    let model = |place: usize, folder: &PathBuf| -> Result<String> {
        if let Some(names) = &asked.models {
            return Ok(names[place].clone());
        }
        let record = read_run(folder).map_err(Error::failed(FAILED))?;
        let models = record.models.iter().map(|model| &model.report);
        let best = models.max_by(|a, b| a.evaluation.ndcg.total_cmp(&b.evaluation.ndcg));
        best.map(|report| report.name.clone())
            .ok_or_else(|| Error::at(FAILED, folder, "measured no model"))
    };
    let (first, second) = (model(0, &asked.first)?, model(1, &asked.second)?);
    let settings = BootstrapSettings { resamples: asked.resamples, ..BootstrapSettings::default() };
    let found =
        compare_runs((&asked.first, &first), (&asked.second, &second), &asked.metrics, &settings);
    let found = found.map_err(Error::failed(FAILED))?;
    output.print(&found, &text(&found))
}

fn text(comparisons: &[RunComparison]) -> String {
    let mut text = String::new();
    if let Some(first) = comparisons.first() {
        text.push_str(&format!(
            "{} minus {}, {} users ({} measured in one run only)\n{:<12} {:>10} {:>22} {:>7} \
             {:>7} {:>10} {:>10}\n",
            first.first,
            first.second,
            first.users,
            first.unpaired,
            "",
            "difference",
            "95 %",
            "better",
            "worse",
            "p adjusted",
            "Wilcoxon"
        ));
    }
    for comparison in comparisons {
        let result = &comparison.result;
        let interval = format!("{:+.4} to {:+.4}", result.difference.low, result.difference.high);
        let wilcoxon = result.wilcoxon.map_or("-".into(), |test| format!("{:.4}", test.p));
        text.push_str(&format!(
            "{:<12} {:>+10.4} {interval:>22} {:>6.1}% {:>6.1}% {:>10.4} {wilcoxon:>10}\n",
            comparison.metric.name(),
            result.difference.value,
            result.wins * 100.0,
            result.losses * 100.0,
            comparison.adjusted_p
        ));
    }
    text
}
