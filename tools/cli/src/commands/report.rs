//! `noctule report`.

use std::path::PathBuf;

use clap::Args;
use noctule_reports::{
    AbReport, AbSettings, Page, ab_report, headline, read_feedback, render_csv, render_html,
    withheld,
};

use crate::error::{Error, Result};
use crate::output::Output;

/// Report on the feedback that a collector wrote.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule report feedback --app town --output report.html
  noctule report feedback --app town --output report.html --csv rates.csv
  noctule report feedback --app town --json | jq .comparisons")]
pub(crate) struct Report {
    /// Directory that `noctule collect` wrote.
    #[arg(value_name = "PARQUET_DIR")]
    feedback: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// File that gets the page.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// File that gets every rate as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Only feedback of this experiment.
    #[arg(long)]
    experiment: Option<String>,

    /// The arm that the others are compared with.
    #[arg(long)]
    control: Option<String>,

    /// Kind of event by which a showing counts as accepted.
    #[arg(long, default_value = "conversion")]
    accepted_by: String,

    /// Probability with which intervals hold the truth.
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,

    /// Minutes east of UTC in whose days nights are counted.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    offset_minutes: i32,

    /// Leave out arms, days, contexts and positions of fewer installations; 1 shows all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    min_installations: u64,
}

/// Reports.
pub(crate) fn run(asked: &Report, output: Output) -> Result<()> {
    let failed = "report";
    let feedback = read_feedback(&asked.feedback, &asked.app).map_err(Error::failed(failed))?;
    let settings = AbSettings {
        experiment: asked.experiment.clone(),
        control: asked.control.clone(),
        accepted_by: asked.accepted_by.clone(),
        confidence: asked.confidence,
        offset_minutes: asked.offset_minutes,
        installations_min: asked.min_installations,
        ..AbSettings::default()
    };
    let report = ab_report(&feedback, &settings).map_err(Error::failed(failed))?;
    if let Some(path) = &asked.output {
        let title = format!("{} – Noctule", asked.app);
        let page = render_html(&Page { title: &title, report: &report, story: None });
        std::fs::write(path, page).map_err(|error| Error::at(failed, path, error))?;
    }
    if let Some(path) = &asked.csv {
        std::fs::write(path, render_csv(&report))
            .map_err(|error| Error::at(failed, path, error))?;
    }
    output.print(&report, &text(&report, asked))
}

fn text(report: &AbReport, asked: &Report) -> String {
    let audit = &report.audit;
    let mut text = format!(
        "{}\n{} events of {} installations, {} lost, {} repeated\n",
        headline(report),
        audit.events,
        audit.installations,
        audit.lost,
        audit.repeated
    );
    if let Some(sentence) = withheld(report) {
        text.push_str(&format!("{sentence}\n"));
    }
    for path in asked.output.iter().chain(&asked.csv) {
        text.push_str(&format!("{}\n", path.display()));
    }
    text
}
