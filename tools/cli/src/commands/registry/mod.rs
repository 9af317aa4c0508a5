//! `noctule registry`.

mod beginning;
mod changing;
mod keys;
mod looking;
mod moving;

use clap::{Args, Subcommand};
use noctule_releases::registry::{Reference, Registry as Place};

use crate::error::{Error, Result};
use crate::output::Output;

/// Keep releases for a team and for devices, in a folder or an object store.
#[derive(Debug, Args)]
#[command(after_help = "\
A release is named NAME@VERSION or NAME@ALIAS. PLACE is a folder, or with the feature `cloud` the
URL of an object store (s3://bucket/path, gs://, az://), set up from the environment.

With --keys every command that changes something also writes what devices read, below
PLACE/metadata; without, it keeps releases for a team only.

Examples:
  noctule registry --at shelf init --root root.json
  noctule registry --at shelf --keys keys publish release --public-key release.key.pub \\
      --alias challenger --percent 5
  noctule registry --at shelf --keys keys promote town@challenger --to champion
  noctule registry --at shelf --keys keys halt town@2
  noctule registry --at shelf diff town@1 town@2
  noctule registry --at shelf export town@2 --mlflow http://127.0.0.1:5000 \\
      --public-key release.key.pub")]
pub(crate) struct Registry {
    /// Where the registry is.
    #[arg(long, value_name = "PLACE")]
    at: String,

    /// Name that the commits get; by default that of the user.
    #[arg(long, global = true, value_name = "NAME")]
    publisher: Option<String>,

    #[command(flatten)]
    keys: keys::Keys,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a registry, and give devices a root to follow.
    Init(beginning::Init),
    /// Verify a release, put its checks to it and publish it.
    Publish(moving::Publish),
    /// Get a release back, verified.
    Fetch(moving::Fetch),
    /// Send a release to an MLflow server.
    Export(moving::OverMlflow),
    /// Take a release from an MLflow server.
    Import(moving::OverMlflow),
    /// Show all releases.
    List,
    /// Show one release.
    Show(looking::Show),
    /// Show what is different between two releases.
    Diff(looking::Compare),
    /// Show where a release came from.
    Lineage(looking::Show),
    /// Hash every blob and read every state.
    Doctor,
    /// Point an alias at a release, or remove it.
    Alias(changing::Alias),
    /// Set a tag of a release, or remove it.
    Tag(changing::Tag),
    /// Point an alias at a release and offer it to every device.
    Promote(changing::Promote),
    /// Offer a release to a share of the devices.
    Rollout(changing::RollOut),
    /// Stop a release: devices that run it go back.
    Halt(changing::Halt),
    /// Take a halt back.
    Resume(changing::Halt),
    /// Sign the metadata anew before it expires.
    Refresh,
    /// Remove versions and blobs that nobody needs.
    Gc(changing::Gc),
}

/// What failures say was being done.
const ACTION: &str = "use the registry";

/// Does what was asked.
pub(crate) fn run(asked: &Registry, output: Output) -> Result<()> {
    let place = match &asked.command {
        // Only these begin a registry.
        Command::Init(_) | Command::Publish(_) | Command::Import(_) => Place::create(&asked.at),
        _ => Place::open(&asked.at),
    };
    let mut place = place.map_err(failed())?;
    if let Some(name) = &asked.publisher {
        place = place.as_publisher(name);
    }
    if asked.keys.are_given() && !matches!(asked.command, Command::Init(_) | Command::Refresh) {
        place = asked.keys.sign(place)?;
    }
    dispatch(asked, place, output)?;
    if asked.command.tells_devices() {
        asked.keys.note_unsigned();
    }
    Ok(())
}

impl Command {
    /// Whether devices should hear of what it does.
    fn tells_devices(&self) -> bool {
        matches!(
            self,
            Self::Publish(_)
                | Self::Promote(_)
                | Self::Rollout(_)
                | Self::Halt(_)
                | Self::Resume(_)
                | Self::Gc(_)
        )
    }
}

fn dispatch(all: &Registry, place: Place, output: Output) -> Result<()> {
    match &all.command {
        Command::Init(asked) => beginning::init(asked, &all.at, &place, output),
        Command::Publish(asked) => moving::publish(asked, &place, output),
        Command::Fetch(asked) => moving::fetch(asked, &place, output),
        Command::Export(asked) => moving::export(asked, &place, output),
        Command::Import(asked) => moving::import(asked, &place, output),
        Command::List => looking::list(&place, output),
        Command::Show(asked) => looking::show(asked, &place, output),
        Command::Diff(asked) => looking::compare(asked, &place, output),
        Command::Lineage(asked) => looking::lineage(asked, &place, output),
        Command::Doctor => looking::doctor(&place, output),
        Command::Alias(asked) => changing::alias(asked, &place, output),
        Command::Tag(asked) => changing::tag(asked, &place, output),
        Command::Promote(asked) => changing::promote(asked, &place, output),
        Command::Rollout(asked) => changing::roll_out(asked, &place, output),
        Command::Halt(asked) => changing::halt(asked, &place, output),
        Command::Resume(asked) => changing::resume(asked, &place, output),
        Command::Gc(asked) => changing::collect(asked, &place, output),
        Command::Refresh => changing::print(&all.keys.refresh(place)?, output),
    }
}

fn failed() -> impl FnOnce(noctule_releases::Error) -> Error {
    Error::failed(ACTION)
}

/// Reads `NAME@VERSION` or `NAME@ALIAS` from the command line.
fn reference(text: &str) -> Result<Reference, String> {
    text.parse().map_err(|error: noctule_releases::Error| error.to_string())
}
