//! `noctule delta`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use noctule_releases::{MadeDelta, make_delta};
use serde_json::json;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// Write what changed between two releases into one file, which a phone that has the older one
/// fetches instead of the newer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule delta town-7 town-8 --output 7-to-8.delta
  noctule delta town-7 town-8 --output 7-to-8.delta --json")]
pub(crate) struct Delta {
    /// Directory of the release that phones have.
    #[arg(value_name = "OLD_DIR")]
    old: PathBuf,

    /// Directory of the release that they shall have.
    #[arg(value_name = "NEW_DIR")]
    new: PathBuf,

    /// The file to write; never overwritten.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

/// Makes the delta.
pub(crate) fn run(asked: &Delta, output: Output) -> Result<()> {
    let made =
        make_delta(&asked.old, &asked.new, &asked.output).map_err(Error::failed("make a delta"))?;
    let files: Vec<_> = made
        .files
        .iter()
        .map(|file| {
            json!({
                "name": file.name, "bytes": file.bytes, "full_bytes": file.full_bytes,
                "added_bytes": file.added_bytes,
            })
        })
        .collect();
    let json = json!({
        "from": made.from, "to": made.to, "bytes": made.bytes, "full_bytes": made.full_bytes,
        "files": files,
    });
    output.print(&json, &text(&made))
}

fn text(made: &MadeDelta) -> String {
    let mut text = format!("{:<24} {:>13} {:>13} {:>8}\n", "file", "moves", "full", "share");
    let rows = made.files.iter().map(|file| (file.name.as_str(), file.bytes, file.full_bytes));
    for (name, bytes, full) in rows.chain([("all", made.bytes, made.full_bytes)]) {
        let share = 100.0 * bytes as f64 / full.max(1) as f64;
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "{name:<24} {:>13} {:>13} {share:>7.2}%", grouped(bytes), grouped(full));
    }
    text
}
