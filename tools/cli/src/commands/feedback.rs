//! `noctule feedback`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use noctule_core::base::Day;
use noctule_reports::{Column, Interval, ReadOut, ReadOutSettings, day_of, read_out};

use crate::error::{Error, Result};
use crate::output::Output;

const FAILED: &str = "read out the feedback";

/// Count feedback and its acceptance by any columns.
#[derive(Debug, Args)]
#[command(after_help = "\
An impression is accepted when an event of --accepted-by has the same installation, surface,
context, item and UTC day, and the same generation where it names one.

Examples:
  noctule feedback feedback --app town --by arm,context
  noctule feedback feedback --app town --by position --only arm=model --accepted-by click
  noctule feedback feedback --app town --by day,kind --since 2026-11-20 --format csv
  noctule feedback feedback --app town --by release --format parquet --output rates.parquet")]
pub(crate) struct Feedback {
    /// Directory that `noctule collect` wrote.
    #[arg(value_name = "PARQUET_DIR")]
    feedback: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// Columns to group by: day, surface, context, arm, experiment, release, position, kind, item.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', value_parser = column)]
    by: Vec<Column>,

    /// Only rows of these kinds are counted.
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    kind: Vec<String>,

    /// Only rows with this value in this column are counted, with an empty one those without any;
    /// may be repeated.
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = only)]
    only: Vec<(Column, String)>,

    /// The first day, UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    since: Option<Day>,

    /// The last day, UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Option<Day>,

    /// Kind of event by which an impression counts as accepted.
    #[arg(long, value_name = "KIND", default_value = "conversion")]
    accepted_by: String,

    /// How intervals are made.
    #[arg(long, value_enum, default_value_t = How::Clustered)]
    interval: How,

    /// Probability with which intervals hold the truth.
    #[arg(long, default_value_t = 0.95)]
    confidence: f64,

    /// Groups of fewer installations are withheld, so that nobody is read off a row; 1 shows all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    min_installations: u64,

    /// The form of the result: a table unless --json is given.
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// File that gets the result, which is else printed; Parquet needs one.
    #[arg(long, value_name = "FILE", required_if_eq("format", "parquet"))]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// By installation: impressions of one person are alike.
    Clustered,
    /// As if every impression were another person's.
    Wilson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Csv,
    Json,
    Parquet,
}

fn column(text: &str) -> Result<Column, noctule_reports::Error> {
    text.parse()
}

fn day(text: &str) -> Result<Day, noctule_reports::Error> {
    day_of(text)
}

fn only(text: &str) -> Result<(Column, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not COLUMN=VALUE")?;
    Ok((column(name).map_err(|error| error.to_string())?, value.to_owned()))
}

/// Settings have the names of their flags.
fn of_the_flag(error: noctule_reports::Error) -> Error {
    match error {
        noctule_reports::Error::InvalidSetting { setting, reason } => {
            Error::failed(FAILED)(format!("--{setting}: {reason}"))
        }
        other => Error::failed(FAILED)(other),
    }
}

/// Counts.
pub(crate) fn run(asked: &Feedback, output: Output) -> Result<()> {
    let format = match (asked.format, output.is_json()) {
        (None, false) => Format::Table,
        (None | Some(Format::Json), _) => Format::Json,
        (Some(format), false) => format,
        (Some(_), true) => {
            let reason = "--format: another form than JSON was asked for, and --json too";
            return Err(Error::failed(FAILED)(reason));
        }
    };
    let settings = ReadOutSettings {
        by: asked.by.clone(),
        kinds: asked.kind.clone(),
        only: asked.only.clone(),
        since: asked.since,
        until: asked.until,
        accepted_by: asked.accepted_by.clone(),
        interval: match asked.interval {
            How::Clustered => Interval::Clustered,
            How::Wilson => Interval::Wilson,
        },
        confidence: asked.confidence,
        installations_min: asked.min_installations,
    };
    let table = read_out(&asked.feedback, &asked.app, &settings).map_err(of_the_flag)?;
    match &asked.output {
        Some(path) => write(&table, format, path),
        None => print(&table, format),
    }
}

fn write(table: &ReadOut, format: Format, path: &PathBuf) -> Result<()> {
    let text = match format {
        Format::Parquet => return table.write_parquet(path).map_err(Error::failed(FAILED)),
        Format::Table => table.to_table(),
        Format::Csv => table.to_csv(),
        Format::Json => format!("{:#}\n", table.to_json()),
    };
    std::fs::write(path, text).map_err(|error| Error::at(FAILED, path, error))
}

fn print(table: &ReadOut, format: Format) -> Result<()> {
    let text = if format == Format::Csv { table.to_csv() } else { table.to_table() };
    Output::new(format == Format::Json).print(&table.to_json(), &text)
}
