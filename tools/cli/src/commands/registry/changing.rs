//! Commands that make one commit.

use std::time::Duration;

use clap::Args;
use noctule_releases::registry::{GcOptions, Reference, Registry, State, list_text};

use super::{failed, reference};
use crate::error::Result;
use crate::output::Output;

/// An alias.
#[derive(Debug, Args)]
pub(super) struct Alias {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// The alias (champion, challenger, any name).
    #[arg(value_name = "ALIAS")]
    alias: String,

    /// Remove it instead.
    #[arg(long)]
    remove: bool,
}

/// A tag.
#[derive(Debug, Args)]
pub(super) struct Tag {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// Its key.
    #[arg(value_name = "KEY")]
    key: String,

    /// Its value; without one the tag is removed.
    #[arg(value_name = "VALUE")]
    value: Option<String>,
}

/// A promotion.
#[derive(Debug, Args)]
pub(super) struct Promote {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// The alias that it gets.
    #[arg(long, value_name = "ALIAS", default_value = "champion")]
    to: String,
}

/// A step of a roll-out.
#[derive(Debug, Args)]
pub(super) struct RollOut {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,

    /// 0, 1, 5, 10, 25, 50 or 100 percent of the devices.
    #[arg(value_name = "PERCENT")]
    percent: u8,
}

/// A halt, or its end.
#[derive(Debug, Args)]
pub(super) struct Halt {
    /// NAME@VERSION or NAME@ALIAS.
    #[arg(value_name = "RELEASE", value_parser = reference)]
    release: Reference,
}

/// A collection of garbage.
#[derive(Debug, Args)]
pub(super) struct Gc {
    /// Say only what would go.
    #[arg(long)]
    dry_run: bool,

    /// Newest versions of each line that stay.
    #[arg(long, value_name = "N", default_value_t = 10)]
    keep: usize,

    /// Hours for which a blob stays that nothing refers to yet.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    grace_hours: u32,
}

pub(super) fn alias(asked: &Alias, place: &Registry, output: Output) -> Result<()> {
    let state = match asked.remove {
        true => place.remove_alias(&asked.release.name, &asked.alias),
        false => place.alias(&asked.release, &asked.alias),
    };
    print(&state.map_err(failed())?, output)
}

pub(super) fn tag(asked: &Tag, place: &Registry, output: Output) -> Result<()> {
    let state = place.tag(&asked.release, &asked.key, asked.value.as_deref());
    let shown = state.and_then(|state| state.show(&asked.release)).map_err(failed())?;
    output.print(&shown, &shown.to_string())
}

pub(super) fn promote(asked: &Promote, place: &Registry, output: Output) -> Result<()> {
    print(&place.promote(&asked.release, &asked.to).map_err(failed())?, output)
}

pub(super) fn roll_out(asked: &RollOut, place: &Registry, output: Output) -> Result<()> {
    print(&place.roll_out(&asked.release, asked.percent).map_err(failed())?, output)
}

pub(super) fn halt(asked: &Halt, place: &Registry, output: Output) -> Result<()> {
    print(&place.halt(&asked.release).map_err(failed())?, output)
}

pub(super) fn resume(asked: &Halt, place: &Registry, output: Output) -> Result<()> {
    print(&place.resume(&asked.release).map_err(failed())?, output)
}

pub(super) fn collect(asked: &Gc, place: &Registry, output: Output) -> Result<()> {
    let grace = Duration::from_secs(u64::from(asked.grace_hours) * 3_600);
    let options = GcOptions { keep: asked.keep, grace, dry_run: asked.dry_run };
    let collected = place.collect_garbage(&options).map_err(failed())?;
    output.print(&collected, &collected.to_string())
}

/// The table of all releases after a change.
pub(super) fn print(state: &State, output: Output) -> Result<()> {
    let rows = state.table();
    output.print(&rows, &list_text(&rows))
}
