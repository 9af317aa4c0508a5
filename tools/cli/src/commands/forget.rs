//! `noctule forget-installation`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// Delete everything of installations from what a collector wrote, and never store them again.
#[derive(Debug, Args)]
#[command(after_help = "\
The collector of the folder must not run; one that runs is asked with POST /v1/deletions. Those of
an object store may run.

Example:
  noctule forget-installation feedback --app town 0190a5c0-0000-7000-8000-000000000001")]
pub(crate) struct ForgetInstallation {
    /// Directory that `noctule collect` wrote, or the URL of its object store.
    #[arg(value_name = "DIR_OR_URL")]
    feedback: PathBuf,

    /// The app.
    #[arg(long)]
    app: String,

    /// Pseudonyms of the installations.
    #[arg(value_name = "INSTALLATION", required = true)]
    installations: Vec<Uuid>,
}

/// Forgets.
pub(crate) fn run(asked: &ForgetInstallation, output: Output) -> Result<()> {
    let failed = "forget installations";
    let is_url = asked.feedback.to_str().is_some_and(|text| text.contains("://"));
    if !is_url && !asked.feedback.is_dir() {
        let reason = format!("{}: is no directory", asked.feedback.display());
        return Err(Error::failed(failed)(reason));
    }
    let files = noctule_collector::forget(&asked.feedback, &asked.app, &asked.installations)
        .map_err(Error::failed(failed))?;
    let text = format!(
        "{} installations of {} are forgotten, {} files held something of them",
        grouped(asked.installations.len() as u64),
        asked.app,
        grouped(files)
    );
    let json = json!({
        "app": asked.app,
        "installations": asked.installations.len(),
        "rewritten_files": files,
    });
    output.print(&json, &text)
}
