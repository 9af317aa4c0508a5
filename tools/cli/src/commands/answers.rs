//! `noctule answers`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use noctule_reports::{answers_csv, answers_table, private_answers};

use crate::error::{Error, Result};
use crate::output::Output;

const FAILED: &str = "read the private answers";

/// Estimate the truth behind answers that phones told with noise.
#[derive(Debug, Args)]
#[command(after_help = "\
Of what an installation answered about an item the last counts. Shares are estimated without bias,
so that single ones may lie below 0 %; tools/docs/local-privacy.md says how.

Example:
  noctule answers feedback --app town")]
pub(crate) struct Answers {
    /// Directory that `noctule collect` wrote.
    #[arg(value_name = "PARQUET_DIR")]
    feedback: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// Questions that fewer installations answered are withheld.
    #[arg(long, value_name = "N", default_value_t = 20)]
    min_installations: u64,

    /// The form of the result where --json is not given.
    #[arg(long, value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Csv,
}

/// Estimates.
pub(crate) fn run(asked: &Answers, output: Output) -> Result<()> {
    let mut answers =
        private_answers(&asked.feedback, &asked.app).map_err(Error::failed(FAILED))?;
    answers.retain(|of| of.installations >= asked.min_installations);
    let text = match asked.format {
        Form::Table => answers_table(&answers),
        Form::Csv => answers_csv(&answers),
    };
    output.print(&answers, &text)
}
