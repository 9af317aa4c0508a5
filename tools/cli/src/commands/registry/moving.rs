//! Commands that move a release into the registry or out of it.

use std::path::PathBuf;

use clap::Args;
use noctule_releases::registry::mlflow::{Server, SignIn};
use noctule_releases::registry::{DeltaFrom, PublishOptions, Published, Reference, Registry};
use serde_json::json;

use super::{ACTION, failed, reference};
use crate::commands::verify::public_keys;
use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// A release to publish.
#[derive(Debug, Args)]
pub(super) struct Publish {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that it may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// An alias that points at it; may be repeated.
    #[arg(long, value_name = "ALIAS")]
    alias: Vec<String>,

    /// Percent of the devices that are offered it: 0, 1, 5, 10, 25, 50 or 100.
    #[arg(long, default_value_t = 0)]
    percent: u8,

    /// Versions from which deltas to it are made, with commas; by default the champion and the
    /// newest that is offered. A delta is kept when it has less than half of the full bytes.
    #[arg(long, value_name = "N", value_delimiter = ',', conflicts_with = "no_delta")]
    delta_from: Vec<u64>,

    /// Make no delta.
    #[arg(long)]
    no_delta: bool,

    /// Publish it whatever its checks say.
    #[arg(long)]
    no_exam: bool,
}

/// A release to get back.
#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// A key that it may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// Directory that gets it.
    #[arg(long, value_name = "RELEASE_DIR")]
    output: PathBuf,
}

/// A release to send to MLflow, or to take from there.
#[derive(Debug, Args)]
pub(super) struct OverMlflow {
    /// NAME@VERSION or NAME@ALIAS; for an import, as MLflow has it.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// Address of the MLflow server. Who asks it is said by MLflow's own variables:
    /// `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`.
    #[arg(long, value_name = "URI")]
    mlflow: String,

    /// A key that it may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,
}

pub(super) fn publish(asked: &Publish, place: &Registry, output: Output) -> Result<()> {
    let delta_from = match (asked.no_delta, asked.delta_from.is_empty()) {
        (true, _) => DeltaFrom::Nothing,
        (false, true) => DeltaFrom::Likely,
        (false, false) => DeltaFrom::Versions(asked.delta_from.clone()),
    };
    let options = PublishOptions {
        keys: public_keys(ACTION, &asked.public_key)?,
        aliases: asked.alias.clone(),
        percent: asked.percent,
        delta_from,
        no_exam: asked.no_exam,
        ..PublishOptions::default()
    };
    let published = place.publish(&asked.release, &options).map_err(refused)?;
    output.print(&published, &published_text(&published))
}

/// A release that fails its checks ends the command as `noctule verify` would.
fn refused(error: noctule_releases::Error) -> Error {
    match error {
        noctule_releases::Error::ExamFailed { release, failed, total, .. } => {
            Error::ExamFailed { release, failed, total }
        }
        error => failed()(error),
    }
}

fn published_text(published: &Published) -> String {
    let (release, commit) = (&published.release, published.commit);
    let (sent, bytes) = (published.sent, grouped(published.sent_bytes));
    let reused = published.reused;
    let mut text = format!(
        "{release} is published with commit {commit}: {sent} blobs of {bytes} bytes sent, \
         {reused} were there"
    );
    for delta in &published.deltas {
        let (from, bytes, full) = (delta.from, grouped(delta.bytes), grouped(delta.full_bytes));
        let kept = if delta.kept { "" } else { ": not worth it, left out" };
        text.push_str(&format!("\ndelta from version {from}: {bytes} of {full} bytes{kept}"));
    }
    text
}

pub(super) fn fetch(asked: &Fetch, place: &Registry, output: Output) -> Result<()> {
    let keys = public_keys(ACTION, &asked.public_key)?;
    let release = place.fetch(&asked.release, &keys, &asked.output).map_err(failed())?;
    let text = format!("{release} is in {}, verified", asked.output.display());
    output.print(&json!({"release": release.to_string(), "directory": asked.output}), &text)
}

fn server(asked: &OverMlflow) -> Result<Server> {
    let sign_in = SignIn::of_variables(|name| std::env::var(name).ok()).map_err(failed())?;
    Ok(Server { uri: asked.mlflow.clone(), sign_in })
}

pub(super) fn export(asked: &OverMlflow, place: &Registry, output: Output) -> Result<()> {
    let keys = public_keys(ACTION, &asked.public_key)?;
    let exported = place.export_to_mlflow(&asked.release, &keys, &server(asked)?);
    let exported = exported.map_err(failed())?;
    let how = if exported.was_there { "was there already as" } else { "is now" };
    let (release, version, run) = (&exported.release, &exported.model_version, &exported.run_id);
    let text = format!("{release} {how} version {version} of the model at MLflow, run {run}");
    output.print(&exported, &text)
}

pub(super) fn import(asked: &OverMlflow, place: &Registry, output: Output) -> Result<()> {
    let keys = public_keys(ACTION, &asked.public_key)?;
    let imported = place.import_from_mlflow(&asked.release, &keys, &server(asked)?);
    let imported = imported.map_err(failed())?;
    let (release, commit) = (&imported.published.release, imported.published.commit);
    let text = format!("{release} is published with commit {commit}, offered to nobody yet");
    output.print(&imported, &text)
}
