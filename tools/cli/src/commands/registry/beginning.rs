//! The roots of a registry.

use std::path::PathBuf;

use clap::Args;
use noctule_releases::registry::Registry;
use serde_json::json;

use super::{ACTION, failed};
use crate::error::{Error, Result};
use crate::output::Output;

/// A registry to begin.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// A signed root file (root.json) for devices to follow; the next ones in their order.
    #[arg(long, value_name = "FILE")]
    root: Vec<PathBuf>,
}

pub(super) fn init(asked: &Init, at: &str, place: &Registry, output: Output) -> Result<()> {
    place.check_place().map_err(failed())?;
    let mut newest = None;
    for path in &asked.root {
        let bytes = std::fs::read(path).map_err(|error| Error::at(ACTION, path, error))?;
        newest = Some(place.add_root(&bytes).map_err(failed())?);
    }
    let text = match newest {
        Some(version) => format!("{at} is a registry; devices follow root {version}"),
        None => format!("{at} is a registry without a root: it is for a team, not for devices"),
    };
    output.print(&json!({"place": at, "root": newest}), &text)
}
