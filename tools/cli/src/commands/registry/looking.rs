//! Commands that change nothing.

use clap::Args;
use noctule_releases::registry::{Reference, Registry, diff, lineage_text, list_text};

use super::{ACTION, failed, reference};
use crate::error::{Error, Result};
use crate::output::Output;

/// One release.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,
}

/// Two releases.
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The old release.
    #[arg(value_name = "OLD", value_parser = reference)]
    old: Reference,

    /// The new release.
    #[arg(value_name = "NEW", value_parser = reference)]
    new: Reference,
}

pub(super) fn list(place: &Registry, output: Output) -> Result<()> {
    let rows = place.state().map_err(failed())?.table();
    output.print(&rows, &list_text(&rows))
}

pub(super) fn show(asked: &Show, place: &Registry, output: Output) -> Result<()> {
    let state = place.state().map_err(failed())?;
    let shown = state.show(&asked.release).map_err(failed())?;
    output.print(&shown, &shown.to_string())
}

pub(super) fn compare(asked: &Compare, place: &Registry, output: Output) -> Result<()> {
    let found = diff(place, &asked.old, &asked.new).map_err(failed())?;
    output.print(&found, &found.to_string())
}

pub(super) fn lineage(asked: &Show, place: &Registry, output: Output) -> Result<()> {
    let state = place.state().map_err(failed())?;
    let chain = state.lineage(&asked.release).map_err(failed())?;
    output.print(&chain, &lineage_text(&chain))
}

/// Prints what was found; fails when anything is wrong.
pub(super) fn doctor(place: &Registry, output: Output) -> Result<()> {
    let health = place.examine().map_err(failed())?;
    output.print(&health, &health.to_string())?;
    match health.findings.len() {
        0 => Ok(()),
        wrong => Err(Error::failed(ACTION)(format!("{wrong} objects are wrong"))),
    }
}
