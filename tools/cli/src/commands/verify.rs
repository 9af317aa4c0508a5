//! `noctule verify`.

use std::path::PathBuf;

use clap::Args;
use noctule_core::base::{Clock, SystemClock};
use noctule_releases::PublicKey;
use serde_json::json;

use crate::error::{Error, Result};
use crate::output::{Output, grouped};

/// Verify a release as a phone would: signature, validity, every hash, every value.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  noctule verify release --public-key release.key.pub
  noctule verify release --public-key old.key.pub --public-key new.key.pub --json")]
pub(crate) struct Verify {
    /// Directory of the release.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,

    /// A key that the release may be signed with; may be repeated.
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,

    /// Judge validity at this moment, Unix milliseconds, instead of now.
    #[arg(long, value_name = "MS")]
    at_ms: Option<i64>,
}

/// Reads public keys.
pub(crate) fn public_keys(action: &'static str, paths: &[PathBuf]) -> Result<Vec<PublicKey>> {
    paths.iter().map(|path| PublicKey::load(path).map_err(Error::failed(action))).collect()
}

/// Verifies.
pub(crate) fn run(asked: &Verify, output: Output) -> Result<()> {
    let keys = public_keys("verify", &asked.public_key)?;
    let now_ms = asked.at_ms.unwrap_or_else(|| SystemClock::default().now_ms());
    let verified =
        noctule_releases::verify(&asked.release, &keys, now_ms).map_err(Error::failed("verify"))?;
    let release = verified.manifest.release.to_string();
    let items = grouped(verified.items as u64);
    let text = format!("{release} is good: {items} items, manifest {}", verified.manifest_sha256);
    let json = json!({
        "release": release,
        "app": verified.manifest.app,
        "items": verified.items,
        "manifest_sha256": verified.manifest_sha256,
    });
    output.print(&json, &text)
}
