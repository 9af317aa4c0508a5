//! `noctule update`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::Network;
use noctule_releases::Client;
use serde_json::json;

use super::profile::Profile;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Stage;

/// Fetch and install the newest release that a repository offers to a profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Any static file server will do for the repository. What was fetched before a break is not fetched
again; of a release that differs little from the active one only the difference comes.

Examples:
  noctule update profile --app town --line town --root root.json --repository http://127.0.0.1:8000
  noctule update profile --app town --line town --root root.json --repository URL --metered")]
pub(crate) struct Update {
    #[command(flatten)]
    profile: Profile,

    /// The line of releases to follow.
    #[arg(long)]
    line: String,

    /// `root.json` of the repository, as it ships in the app.
    #[arg(long, value_name = "FILE")]
    root: PathBuf,

    /// Address of the repository, the folder that holds `metadata` and `blobs`.
    #[arg(long, value_name = "URL")]
    repository: String,

    /// Act as on a metered network: what is large waits.
    #[arg(long)]
    metered: bool,
}

/// Fetches and installs.
pub(crate) fn run(asked: &Update, output: Output) -> Result<()> {
    let failed = "update the profile";
    let library = asked.profile.open_following(failed, &asked.root, &asked.line)?;
    library.look_for_release().map_err(Error::failed(failed))?;
    let network = if asked.metered { Network::Metered } else { Network::Unmetered };
    let stage = Stage::begin("update");
    let updated = Client::new(&asked.repository)
        .update(&library, network, &mut |here, total| stage.at(here as usize, total as usize))
        .map_err(Error::failed(failed))?;
    let took = stage.end(&format!("{} requests, {} bytes", updated.requests, updated.bytes));
    let release = updated.release.as_deref().unwrap_or("no release");
    let text = format!("{release}: {} requests, {} bytes", updated.requests, updated.bytes);
    let json = json!({
        "release": updated.release,
        "requests": updated.requests,
        "bytes": updated.bytes,
        "waits_for_unmetered": updated.waits_for_unmetered,
        "seconds": took.as_secs_f64(),
    });
    output.print(&json, &text)
}
