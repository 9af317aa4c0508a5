//! `noctule inspect`.

use std::path::PathBuf;

use clap::Args;

use super::verify::public_keys;
use crate::error::{Error, Result};
use crate::output::Output;

/// Show what a release consists of. Reads the manifest only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule inspect release
  noctule inspect release --public-key release.key.pub --json")]
pub(crate) struct Inspect {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// Check the signature with this key; may be repeated.
    #[arg(long, value_name = "FILE")]
    public_key: Vec<PathBuf>,
}

/// Inspects.
pub(crate) fn run(asked: &Inspect, output: Output) -> Result<()> {
    let keys = public_keys("inspect", &asked.public_key)?;
    let found =
        noctule_releases::inspect(&asked.release, &keys).map_err(Error::failed("inspect"))?;
    output.print(&found, &found.to_string())
}
