//! `noctule starter`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::{Clock, SystemClock};
use noctule_releases::{SecretKey, StarterSize, pack_starter};
use serde_json::json;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

const ACTION: &str = "pack a starter";

/// Pack a release for the app to ship, cut down to the most popular items: the first slate then
/// needs no network.
#[derive(Debug, Args)]
#[command(after_help = "\
It reads what `noctule pack` reads. Sign it with a key that the app knows as one of its trusted
keys, add the folder to the app, and let StarterRelease of the Android or iOS library install it.
Its line is called as the release's with -starter behind it; any release that is delivered takes
its place.

Examples:
  noctule starter model --key release.key --output starter
  noctule starter model --items 500 --key release.key --output starter")]
pub(crate) struct Starter {
    /// Directory of the trained model with its pack.json, as `noctule pack` leaves it.
    #[arg(value_name = "MODEL_DIR")]
    model: PathBuf,

    /// Bytes of the whole directory.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, conflicts_with = "items")]
    bytes: u64,

    /// So many items instead.
    #[arg(long, value_name = "N")]
    items: Option<usize>,

    /// Days for which it is valid: as long as this build of the app is installed anywhere.
    #[arg(long, value_name = "DAYS", default_value_t = 730)]
    valid_days: u32,

    /// Key to sign with.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Directory that gets the release.
    #[arg(long, value_name = "RELEASE_DIR")]
    output: PathBuf,
}

/// Packs it.
pub(crate) fn run(asked: &Starter, output: Output) -> Result<()> {
    let key = SecretKey::load(&asked.key).map_err(Error::failed(ACTION))?;
    let size = asked.items.map_or(StarterSize::Bytes(asked.bytes), StarterSize::Items);
    let now_ms = SystemClock::default().now_ms();
    let packed = pack_starter(&asked.model, &key, &asked.output, now_ms, asked.valid_days, size)
        .map_err(Error::failed(ACTION))?;
    let release = packed.manifest.release.to_string();
    let text = format!(
        "{release} in {}: {} bytes, signed by {}",
        packed.directory.display(),
        grouped(packed.bytes),
        key.public()
    );
    let json = json!({
        "release": release,
        "directory": packed.directory,
        "bytes": packed.bytes,
        "manifest_sha256": packed.manifest_sha256,
    });
    output.print(&json, &text)
}
